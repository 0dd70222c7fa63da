// One message as it lies in a folder: its directory written, and read back to the octet.   spec: ima 2.7

import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile, syncFolder } from '../../base/files.ts';
import { ImaError } from '../errors.ts';
import type { Letter } from '../letter.ts';
import { formatBlock, type Head, parseHead } from '../wire/message.ts';
import { isWord } from '../wire/names.ts';
import { absent, partFile } from './layout.ts';

const OWNER_ONLY_FOLDER = 0o700;
const OWNER_ONLY = 0o600;
const HEADERS = 'headers';
const FLAGS = 'flags';
const MAX_FLAGS = 64;

/** Writes a new directory with all of the message in it; durable but for its own name when this resolves. */
export async function writeStored(path: string, letter: Letter, flags: readonly string[]): Promise<void> {
  await mkdir(path, { mode: OWNER_ONLY_FOLDER });
  try {
    const block = formatBlock(letter.head.headers).subarray(0, -1);
    let offset = 0;
    const writes = [
      writeSynced(join(path, HEADERS), [block]),
      writeFile(join(path, FLAGS), flagText(flags), { mode: OWNER_ONLY }),
    ];
    for (const [place, part] of letter.head.parts.entries()) {
      writes.push(writeSynced(join(path, partFile(place, part)), letter.data(offset, part.size)));
      offset += part.size;
    }
    await Promise.all(writes);
    await syncFolder(path);
  } catch (error) {
    await rm(path, { recursive: true, force: true });
    throw error;
  }
}

/** Throws ImaError `unknown` when there is no such message, `mailbox` when its headers are not in order. */
export async function readHead(path: string): Promise<Head> {
  const headers = await readFile(join(path, HEADERS)).catch(absent);
  if (headers === undefined) throw new ImaError('unknown', 'there is no such message');
  try {
    return parseHead(Buffer.concat([headers, Buffer.from('\n')]));
  } catch (cause) {
    throw new ImaError('mailbox', 'a stored message is damaged', { cause });
  }
}

/** The message as it was sent: headers, then the parts one after the other. Throws as `readHead`, and when a part has another length. */
export async function readStored(path: string): Promise<Letter> {
  const head = await readHead(path);
  const files = head.parts.map((part, place) => ({ file: join(path, partFile(place, part)), size: part.size }));
  for (const { file, size } of files) {
    if ((await stat(file).catch(absent))?.size !== size) throw new ImaError('mailbox', 'a stored message is damaged');
  }
  return {
    head,
    async *data(offset = 0, length = head.size - offset) {
      let start = 0;
      for (const { file, size } of files) {
        const from = Math.max(offset, start) - start;
        const to = Math.min(offset + length, start + size) - start;
        if (to > from) yield* createReadStream(file, { start: from, end: to - 1 });
        start += size;
      }
    },
  };
}

/** In order; words that are none are left out. */
export async function readFlags(path: string): Promise<string[]> {
  const text = await readFile(join(path, FLAGS), 'latin1').catch(absent);
  return checked((text ?? '').split('\n'));
}

/** When the flags were written last, ns; 0 where there are none. */
export async function flagsTime(path: string): Promise<bigint> {
  return (await stat(join(path, FLAGS), { bigint: true }).catch(absent))?.mtimeNs ?? 0n;
}

/** Replaces the flags as a whole, by a rename inside the message's own directory. */
export async function writeFlags(path: string, flags: readonly string[]): Promise<void> {
  await replaceFile(join(path, FLAGS), flagText(flags));
}

function flagText(flags: readonly string[]): string {
  return checked(flags)
    .map((word) => `${word}\n`)
    .join('');
}

function checked(flags: readonly string[]): string[] {
  return [...new Set(flags.filter(isWord))].sort().slice(0, MAX_FLAGS);
}

async function writeSynced(path: string, chunks: AsyncIterable<Buffer> | readonly Buffer[]): Promise<void> {
  await using file = await open(path, 'wx', OWNER_ONLY);
  for await (const chunk of chunks) await file.writeFile(chunk);
  await file.sync();
}
