// A message as it is kept: one line that names the kind, one of JSON with envelope and parts, then the octets of all parts.
// spec: immp 2.12

import * as z from 'zod';
import { ImmpError } from '../errors.ts';
import type { Spooled } from '../spool.ts';

const MAGIC = 'immp-message 1\n';
/** Octets of the first two lines. */
export const MAX_HEAD = 1024 * 1024;

const station = z.object({ domain: z.string(), timestamp: z.string() });

const envelopeSchema = z.object({
  uuid: z.string(),
  /** Null: a sender of the origin who is not named. */
  from: z.string().nullable(),
  /** The domain that vouches for the sender. */
  origin: z.string(),
  to: z.string(),
  /** RFC 3339. */
  received: z.string(),
  subject: z.string().optional(),
  date: z.string().optional(),
  secure: z.boolean().optional(),
  'received-from': station.optional(),
  'received-via': z.array(station).optional(),
  /** What the sender says besides, unchecked. */
  cc: z.array(z.string()).optional(),
  'addressed-to': z.array(z.string()).optional(),
  'reply-to': z.string().optional(),
  'in-reply-to': z.string().optional(),
  references: z.array(z.string()).optional(),
  headers: z.record(z.string(), z.string()).optional(),
});

const CLASSES = ['content', 'inline', 'attachment'] as const;

const partSchema = z.object({
  /** `1`, `2` … in the order of the message. */
  id: z.string(),
  class: z.enum(CLASSES),
  type: z.string(),
  name: z.string(),
  length: z.int().nonnegative(),
  sha256: z.string(),
});

const headSchema = z.object({ envelope: envelopeSchema, parts: z.array(partSchema) });

export type Envelope = z.infer<typeof envelopeSchema>;
export type PartInfo = z.infer<typeof partSchema>;
export type Head = z.infer<typeof headSchema>;

/** A part whose octets are at hand. */
export interface Part {
  readonly class: PartInfo['class'];
  readonly type: string;
  readonly name: string;
  readonly data: Spooled;
}

/** The message file of these parts, with its size. */
export interface MessageFile {
  readonly size: number;
  readonly head: Head;
  chunks(): AsyncGenerator<Buffer, void, void>;
}

export function messageFile(envelope: Envelope, parts: readonly Part[]): MessageFile {
  const infos = parts.map(({ class: kind, type, name, data }, at) => ({
    id: String(at + 1),
    class: kind,
    type,
    name,
    length: data.size,
    sha256: data.sha256,
  }));
  const head: Head = { envelope, parts: infos };
  const start = Buffer.from(`${MAGIC}${JSON.stringify(head)}\n`);
  async function* chunks() {
    yield start;
    for (const { data } of parts) yield* data.chunks();
  }
  return { size: start.length + infos.reduce((sum, { length }) => sum + length, 0), head, chunks };
}

/** What stands before the parts, from the first octets of a message file. Throws ImmpError `message` when that is none. */
export function readHead(octets: Buffer): { readonly head: Head; readonly start: number } {
  const end = octets.indexOf(0x0a, MAGIC.length);
  if (octets.subarray(0, MAGIC.length).toString('latin1') !== MAGIC || end < 0 || end >= MAX_HEAD) throw noMessage();
  try {
    return { head: headSchema.parse(JSON.parse(octets.toString('utf8', MAGIC.length, end))), start: end + 1 };
  } catch (cause) {
    throw noMessage(cause);
  }
}

function noMessage(cause?: unknown): ImmpError {
  return new ImmpError('message', 'these octets are no message', { cause });
}

/** What lies beside a message in the index of its mailbox: enough for INDEX and for finding each part. */
export interface Entry {
  readonly envelope: Pick<Envelope, 'uuid' | 'from' | 'origin' | 'to' | 'received' | 'subject' | 'date' | 'secure'>;
  readonly parts: readonly PartInfo[];
  /** Where the octets of the first part begin. */
  readonly start: number;
}

const MAX_SHOWN = 1000;

export function writeEntry({ head, size }: Pick<MessageFile, 'head' | 'size'>): Buffer {
  const { uuid, from, origin, to, received, subject, date, secure } = head.envelope;
  const entry: Entry = {
    envelope: {
      uuid,
      from,
      origin,
      to,
      received,
      ...(subject === undefined ? {} : { subject: subject.slice(0, MAX_SHOWN) }),
      ...(date === undefined ? {} : { date }),
      ...(secure === undefined ? {} : { secure }),
    },
    parts: head.parts,
    start: size - head.parts.reduce((sum, { length }) => sum + length, 0),
  };
  return Buffer.from(JSON.stringify(entry));
}

/** Of an entry that `writeEntry` made. */
export function readEntry(octets: Buffer): Entry {
  return JSON.parse(octets.toString('utf8')) as Entry;
}
