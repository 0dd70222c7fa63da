// Postfix as the other side: an instance of its own in a folder of its own, on loopback and ports that are free, which ends with the test.
// Mail for its domain lies in a Maildir; mail for other domains goes where the test says, or is refused.

import { execFile } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { makeSelfSigned, makeTlsKey } from '../../src/net/tls-identity.ts';

const run = promisify(execFile);

export interface Postfix extends AsyncDisposable {
  readonly port: number;
  /** Of the master, whose children do the work. */
  readonly pid: number;
  /** What lies in the Maildir, in no order. */
  mails(): Promise<string[]>;
  log(): Promise<string>;
}

export interface PostfixOptions {
  readonly domain: string;
  /** Where mail for other domains goes: the port of a server on loopback, by domain. */
  readonly routes?: Readonly<Record<string, number>>;
  /** Takes mail and throws it away: for measuring how fast it takes mail. */
  readonly discards?: boolean;
  /** Lines for main.cf. */
  readonly settings?: readonly string[];
}

/** Only root can start one: it gives up its rights by itself. */
export const mayRunPostfix = process.getuid?.() === 0;

/** True where one can be started. */
export function hasPostfix(): Promise<boolean> {
  const asked = run('postconf', ['mail_version']).then(() => mayRunPostfix);
  return asked.catch(() => false);
}

export async function openPostfix({
  domain,
  routes = {},
  discards = false,
  settings = [],
}: PostfixOptions): Promise<Postfix> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-postfix-'));
  await chmod(folder, 0o755);
  const [config, spool, data, mail] = ['config', 'spool', 'data', 'mail'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
    string,
  ];
  await Promise.all([config, spool, data, mail].map((path) => mkdir(path)));
  const [nobody, postfix] = await Promise.all([idOf('nobody'), idOf('postfix')]);
  await chown(mail, nobody, nobody);
  await chown(data, postfix, postfix);
  const identity = await makeSelfSigned(`mx.${domain}`, makeTlsKey(), Date.now());
  await writeFile(join(config, 'tls.pem'), identity.key + identity.certificate, { mode: 0o600 });
  const port = await freePort();
  const transports = Object.entries(routes).map(([name, to]) => `{${name}=smtp:[127.0.0.1]:${to}}`);
  await writeFile(
    join(config, 'main.cf'),
    [
      'compatibility_level = 3.6',
      `queue_directory = ${spool}`,
      `data_directory = ${data}`,
      'mail_owner = postfix',
      'setgid_group = postdrop',
      'command_directory = /usr/sbin',
      'daemon_directory = /usr/lib/postfix/sbin',
      `maillog_file = ${folder}/log`,
      `maillog_file_prefixes = ${folder}`,
      `myhostname = mx.${domain}`,
      'mydestination =',
      'mynetworks = 127.0.0.0/8',
      'inet_interfaces = 127.0.0.1',
      'inet_protocols = ipv4',
      'alias_maps =',
      `virtual_mailbox_domains = ${domain}`,
      `virtual_mailbox_base = ${mail}`,
      'virtual_mailbox_maps = static:inbox/',
      `virtual_uid_maps = static:${nobody}`,
      `virtual_gid_maps = static:${nobody}`,
      `virtual_transport = ${discards ? 'discard' : 'virtual'}`,
      transports.length === 0 ? '' : `transport_maps = inline:{${transports.join(', ')}}`,
      'default_transport = error:5.1.2 the test knows no such domain',
      'smtp_tls_security_level = may',
      'smtpd_tls_security_level = may',
      `smtpd_tls_chain_files = ${config}/tls.pem`,
      'smtp_host_lookup = native',
      'smtp_dns_support_level = disabled',
      'smtpd_peername_lookup = no',
      'smtpd_client_connection_count_limit = 0',
      'default_process_limit = 100',
      ...settings,
      '',
    ].join('\n'),
  );
  const service = (name: string, program: string, ...rest: string[]) =>
    [name, 'unix', '-', '-', 'n', '-', rest[0] ?? '-', program, ...rest.slice(1)].join(' ');
  await writeFile(
    join(config, 'master.cf'),
    [
      `127.0.0.1:${port} inet n - n - - smtpd`,
      'cleanup unix n - n - 0 cleanup',
      'qmgr unix n - n 300 1 qmgr',
      'rewrite unix - - n - - trivial-rewrite',
      'bounce unix - - n - 0 bounce',
      'defer unix - - n - 0 bounce',
      'trace unix - - n - 0 bounce',
      'verify unix - - n - 1 verify',
      'proxymap unix - - n - - proxymap',
      service('smtp', 'smtp'),
      service('error', 'error'),
      service('retry', 'error'),
      service('discard', 'discard'),
      'virtual unix - n n - - virtual',
      'anvil unix - - n - 1 anvil',
      'tlsmgr unix - - n 1000? 1 tlsmgr',
      'scache unix - - n - 1 scache',
      'postlog unix-dgram n - n - 1 postlogd',
      '',
    ].join('\n'),
  );
  const stop = async () => {
    await run('postfix', ['-c', config, 'stop']).catch(() => {});
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await run('postfix', ['-c', config, 'start']);
  } catch (error) {
    await stop();
    throw error;
  }
  const pid = Number(await readFile(join(spool, 'pid', 'master.pid'), 'utf8'));
  return {
    port,
    pid,
    mails: async () => {
      const inbox = join(mail, 'inbox', 'new');
      const names = await readdir(inbox).catch(() => []);
      return Promise.all(names.map((name) => readFile(join(inbox, name), 'latin1')));
    },
    log: () => readFile(join(folder, 'log'), 'utf8').catch(() => ''),
    async [Symbol.asyncDispose]() {
      await stop();
      await wait(0);
    },
  };
}

async function idOf(user: string): Promise<number> {
  const { stdout } = await run('id', ['-u', user]);
  return Number(stdout.trim());
}

/** A port of loopback where nobody listens now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
