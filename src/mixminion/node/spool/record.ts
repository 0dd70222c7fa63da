// The records of the spool: what happened to packets, in octets and back. A record that was cut or changed reads as
// damaged, which at the end of the last file is what a crash leaves.

import { crc32 } from 'node:zlib';
import { PACKET_LENGTH } from '../../packet/layout.ts';
import { RoutingType } from '../../packet/routing.ts';

// length of the body (4) | CRC-32 of what follows (4) | type (1) | 0 (3) | body
export const RECORD_HEADER = 12;
/** Octets of a body: a packet with what is known of it, or a list of packets. */
const MAX_BODY = 4 * 1024 * 1024;
/** Packets that one list names. */
export const MAX_LIST = 500_000;

const NUMBER = 6;
const DIGEST = 20;
const KEY = 16;

const Type = { arrived: 1, held: 2, left: 3, gone: 4, spent: 5 } as const;
const Kind = { relay: 1, deliver: 2 } as const;

/** Which packet key opened a packet (SHA-1 of the key), and the hash that its replay log remembers: 20 octets each. */
export interface Burnt {
  readonly keyId: Buffer;
  readonly replayHash: Buffer;
}

/** Where a packet goes from here. */
export type Destination =
  | {
      readonly kind: 'relay';
      readonly form: 'host' | 'ipv4';
      readonly host: string;
      readonly port: number;
      /** KEYID of the next node, 20 octets. */
      readonly next: Buffer;
    }
  | {
      readonly kind: 'deliver';
      readonly routingType: number;
      readonly routingInfo: Buffer;
      readonly applicationKey: Buffer;
    };

/** `number` names a packet within this spool, from its arrival on. */
export type SpoolRecord =
  /** A packet came in, as it was on the wire. */
  | { readonly type: 'arrived'; readonly number: number; readonly octets: Buffer }
  /** It was opened and lies in the pool, or, from the time `queued` on (0: not yet), waits behind it. */
  | ({
      readonly type: 'held';
      readonly number: number;
      readonly queued: number;
      readonly to: Destination;
      readonly octets: Buffer;
    } & Burnt)
  /** These left the pool at the time `queued` and wait for their next hops, or for the exits to have them. */
  | { readonly type: 'left'; readonly queued: number; readonly numbers: readonly number[] }
  /** Nothing more is to be done with these. */
  | { readonly type: 'gone'; readonly numbers: readonly number[] }
  /** The same of one that was opened, so that its hash is remembered. */
  | ({ readonly type: 'spent'; readonly number: number } & Burnt);

/** The octets of a record, in parts: large ones are not copied. */
export function writeRecord(record: SpoolRecord): Buffer[] {
  const [fields, octets] = bodyOf(record);
  const header = Buffer.alloc(RECORD_HEADER);
  header.writeUInt32BE(fields.length + octets.length, 0);
  header.writeUInt8(Type[record.type], 8);
  header.writeUInt32BE(crc32(octets, crc32(fields, crc32(header.subarray(8)))), 4);
  return octets.length === 0 ? [Buffer.concat([header, fields])] : [Buffer.concat([header, fields]), octets];
}

/** The length of the whole record that `header` (12 octets) begins; undefined when it begins none. */
export function recordLength(header: Buffer): number | undefined {
  const length = header.length < RECORD_HEADER ? Number.NaN : header.readUInt32BE(0);
  return length <= MAX_BODY ? RECORD_HEADER + length : undefined;
}

/** The record that these octets are, from first to last; undefined when they are none. Shares their memory. */
export function readRecord(octets: Buffer): SpoolRecord | undefined {
  if (recordLength(octets) !== octets.length || crc32(octets.subarray(8)) !== octets.readUInt32BE(4)) return undefined;
  try {
    return recordOf(octets.readUInt8(8), new Fields(octets.subarray(RECORD_HEADER)));
  } catch (error) {
    if (error instanceof RangeError) return undefined; // a field that is not all there
    throw error;
  }
}

const NOTHING = Buffer.alloc(0);

