// A message under way: its headers read and checked, its data at hand or in a file, never longer in memory than a little.
// spec: ima 2.2

import { createReadStream } from 'node:fs';
import { mkdtemp, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WireError } from './errors.ts';
import { BLOCK_LIMIT, endOfBlock, formatBlock, type Head, type Header, parseHead } from './wire/message.ts';

/** Data up to this many octets are held in memory; more go to a file. */
const IN_MEMORY = 1024 * 1024;

export interface Letter {
  readonly head: Head;
  /** The data from `offset` on, `length` octets of them or all that follow; can be asked for again. */
  data(offset?: number, length?: number): AsyncIterable<Buffer>;
}

/** A letter that occupies something until it is disposed of. */
export type HeldLetter = Letter & AsyncDisposable;

/** From all of its octets. Throws WireError. */
export function letterOf(octets: Uint8Array): HeldLetter {
  const end = endOfBlock(octets.subarray(0, BLOCK_LIMIT)) ?? incomplete();
  return letterFrom(parseHead(octets.subarray(0, end)), octets.subarray(end));
}

/** From its headers and all of its data. Throws WireError when they are not of the announced length. */
export function letterFrom(head: Head, data: Uint8Array): HeldLetter {
  if (data.byteLength !== head.size) wrongLength();
  const whole = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return {
    head,
    async *data(offset = 0, length = whole.length) {
      const piece = whole.subarray(offset, offset + length);
      if (piece.length > 0) yield piece;
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** From a file, which has to stay. Throws WireError, and what the file system says. */
export async function letterFile(path: string): Promise<HeldLetter> {
  const start = await firstOctets(path);
  const end = endOfBlock(start) ?? incomplete();
  const head = parseHead(start.subarray(0, end));
  const { size } = await stat(path);
  if (size !== end + head.size) wrongLength();
  return { ...inFile(head, path, end), async [Symbol.asyncDispose]() {} };
}

/**
 * Takes a letter in from a stream of octets that holds it and nothing else. `folder` is where a long one lies meanwhile; the system's
 * folder for such when not given. Throws WireError when it is cut, too long, or not in order; nothing is left then.
 */
export async function takeLetter(
  chunks: AsyncIterable<Uint8Array>,
  { maxSize, folder }: { readonly maxSize: number; readonly folder?: string | undefined },
): Promise<HeldLetter> {
  const source = chunks[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);
  for (;;) {
    const end = endOfBlock(held);
    if (end !== undefined) {
      const head = parseHead(held.subarray(0, end));
      if (head.size > maxSize) throw new WireError(`the message is longer than ${maxSize} octets`);
      return takeData(head, rest(held.subarray(end), source), folder);
    }
    if (held.length > BLOCK_LIMIT) throw new WireError(`the headers are longer than ${BLOCK_LIMIT} octets`);
    const next = await source.next();
    if (next.done) return incomplete();
    held = Buffer.concat([held, next.value]);
  }
}

/** Takes in exactly the data that `head` announces. Throws WireError when there are fewer or more, and what `chunks` throws. */
export async function takeData(
  head: Head,
  chunks: AsyncIterable<Uint8Array>,
  folder: string | undefined,
): Promise<HeldLetter> {
  if (head.size > IN_MEMORY) return spool(head, chunks, folder);
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.byteLength;
    if (length > head.size) return wrongLength();
    parts.push(chunk);
  }
  return letterFrom(head, Buffer.concat(parts));
}

/** The same data under other headers; their sizes must be the same. Throws WireError. */
export function withHeaders(letter: Letter, headers: readonly Header[]): Letter {
  const head = parseHead(formatBlock(headers));
  if (head.size !== letter.head.size) wrongLength();
  return { head, data: letter.data };
}

/** The whole message as it goes into a pipe or a file: headers, empty line, data. */
export async function* octetsOf({ head, data }: Letter): AsyncGenerator<Buffer, void, void> {
  yield formatBlock(head.headers);
  yield* data();
}

/** For what is known to be short: tests, notices, translations. */
export async function wholeOf(letter: Letter): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(octetsOf(letter)));
}

async function spool(head: Head, chunks: AsyncIterable<Uint8Array>, folder: string | undefined): Promise<HeldLetter> {
  const own = await mkdtemp(join(folder ?? tmpdir(), 'ima-'));
  const clear = () => rm(own, { recursive: true, force: true });
  const path = join(own, 'data');
  try {
    await using file = await open(path, 'wx', 0o600);
    let length = 0;
    for await (const chunk of chunks) {
      length += chunk.byteLength;
      if (length > head.size) wrongLength();
      await file.writeFile(chunk);
    }
    if (length !== head.size) wrongLength();
  } catch (error) {
    await clear();
    throw error;
  }
  return { ...inFile(head, path, 0), [Symbol.asyncDispose]: clear };
}

function inFile(head: Head, path: string, start: number): Letter {
  return {
    head,
    async *data(offset = 0, length = head.size - offset) {
      const end = start + Math.min(offset + length, head.size) - 1;
      if (end >= start + offset) yield* createReadStream(path, { start: start + offset, end });
    },
  };
}

async function firstOctets(path: string): Promise<Buffer> {
  await using file = await open(path, 'r');
  const { buffer, bytesRead } = await file.read(Buffer.alloc(BLOCK_LIMIT), 0, BLOCK_LIMIT, 0);
  return buffer.subarray(0, bytesRead);
}

async function* rest(first: Buffer, source: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  if (first.length > 0) yield first;
  for (;;) {
    const next = await source.next();
    if (next.done) return;
    yield next.value;
  }
}

function incomplete(): never {
  throw new WireError('the headers do not end with an empty line');
}

function wrongLength(): never {
  throw new WireError('the data are not as long as the headers say');
}
