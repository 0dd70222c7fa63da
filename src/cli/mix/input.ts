// What the mix commands read: a message from a file or standard input, mail, a line from a descriptor.

import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { codeOf, messageOf } from '../../base/errors.ts';
import { formatSize } from '../../base/text.ts';
import { UsageError } from '../command.ts';

/** Octets of one input. */
const MAX_INPUT = 256 * 1024 * 1024;
/** Octets of a line with a passphrase. */
const MAX_LINE = 4096;
const STDIN = '-';

/** All of a file, or of standard input when the name is `-`; a person at a terminal is told what is expected. */
export async function readInput(name: string, what: string): Promise<Buffer> {
  if (name !== STDIN) return readFileWithin(name);
  if (process.stdin.isTTY) process.stderr.write(`Type ${what}, then Ctrl-D on a line of its own.\n`);
  return gather(process.stdin);
}

/** All that comes from an open descriptor. */
export function readDescriptor(descriptor: number): Promise<Buffer> {
  return gather(createReadStream('', { fd: descriptor, autoClose: false }));
}

/** The first line that comes from an open descriptor, without its end. */
export async function readLine(descriptor: number): Promise<string> {
  let held = Buffer.alloc(0);
  for await (const chunk of createReadStream('', { fd: descriptor, autoClose: false }) as AsyncIterable<Buffer>) {
    held = Buffer.concat([held, chunk]);
    if (held.includes('\n') || held.length > MAX_LINE) break;
  }
  const end = held.indexOf('\n');
  if ((end < 0 ? held.length : end) > MAX_LINE) throw new UsageError('the passphrase is far too long');
  return held.toString('utf8', 0, end < 0 ? held.length : end).replace(/\r$/, '');
}

async function readFileWithin(name: string): Promise<Buffer> {
  try {
    await using file = await open(name);
    if ((await file.stat()).size > MAX_INPUT) throw tooLarge();
    return await file.readFile();
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const why = codeOf(error) === 'ENOENT' ? 'there is no such file' : messageOf(error);
    throw new UsageError(`cannot read ${name}: ${why}`);
  }
}

async function gather(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > MAX_INPUT) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

function tooLarge(): UsageError {
  return new UsageError(`the input has more than ${formatSize(MAX_INPUT)}`);
}
