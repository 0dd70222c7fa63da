// From a message to the packets that carry it, paths and all: to an address, or through reply blocks.
// spec: mixminion-client-api 10; mixminion-server 9.1

import type { Random } from '../../base/random.ts';
import type { Clock } from '../../base/time.ts';
import type { Address } from '../directory/address.ts';
import type { ServerDescriptor, When } from '../directory/descriptor.ts';
import type { Path } from '../directory/path-choice.ts';
import type { PathKind } from '../directory/path-spec.ts';
import type { ClientSettings } from './client-settings.ts';
import type { DirectoryStore } from './directory-store.ts';
import { Mix3BadArgsError } from './errors.ts';
import { type Headers, type MessageOptions, type Payload, packageMessage } from './package-message.ts';
import { generatePacket, type Packet } from './packet.ts';
import { generatePaths, type PathOptions } from './paths.ts';
import type { Surb } from './surb.ts';
import type { SurbLog } from './surb-log.ts';

/** What packets are made with. */
export interface ComposingDesk {
  readonly settings: ClientSettings;
  readonly directory: DirectoryStore;
  readonly surbLog: SurbLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly warn: (text: string) => void;
  /** The descriptor in a file of that name, for paths that name one. */
  readonly descriptorFile: (name: string) => ServerDescriptor | undefined;
}

export interface Draft {
  /** A text stands for its UTF-8 octets. */
  readonly message: string | Uint8Array;
  /** Whom it is for, or ... */
  readonly to: Address | readonly Surb[];
  readonly headers?: Headers;
  readonly reassembly?: MessageOptions['reassembly'];
  /** A path specifier; that of the settings when not given. */
  readonly path?: string | undefined;
}

/** What a path is asked for. */
export interface PathQuestion {
  readonly kind: PathKind;
  /** A path specifier; that of the settings when not given. */
  readonly path?: string | undefined;
  readonly address?: Address;
  readonly until?: When;
  readonly size?: number;
  readonly packets?: number;
  readonly headers?: Headers;
}

/**
 * The packets of a message. Of the reply blocks in `to` the first usable ones are taken, as many as there are packets,
 * and durably marked before any packet exists. Throws as `packageMessage`, `generatePaths` and `SurbLog.pickUnused`; no
 * block is marked then.
 */
export async function composePackets(desk: ComposingDesk, draft: Draft): Promise<Packet[]> {
  const { message, to, headers = {}, reassembly = 'server', path } = draft;
  const isReply = !('type' in to);
  const address: Address = isReply ? { type: 'reply' } : to;
  const options = { headers, reassembly: isReply ? 'server' : reassembly, onWarning: desk.warn } as const;
  const payloads = packageMessage({ message, address, random: desk.random, ...options });
  const paths = choosePaths(desk, payloads.length, {
    kind: isReply ? 'reply' : 'forward',
    path,
    address,
    headers,
    size: Buffer.byteLength(message),
    packets: payloads.filter(({ kind }) => kind === 'server-fragment').length || 1,
  });
  const surbs = isReply ? await desk.surbLog.pickUnused(to, payloads.length) : [];
  return payloads.map((payload, place) => packetOf(desk, payload, paths[place], isReply ? surbs[place] : address));
}

function packetOf(
  desk: ComposingDesk,
  payload: Payload,
  path: Path | undefined,
  to: Surb | Address | undefined,
): Packet {
  if (path === undefined || to === undefined) throw new Mix3BadArgsError('there are too few paths or reply blocks');
  const { path1, path2 } = path;
  const { random } = desk;
  if ('block' in to) return generatePacket({ path1, surb: to, payload, random });
  return generatePacket({ path1, path2, address: to, payload, random });
}

/** Paths as the settings and the directory have them. Errors as `generatePaths`. */
export function choosePaths(desk: ComposingDesk, count: number, question: PathQuestion): Path[] {
  const { settings, directory, clock, random, warn, descriptorFile } = desk;
  const { kind, path, headers, ...rest } = question;
  const { block, block_entries, block_exits } = settings.paths;
  const options: PathOptions = {
    ...rest,
    ...(headers === undefined ? {} : { headers: { ...headers } }),
    ...(kind === 'reply' ? { address: { type: 'reply' } } : {}),
    directory,
    spec: path ?? settings.paths[kind],
    singleLeg: kind === 'surb',
    blocked: { everywhere: block, asEntry: block_entries, asExit: block_exits },
    descriptorFile,
    onWarning: warn,
    random,
    clock,
  };
  return generatePaths(count, options);
}
