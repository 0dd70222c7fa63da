// The listening side of MMTP: takes packets and padding from one peer, and answers each when it is kept. Units are read on
// while earlier ones are still being made durable; the answers go out in their order.   spec: mixminion-mmtp 2, 3

import { asBuffer } from '../../base/bytes.ts';
import { PosternError } from '../../base/errors.ts';
import { MINUTE } from '../../base/time.ts';
import type { Connection } from '../../net/connection.ts';
import { NetError } from '../../net/errors.ts';
import { AnswerQueue } from './answer-queue.ts';
import type { PacketRoom } from './carrier.ts';
import * as wire from './wire.ts';

/** How a conversation ended, for counting. */
export type Ending =
  /** The peer had said everything, or this office closes. */
  | 'finished'
  /** The peer did nothing, or took no answers, for too long. */
  | 'timeout'
  /** The peer went away in the middle of something. */
  | 'cut'
  /** It did not begin with a line of versions, or said more before it had an answer. */
  | 'no-version'
  /** It speaks none of our versions. */
  | 'other-version'
  /** A unit with an unknown word. */
  | 'unknown-word'
  /** A unit whose hash is not that of its body. */
  | 'wrong-hash'
  /** The room failed to keep a packet. */
  | 'room-failed';

/** Ends a conversation; the code says how. */
class Breach extends PosternError<Ending> {}

export interface ServeOptions {
  /** How long the peer may take for its line and for each unit, and be silent in between; 5 minutes when not given.   spec: mixminion-mmtp 4 */
  readonly timeout?: number;
  /** Awaited before each unit is read, with its octets: resolves when there is bandwidth for them. */
  readonly pace?: ((octets: number) => Promise<void>) | undefined;
}

/**
 * Holds one conversation and says how it ended; never throws. Who breaks the rules gets no answer: the caller closes the
 * connection. The units before are answered all the same.
 */
export async function serve(connection: Connection, room: PacketRoom, options: ServeOptions = {}): Promise<Ending> {
  const { timeout = 5 * MINUTE, pace } = options;
  const answers = new AnswerQueue(connection);
  let failure: unknown;
  try {
    await agreeOnVersion(connection, timeout);
    while (await connection.awaitLine(timeout)) {
      await pace?.(wire.UNIT_LENGTH);
      const unit = await readUnit(connection, timeout);
      await answers.push(answerTo(unit, room));
    }
  } catch (error) {
    failure = error;
  }
  await answers.drain();
  return endingOf(answers.failure ?? failure);
}

/** A common version is named, or nothing is said at all. */
async function agreeOnVersion(connection: Connection, timeout: number): Promise<void> {
  let line = Buffer.alloc(0);
  // One octet more than a line may have shows that something lies behind a line of any length.
  for await (const part of connection.stream(wire.MAX_VERSION_LINE + 1, timeout)) {
    line = Buffer.concat([line, part]);
    if (line.includes('\r\n')) break; // spec: mixminion-mmtp 2: LF alone does not end it
  }
  let versions: string[];
  try {
    versions = wire.readVersions(line);
  } catch (cause) {
    throw new Breach('no-version', 'the peer does not begin with its versions', { cause });
  }
  if (!versions.includes(wire.VERSION)) throw new Breach('other-version', `the peer does not offer ${wire.VERSION}`);
  await connection.write(wire.writeVersions([wire.VERSION]));
}

async function readUnit(connection: Connection, timeout: number): Promise<wire.HashedUnit> {
  const kind = wire.readControl(await connection.block(wire.CONTROL_LENGTH, timeout));
  if (kind === undefined) throw new Breach('unknown-word', 'a unit begins with an unknown word');
  const octets = await connection.block(wire.UNIT_LENGTH - wire.CONTROL_LENGTH, timeout);
  const { unit, fits } = wire.readBody(kind, inOwnMemory(octets));
  if (!fits) throw new Breach('wrong-hash', 'the hash of a unit is wrong');
  return unit;
}

/** The same octets in memory where nothing else lies: the room may hand it to another thread. */
function inOwnMemory(octets: Buffer): Buffer {
  if (octets.byteLength === octets.buffer.byteLength) return octets;
  const own = Buffer.allocUnsafeSlow(octets.byteLength);
  octets.copy(own);
  return own;
}

async function answerTo(unit: wire.HashedUnit, room: PacketRoom): Promise<Buffer> {
  if (unit.kind === 'JUNK') {
    room.padding();
    return wire.writeAnswer('RECEIVED', unit);
  }
  const acknowledgement = await room.receive(asBuffer(unit.body));
  return wire.writeAnswer(acknowledgement === 'received' ? 'RECEIVED' : 'REJECTED', unit);
}

function endingOf(error: unknown): Ending {
  if (error === undefined) return 'finished';
  if (error instanceof Breach) return error.code;
  if (!(error instanceof NetError)) return 'room-failed';
  return error.code === 'timeout' ? 'timeout' : 'cut';
}
