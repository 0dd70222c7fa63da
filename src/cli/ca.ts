// `postern ca`: a small certificate authority for private networks and trials.   spec: ima 2.4

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { gather, parseNumber } from './client-options.ts';
import { type JsonOption, makeCommand, UsageError, withJsonOption } from './command.ts';
import { print, printJson } from './output.ts';

const DAYS = 397;

interface Options extends JsonOption {
  readonly folder: string;
}

export function caCommand(): Command {
  const about =
    'A small certificate authority, for private networks and trials. Its files lie in a folder; keep ca.key to yourself.';
  const group = makeCommand('ca', about, ['postern ca init "Our village"', 'postern ca issue mail.example.org']);
  const within = (command: Command) => withJsonOption(command).option('--folder <folder>', 'where its files lie', 'ca');
  group.addCommand(
    within(
      makeCommand('init', 'Make the authority: ca.crt, which everybody trusts, and ca.key.', [
        'postern ca init "Our village"',
      ]),
    )
      .argument('<name>', 'what it is called')
      .action(init),
  );
  group.addCommand(
    within(
      makeCommand('issue', 'Make a certificate: HOST.crt and HOST.key.', [
        'postern ca issue mail.example.org',
        'postern ca issue alice@example.org --client',
      ]),
    )
      .argument('<host>', 'a domain, or the address of a user')
      .option('--also <host>', 'a further domain; may be given again', gather, [])
      .option('--days <number>', 'how long it is good', parseNumber, DAYS)
      .option('--client', 'for clients, not for servers')
      .action(issueOne),
  );
  return group;
}

async function init(name: string, { folder, json }: Options): Promise<void> {
  const { made, modules } = await prepared(folder, 'ca');
  const { makeRoot } = modules;
  const root = await makeRoot(name, made);
  await write(folder, 'ca', root, json);
}

async function issueOne(
  host: string,
  options: Options & { also: string[]; days: number; client?: boolean },
): Promise<void> {
  const { folder, also, days, client } = options;
  const { made, modules } = await prepared(folder, host);
  const read = (file: string) =>
    readFile(join(folder, file), 'utf8').catch(() => {
      throw new UsageError(`there is no authority in ${folder}`, 'postern ca init NAME');
    });
  const authority = { certificate: await read('ca.crt'), key: await read('ca.key') };
  const isUser = host.includes('@');
  const issued = await modules.issue(
    authority,
    {
      ...(isUser ? { mails: [host, ...also] } : { hosts: [host, ...also] }),
      purposes: [client || isUser ? 'clientAuth' : 'serverAuth'],
      until: made.now + days * modules.DAY,
    },
    made,
  );
  await write(folder, host, issued, options.json);
}

async function prepared(folder: string, name: string) {
  const { makeFolder } = await import('../base/user-folder.ts');
  if (!/^[A-Za-z0-9@._+-]+$/.test(name) || name.startsWith('.'))
    throw new UsageError(`${name} is no domain and no address`);
  if (existsSync(join(folder, `${name}.key`)))
    throw new UsageError(`${join(folder, name)}.key is there already`, 'move it away first');
  await makeFolder(folder);
  const [authority, { systemRandom }, { systemClock, DAY }] = await Promise.all([
    import('../ima/trust/authority.ts'),
    import('../base/random.ts'),
    import('../base/time.ts'),
  ]);
  return { made: { random: systemRandom, now: systemClock.now() }, modules: { ...authority, DAY } };
}

async function write(
  folder: string,
  name: string,
  { certificate, key }: { certificate: string; key: string },
  json = false,
): Promise<void> {
  const { replaceFile } = await import('../base/files.ts');
  const [certificateFile, keyFile] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
  await replaceFile(keyFile, key);
  await replaceFile(certificateFile, certificate);
  if (json) printJson({ certificate: certificateFile, key: keyFile });
  else print(`${certificateFile}\n${keyFile}`);
}