function bodyOf(record: SpoolRecord): [fields: Buffer, octets: Buffer] {
  switch (record.type) {
    case 'arrived':
      return [number(record.number), record.octets];
    case 'held': {
      const { keyId, replayHash, to } = record;
      const fields = [number(record.number), number(record.queued), keyId, replayHash, ...destination(to)];
      return [Buffer.concat(fields), record.octets];
    }
    case 'left':
      return [Buffer.concat([number(record.queued), numbers(record.numbers)]), NOTHING];
    case 'gone':
      return [numbers(record.numbers), NOTHING];
    case 'spent':
      return [Buffer.concat([number(record.number), record.keyId, record.replayHash]), NOTHING];
  }
}

function destination(to: Destination): Buffer[] {
  if (to.kind === 'relay') {
    const form = to.form === 'ipv4' ? RoutingType.FWD_IPV4 : RoutingType.FWD_HOST;
    return [Buffer.of(Kind.relay, form), short(to.port), to.next, withLength(Buffer.from(to.host, 'latin1'))];
  }
  return [Buffer.of(Kind.deliver, 0), short(to.routingType), to.applicationKey, withLength(to.routingInfo)];
}

function recordOf(type: number, fields: Fields): SpoolRecord | undefined {
  switch (type) {
    case Type.arrived: {
      const record = { type: 'arrived', number: fields.number(), octets: fields.rest() } as const;
      return record.octets.length === PACKET_LENGTH ? record : undefined;
    }
    case Type.held: {
      const record = { type: 'held', number: fields.number(), queued: fields.number(), ...burnt(fields) } as const;
      const to = destinationOf(fields);
      return to === undefined ? undefined : { ...record, to, octets: fields.rest() };
    }
    case Type.left:
      return { type: 'left', queued: fields.number(), numbers: fields.numbers() };
    case Type.gone:
      return { type: 'gone', numbers: fields.numbers() };
    case Type.spent:
      return { type: 'spent', number: fields.number(), ...burnt(fields) };
    default:
      return undefined;
  }
}

function burnt(fields: Fields): Burnt {
  return { keyId: fields.take(DIGEST), replayHash: fields.take(DIGEST) };
}

function destinationOf(fields: Fields): Destination | undefined {
  const [kind, form] = fields.take(2);
  const word = fields.take(2).readUInt16BE();
  if (kind === Kind.relay) {
    const next = fields.take(DIGEST);
    const host = fields.take(fields.take(2).readUInt16BE()).toString('latin1');
    return { kind: 'relay', form: form === RoutingType.FWD_IPV4 ? 'ipv4' : 'host', host, port: word, next };
  }
  if (kind !== Kind.deliver) return undefined;
  const applicationKey = fields.take(KEY);
  const routingInfo = fields.take(fields.take(2).readUInt16BE());
  return { kind: 'deliver', routingType: word, routingInfo, applicationKey };
}

/** Takes fields one after another; RangeError when there is nothing left of one. */
class Fields {
  readonly #octets: Buffer;
  #at = 0;

  constructor(octets: Buffer) {
    this.#octets = octets;
  }

  take(length: number): Buffer {
    if (this.#at + length > this.#octets.length) throw new RangeError('a field is cut');
    this.#at += length;
    return this.#octets.subarray(this.#at - length, this.#at);
  }

  number(): number {
    return this.take(NUMBER).readUIntBE(0, NUMBER);
  }

  numbers(): number[] {
    const octets = this.rest();
    if (octets.length % NUMBER !== 0) throw new RangeError('a number is cut');
    return Array.from({ length: octets.length / NUMBER }, (_, index) => octets.readUIntBE(index * NUMBER, NUMBER));
  }

  rest(): Buffer {
    return this.take(this.#octets.length - this.#at);
  }
}

function number(value: number): Buffer {
  const octets = Buffer.allocUnsafe(NUMBER);
  octets.writeUIntBE(value, 0, NUMBER);
  return octets;
}

function numbers(values: readonly number[]): Buffer {
  if (values.length > MAX_LIST) throw new RangeError(`a record names at most ${MAX_LIST} packets`);
  const octets = Buffer.allocUnsafe(values.length * NUMBER);
  for (const [index, value] of values.entries()) octets.writeUIntBE(value, index * NUMBER, NUMBER);
  return octets;
}

function short(value: number): Buffer {
  return Buffer.of(value >> 8, value & 0xff);
}

function withLength(octets: Buffer): Buffer {
  return Buffer.concat([short(octets.length), octets]);
}
