// A message as it comes in behind the word MAIL: its head and log at once, the rest piece by piece, never whole in memory.
// spec: cmtp 4.3, 5, 9 D14

import type { Connection } from '../net/connection.ts';
import { NetError } from '../net/errors.ts';
import { WireError } from './wire/errors.ts';
import {
  ATTACHMENT_HEAD_LENGTH,
  type Head,
  LENGTHS_LENGTH,
  type Lengths,
  parseEnvelope,
  parseLength,
  parseLengths,
} from './wire/message.ts';
import { NAME_LIMIT } from './wire/names.ts';

const NUL = 0;
const CHUNK = 64 * 1024;

export interface MessageLimits {
  readonly log: number;
  readonly body: number;
  readonly attachments: number;
  /** Of all attachments together. */
  readonly attachmentsSize: number;
}

export interface Incoming {
  readonly lengths: Lengths;
  /** Undefined when it holds what is no name. */
  readonly envelope: Pick<Head, 'to' | 'from'> | undefined;
  /** Lengths and envelope as they came. */
  readonly head: Buffer;
  readonly log: Buffer;
  readonly rest: Rest;
}

/**
 * Reads up to the log's end. `silence` is how long the peer may send nothing. Throws WireError `oversize`, NetError `line-too-long` for
 * a string of the envelope, `timeout`, `cut`.
 */
export async function readIncoming(connection: Connection, limits: MessageLimits, silence: number): Promise<Incoming> {
  const fixed = await connection.block(LENGTHS_LENGTH, silence);
  const lengths = parseLengths(fixed);
  if (lengths.logLength > limits.log || lengths.bodyLength > limits.body || lengths.attachments > limits.attachments) {
    throw new WireError('oversize', 'the message is longer than this server takes');
  }
  const strings: Buffer[] = [];
  const octets = [fixed];
  while (strings.length < 4) {
    const token = await connection.token([NUL], NAME_LIMIT, silence);
    if (token === undefined) throw new NetError('cut', 'the peer went away in the middle of a message');
    strings.push(token.octets);
    octets.push(token.octets, Buffer.of(NUL));
  }
  const envelope = parseEnvelope(strings);
  const head = Buffer.concat(octets);
  const log = await connection.block(lengths.logLength, silence);
  return { lengths, envelope, head, log, rest: new Rest(connection, lengths, limits.attachmentsSize, silence) };
}

/** Body and attachments, each of these behind its length, as they are read off the wire. */
export class Rest {
  readonly #connection: Connection;
  readonly #silence: number;
  /** Of the part that is under way. */
  #left: number;
  #attachments: number;
  #room: number;

  constructor(connection: Connection, lengths: Lengths, attachmentsSize: number, silence: number) {
    this.#connection = connection;
    this.#silence = silence;
    this.#left = lengths.bodyLength;
    this.#attachments = lengths.attachments;
    this.#room = attachmentsSize;
  }

  /** The next octets; undefined behind the last. Throws WireError `oversize`, NetError `timeout` or `cut`. */
  async next(): Promise<Buffer | undefined> {
    if (this.#left > 0) {
      const chunk = await this.#connection.chunk(Math.min(this.#left, CHUNK), this.#silence);
      this.#left -= chunk.length;
      return chunk;
    }
    if (this.#attachments === 0) return undefined;
    const head = await this.#connection.block(ATTACHMENT_HEAD_LENGTH, this.#silence);
    this.#attachments -= 1;
    this.#left = parseLength(head);
    this.#room -= this.#left;
    if (this.#room < 0) throw new WireError('oversize', 'the attachments are longer than this server takes');
    return head;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, void> {
    for (let chunk = await this.next(); chunk !== undefined; chunk = await this.next()) yield chunk;
  }

  /** Reads and forgets what nobody has read. */
  async skip(): Promise<void> {
    while ((await this.next()) !== undefined);
  }
}
