// `postern mix servers`, `update`, `import`, `ping` and `paths`.   spec: mixminion-server 9.1; mixminion-directory 12

import { messageOf } from '../../base/errors.ts';
import { clockOf } from '../../mixminion/client/client-settings.ts';
import { MmtpConnection } from '../../mixminion/client/connection.ts';
import { networkOptions } from '../../mixminion/client/flushing.ts';
import type { Mix3Client } from '../../mixminion/client/mix3-client.ts';
import { parseAddress } from '../../mixminion/client/paths.ts';
import { listServers } from '../../mixminion/client/server-list.ts';
import type { ServerDescriptor } from '../../mixminion/directory/descriptor.ts';
import type { PathKind } from '../../mixminion/directory/path-spec.ts';
import { ANY_KEY_ID } from '../../mixminion/mmtp/certificates.ts';
import type { Hop } from '../../mixminion/mmtp/link.ts';
import { parseEndpoint } from '../../net/endpoint.ts';
import { AlreadySaid, UsageError } from '../command.ts';
import { harmless, print, printJson, table } from '../output.ts';
import { type Desk, type MixOptions, openDesk, withClient, withDirectory } from './desk.ts';
import { readInput } from './input.ts';

const DEFAULT_PORT = 48099;

export interface ServersOptions extends MixOptions {
  readonly features?: readonly string[];
  readonly recommended?: boolean;
  readonly withTime?: boolean;
  /** `false`: a line for each descriptor. */
  readonly collapse: boolean;
  /** Lines with this between the features, as the old program prints them, instead of a table. */
  readonly separator?: string;
}

export async function servers(names: readonly string[], options: ServersOptions): Promise<void> {
  const desk = await openDesk(options);
  const { recommended = false, withTime = false, collapse, separator } = options;
  const features = options.features ?? (recommended ? ['caps'] : ['caps', 'status']);
  const rows = await withDirectory(desk, async ({ directory }) =>
    listServers(directory, desk.settings.paths, clockOf(desk.settings).now(), {
      features,
      names,
      recommendedOnly: recommended,
      each: withTime || !collapse,
    }),
  );
  if (options.json) {
    return printJson(
      rows.map(({ nickname, from, until, ...row }) => ({
        nickname,
        from,
        until,
        ...Object.fromEntries(features.map((feature, place) => [feature, row.features[place]])),
      })),
    );
  }
  if (rows.length === 0) return print('no server is known by that');
  const lines = rows.map(({ nickname, from, until, ...row }) => [
    nickname,
    ...(withTime ? [`${from} to ${until}`] : []),
    ...row.features,
  ]);
  if (separator === undefined) return print(table(['server', ...(withTime ? ['valid'] : []), ...features], lines));
  for (const [nickname = '', ...rest] of lines) print([`${nickname}:`, ...rest].map(harmless).join(separator));
}

export async function update(options: MixOptions): Promise<void> {
  const desk = await openDesk(options);
  const known = await withClient(desk, async (client) => {
    await client.updateDirectory({ force: true });
    for (const flaw of client.directoryFlaws) desk.note(`note: ${flaw}`);
    return client.directory.getServers().length;
  });
  if (options.json) printJson({ updated: true, servers: known });
  else print('Directory updated');
}

export async function importServers(files: readonly string[], options: MixOptions): Promise<void> {
  const desk = await openDesk(options);
  const imported = await withClient(desk, async ({ directory }) => {
    const names: string[] = [];
    for (const file of files) {
      const { nickname } = await directory.import((await readInput(file, 'the descriptor')).toString('latin1'));
      if (!options.json) print(harmless(`${nickname} imported from ${file}`));
      names.push(nickname);
    }
    return names;
  });
  if (options.json) printJson({ imported });
  else print('Done.');
}

/** Hands one unit of padding to each server, and tells whether it was taken.   spec: mixminion-mmtp 6 */
export async function ping(names: readonly string[], options: MixOptions): Promise<void> {
  const desk = await openDesk(options);
  desk.note('note: whoever watches your line sees that you ask these servers');
  const hops = await withDirectory(desk, async (client) => names.map((name) => hopOf(client, name)));
  const results: { server: string; up: boolean; reason?: string }[] = [];
  for (const [place, hop] of hops.entries()) {
    const server = names[place] ?? '';
    const failure = await pingOne(desk, hop);
    results.push({ server, up: failure === undefined, ...(failure === undefined ? {} : { reason: failure }) });
    desk.tell({ status: 'PING', server, up: failure === undefined });
    if (options.json) continue;
    if (failure !== undefined) print(harmless(`${server}: ${failure}`), process.stderr);
    print(harmless(`${server} is ${failure === undefined ? 'up' : 'down'}`));
  }
  if (options.json) printJson(results);
  if (results.some(({ up }) => !up)) throw new AlreadySaid();
}

async function pingOne(desk: Desk, hop: Hop): Promise<string | undefined> {
  const connection = new MmtpConnection(hop, networkOptions(desk.settings));
  try {
    await connection.connect();
    await connection.sendPadding();
    await connection.awaitAcks();
    await connection.close();
    return undefined;
  } catch (error) {
    return messageOf(error);
  } finally {
    connection.destroy();
  }
}

/** A known server by its name, or any server at all at HOST[:PORT]. */
function hopOf({ directory }: Mix3Client, name: string): Hop {
  const known = directory.find(name);
  if (known !== undefined) return new MmtpConnection(known).server;
  const at = /[.:]/.test(name) ? parseEndpoint(name, DEFAULT_PORT) : undefined;
  if (at === undefined)
    throw new UsageError(`no server is called ${name}`, 'give a name that `postern mix servers` lists, or host:port');
  return { ...at, keyId: ANY_KEY_ID };
}

export interface PathsOptions extends MixOptions {
  readonly path?: string;
  readonly to?: string;
  readonly reply?: boolean;
  readonly surb?: boolean;
  readonly count: number;
}

/** What a path specifier gives: some paths as they would be chosen now, or why there is none. */
export async function paths(options: PathsOptions): Promise<void> {
  const desk = await openDesk(options);
  const kind: PathKind = options.reply ? 'reply' : options.surb ? 'surb' : 'forward';
  if (options.reply && options.to !== undefined) throw new UsageError('a reply has no address: its reply block knows');
  const address = options.to === undefined ? {} : { address: parseAddress(options.to) };
  const until = kind === 'surb' ? { until: clockOf(desk.settings).now() + desk.settings.surbs.lifetime } : {};
  const chosen = await withDirectory(desk, async (client) =>
    client.choosePaths(options.count, { kind, path: options.path, ...address, ...until }),
  );
  const rows = chosen.map(({ path1, path2 }) =>
    (path2 === undefined ? [path1] : [path1, path2]).map((leg) => leg.map(nicknameOf)),
  );
  if (options.json) printJson({ kind, path: options.path ?? desk.settings.paths[kind], paths: rows });
  else for (const legs of rows) print(harmless(legs.map((leg) => leg.join(',')).join(':')));
}

function nicknameOf({ nickname }: ServerDescriptor): string {
  return nickname;
}
