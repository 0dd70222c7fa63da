// `postern smallmail servers`: the keys by which servers are known.

import { type Endpoint, formatEndpoint, parseEndpoint } from '../../net/endpoint.ts';
import { DEFAULT_PORT } from '../../smallmail/client/address.ts';
import { knownServers, readServer, saveServer } from '../../smallmail/client/home.ts';
import type { OfflineOptions } from '../client-options.ts';
import { UsageError } from '../command.ts';
import { print, printJson, table } from '../output.ts';
import { homeOf } from './client.ts';

export async function list(options: OfflineOptions): Promise<void> {
  const rows = (await knownServers(await homeOf(options))).map(({ at, server }) => ({ at, ...server }));
  if (options.json) return printJson(rows);
  if (rows.length === 0) return print('no server was met yet');
  print(
    table(
      ['server', 'key', 'challenges'],
      rows.map(({ at, pin = '(forgotten)', old }) => [at, pin, old ? 'of the old kind' : '']),
    ),
  );
}

export async function forget(text: string, options: OfflineOptions): Promise<void> {
  const [home, at] = [await homeOf(options), placeOf(text)];
  const { old } = await readServer(home, at);
  await saveServer(home, at, { old });
  if (options.json) printJson({ at: formatEndpoint(at), forgotten: true });
  else print(`the next key that ${formatEndpoint(at)} shows will be remembered`);
}

export async function markOld(text: string, options: OfflineOptions): Promise<void> {
  const [home, at] = [await homeOf(options), placeOf(text)];
  await saveServer(home, at, { ...(await readServer(home, at)), old: true });
  if (options.json) printJson({ at: formatEndpoint(at), old: true });
  else print(`challenges of ${formatEndpoint(at)} are signed from now on, though nothing binds them to it`);
}

function placeOf(text: string): Endpoint {
  const at = parseEndpoint(text, DEFAULT_PORT);
  if (at === undefined) throw new UsageError(`${text} is not a server`, 'give host:port');
  return { ...at, host: at.host.toLowerCase() };
}
