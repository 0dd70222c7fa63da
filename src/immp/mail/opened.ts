// A stored message opened again: what stands at its head, and the octets of each part.   spec: immp 1.9, 2.9, 2.12

import type { Message } from '../../store/messages.ts';
import type { Messages } from '../../store/store.ts';
import { type Head, type PartInfo, readEntry, readHead } from './message.ts';
import type { PartOctets } from './mime.ts';

/** Octets of JSON that the data of all parts may take in one line. */
const MAX_DATA = 900 * 1024;

export interface Opened {
  readonly message: Message;
  readonly head: Head;
  readonly octets: PartOctets;
}

/** Undefined when the message went meanwhile. */
export async function openMessage(messages: Messages, box: string, message: Message): Promise<Opened | undefined> {
  const { start } = readEntry(message.index);
  const front = await messages.read(box, message.id, { length: start });
  if (front === undefined) return undefined;
  const { head } = readHead(await joined(front.chunks));
  const offsets = new Map<string, number>();
  let offset = start;
  for (const { id, length } of head.parts) {
    offsets.set(id, offset);
    offset += length;
  }
  async function* octets({ id, length }: PartInfo): AsyncGenerator<Buffer, void, void> {
    const read = await messages.read(box, message.id, { offset: offsets.get(id) ?? 0, length });
    if (read === undefined) throw new Error('a message went while it was being read');
    yield* read.chunks;
  }
  return { message, head, octets };
}

/** What FETCH +JSON shows; parts of more than `inline` octets without their data. */
export async function jsonOf({ message, head, octets }: Opened, inline: number): Promise<object> {
  const { from, to, received, uuid, origin, subject, date, ...others } = head.envelope;
  const parts: object[] = [];
  let left = MAX_DATA;
  for (const part of head.parts) {
    const data = part.length <= inline ? dataOf(part, await joined(octets(part))) : NO_DATA;
    const cost = JSON.stringify(data).length * 3; // as octets, at most
    const fits = cost <= left;
    left -= fits ? cost : 0;
    parts.push({ ...part, ...(fits ? data : NO_DATA) });
  }
  return {
    envelope: { from, to, received, uuid, origin, subject, date, secure: false, ...others, flags: message.flags },
    parts,
  };
}

const NO_DATA = { encoding: 'base64', data: null } as const;

function dataOf({ type }: PartInfo, octets: Buffer): { encoding: string; data: string } {
  const text = /^text\//i.test(type) ? utf8(octets) : undefined;
  return text === undefined
    ? { encoding: 'base64', data: octets.toString('base64') }
    : { encoding: 'utf8', data: text };
}

function utf8(octets: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    return undefined;
  }
}

async function joined(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}
