// A conversation with the listening side of MMTP in memory, for tests: what a peer says, and what the room behind does.

import { duplexPair } from 'node:stream';
import { expect } from 'vitest';
import { type Clock, SECOND, systemClock } from '../../src/base/time.ts';
import type { Acknowledgement, PacketRoom } from '../../src/mixminion/mmtp/carrier.ts';
import { type Ending, type ServeOptions, serve } from '../../src/mixminion/mmtp/server.ts';
import * as wire from '../../src/mixminion/mmtp/wire.ts';
import { Connection } from '../../src/net/connection.ts';
import { packetOf } from './mmtp.ts';

export const HELLO = wire.writeVersions(['0.3']);
export const send = (index: number) => wire.writeUnit({ kind: 'SEND', body: packetOf(index) });
export const junk = wire.writeUnit({ kind: 'JUNK', body: packetOf(7) });
export const receivedJunk = wire.writeAnswer('RECEIVED', { kind: 'JUNK', body: packetOf(7) });
export const answer = (index: number, word: wire.Answer = 'RECEIVED') =>
  wire.writeAnswer(word, { kind: 'SEND', body: packetOf(index) });

export class TestRoom implements PacketRoom {
  readonly packets: Buffer[] = [];
  pads = 0;
  keep: (packet: Buffer) => Promise<Acknowledgement> = async () => 'received';
  receive(packet: Buffer): Promise<Acknowledgement> {
    this.packets.push(packet);
    return this.keep(packet);
  }
  padding(): void {
    this.pads += 1;
  }
}

export interface Session {
  readonly peer: Connection;
  /** The peer says goodbye, and still listens. */
  readonly finish: () => void;
  readonly room: TestRoom;
  /** How it ended; the connection is closed then, as a listener does. */
  readonly ending: Promise<Ending>;
}

export function beginSession(options: ServeOptions & { clock?: Clock; room?: TestRoom } = {}): Session {
  const { clock = systemClock, room = new TestRoom(), ...rest } = options;
  const [near, far] = duplexPair({ highWaterMark: 1024 }); // little lies between the two
  near.once('close', () => far.push(null)); // as over TCP
  const here = new Connection(near, { clock });
  const ending = serve(here, room, rest).then(async (how) => {
    await here.close(10);
    return how;
  });
  return { peer: new Connection(far, { clock }), finish: () => void far.end(), room, ending };
}

/** All that the server says until it closes. */
export async function rest(peer: Connection): Promise<Buffer> {
  const parts: Buffer[] = [];
  try {
    for (;;) parts.push(await peer.chunk(1 << 16, 5 * SECOND));
  } catch {
    return Buffer.concat(parts);
  }
}

/** A conversation that has agreed on the version. */
export async function greeted(options: Parameters<typeof beginSession>[0] = {}): Promise<Session> {
  const session = beginSession(options);
  await session.peer.write(HELLO);
  await session.peer.block(HELLO.length, SECOND);
  return session;
}

/** Long enough for everything that can happen without being waited for. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

export async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 10_000 && !holds(); turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(holds()).toBe(true);
}
