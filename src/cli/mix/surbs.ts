// `postern mix surb new` and `surb inspect`.   spec: mixminion-server 9.1

import { replaceFile } from '../../base/files.ts';
import { DAY } from '../../base/time.ts';
import { parseAddress } from '../../mixminion/client/paths.ts';
import { Surb } from '../../mixminion/client/surb.ts';
import { UsageError } from '../command.ts';
import { facts, print, printJson } from '../output.ts';
import { type MixOptions, openDesk, withClient, withDirectory, withPassphrase } from './desk.ts';
import { readInput } from './input.ts';

export interface NewSurbOptions extends MixOptions {
  readonly to?: string;
  readonly path?: string;
  readonly output?: string;
  readonly binary?: boolean;
  readonly count: number;
  readonly identity?: string;
  /** In days. */
  readonly lifetime?: number;
}

export async function makeSurbs(options: NewSurbOptions): Promise<void> {
  const desk = await openDesk(options);
  const { to = desk.settings.surbs.address, output = '-', binary = false, count, identity, lifetime, path } = options;
  if (to === '')
    throw new UsageError('where are the answers to go?', 'give --to ADDRESS, or set address under [surbs]');
  if (binary && output === '-' && process.stdout.isTTY)
    throw new UsageError('a terminal is no place for binary blocks', 'give --output FILE, or leave --binary away');
  const address = parseAddress(to);
  const wish = { count, address, identity, path, lifetime: lifetime === undefined ? undefined : lifetime * DAY };
  const made = await withDirectory(desk, (client) => withPassphrase(desk, () => client.makeSurbs(wish)));
  const written = Buffer.concat(made.map(({ surb }) => (binary ? surb.toBytes() : Buffer.from(surb.toArmor()))));
  if (output !== '-') await replaceFile(output, written);
  else if (!options.json) process.stdout.write(written);
  for (const { decodingHandle } of made)
    desk.tell({ status: 'GENERATED_SURB', handle: decodingHandle.toString('base64') });
  if (options.json) {
    printJson(
      made.map(({ surb, decodingHandle }) => ({
        digest: surb.digest,
        expires: surb.expires.toISOString(),
        handle: decodingHandle.toString('base64'),
        ...(output === '-' ? { armor: surb.toArmor() } : {}),
      })),
    );
  } else if (output !== '-') print(`${made.length} reply ${made.length === 1 ? 'block' : 'blocks'} in ${output}`);
}

export async function inspectSurbs(files: readonly string[], options: MixOptions): Promise<void> {
  const desk = await openDesk(options);
  const found = await Promise.all(
    files.map(async (file) => ({ file, surbs: Surb.parseAll(await readInput(file, 'the reply blocks')) })),
  );
  const rows = await withClient(desk, async (client) => {
    const looked: { file: string; digest: string; expires: Date; server: string; used: boolean }[] = [];
    for (const { file, surbs } of found) {
      for (const surb of surbs) {
        const { host, port, keyId } = surb.firstHop;
        const known = client.directory.getServers().find((server) => server.keyId.equals(keyId));
        const { digest, expires } = surb;
        const used = await client.surbLog.isUsed(surb);
        looked.push({ file, digest, expires, server: known?.nickname ?? `${host}:${port}`, used });
      }
    }
    return looked;
  });
  for (const { digest, expires, used } of rows)
    desk.tell({ status: 'INSPECT_SURB', digest, expires: expires.getTime() / 1000, used });
  if (options.json) return printJson(rows);
  for (const { file } of found) {
    print(`==== ${file}`);
    for (const { digest, expires, server, used } of rows.filter((row) => row.file === file)) {
      print(
        facts([
          ['Hash:', digest],
          ['Expires:', expires.toUTCString()],
          ['First server:', server],
          ['Used:', used ? 'yes' : 'no'],
        ]),
      );
    }
  }
}
