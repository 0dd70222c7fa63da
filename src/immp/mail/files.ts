// The messages of a mailbox as files: each as it is kept, and one list that says where each lay.   spec: immp 2.12

import { createHash, hash } from 'node:crypto';
import { type FileHandle, open, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { messageOf } from '../../base/errors.ts';
import { replaceFile } from '../../base/files.ts';
import { DAY, SECOND } from '../../base/time.ts';
import type { Post } from '../../post/post.ts';
import { idOf } from '../accounts.ts';
import { ImmpError } from '../errors.ts';
import { uuidOctets } from '../watching.ts';
import { type Head, MAX_HEAD, readHead, writeEntry } from './message.ts';

const LIST = 'messages.jsonl';
const PAGE = 100;
const CHUNK = 64 * 1024;
/** A message that is taken in twice is known for so long; after that its folder is looked at alone. */
const KNOWN_FOR = 8 * DAY;

const listed = z.strictObject({
  /** Never used for another message. */
  file: z.string().regex(/^[0-9a-f]{32}\.immp$/),
  folder: z.string().min(1),
  flags: z.array(z.string()),
  /** In milliseconds since 1970. */
  arrived: z.int().nonnegative(),
});

/** Writes the messages of `account` into `folder`, each file the same whenever it is written; the list comes last. */
export async function exportMail({ store }: Post, account: string, folder: string, each: () => void): Promise<void> {
  const lines: string[] = [];
  for (let next: number | undefined = 0; next !== undefined; ) {
    const page = await store.messages.page(idOf(account), { after: next, limit: PAGE });
    for (const { id, folder: box, flags, arrived } of page.messages) {
      const octets = await store.messages.read(idOf(account), id);
      if (octets === undefined) continue; // removed just now
      const file = `${id}.immp`;
      await replaceFile(join(folder, file), Buffer.concat(await Array.fromAsync(octets.chunks)));
      await utimes(join(folder, file), arrived / SECOND, arrived / SECOND);
      const line: z.infer<typeof listed> = { file, folder: box, flags: [...flags], arrived };
      lines.push(`${JSON.stringify(line)}\n`);
      each();
    }
    next = page.next;
  }
  await replaceFile(join(folder, LIST), lines.join(''));
}

/** Takes in what is not there yet, in the order of the list. Throws ImmpError. */
export async function importMail(post: Post, account: string, folder: string, each: () => void): Promise<void> {
  await using list = await openFile(join(folder, LIST));
  for await (const line of list.readLines()) {
    const entry = listed.safeParse(jsonOf(line));
    if (!entry.success) throw new ImmpError('files', `${join(folder, LIST)} has a line that says nothing: ${line}`);
    if (await importMessage(post, account, folder, entry.data)) each();
  }
}

/** False when it is there already. */
async function importMessage(
  post: Post,
  account: string,
  folder: string,
  { file, folder: box, flags, arrived }: z.infer<typeof listed>,
): Promise<boolean> {
  const { messages } = post.store;
  const path = join(folder, file);
  await using opened = await openFile(path);
  const message = await readMessage(opened, path);
  const name = uuidOctets(message.head.envelope.uuid);
  if ((await messages.named(idOf(account), name)).some((there) => there.folder === box)) return false;
  const body = await messages.receive(idOf(account), checkedOctets(opened, message, path), message.size);
  const { status } = await messages.append(idOf(account), {
    body,
    folder: box,
    flags,
    arrived,
    index: writeEntry(message),
    name,
    once: { key: hash('sha256', `moved\0${file}`, 'buffer'), until: post.clock.now() + KNOWN_FOR },
  });
  if (status === 'stored') return true;
  await body.discard();
  if (status === 'duplicate') return false;
  throw new ImmpError('files', `the mailbox of ${account} has no room for ${path}`, {
    remedy: 'give it more (postern immp account quota) and import again; what is here already is not doubled',
  });
}

interface MessageInFile {
  readonly head: Head;
  /** Where the octets of the first part begin. */
  readonly start: number;
  readonly size: number;
}

/** What a file says that it holds. Its size must fit. */
async function readMessage(file: FileHandle, path: string): Promise<MessageInFile> {
  const { size } = await file.stat();
  const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(size, MAX_HEAD)), 0, null, 0);
  let read: { readonly head: Head; readonly start: number };
  try {
    read = readHead(buffer.subarray(0, bytesRead));
  } catch (cause) {
    throw new ImmpError('files', `${path} is not a message`, { cause });
  }
  const { head, start } = read;
  if (size !== start + head.parts.reduce((sum, { length }) => sum + length, 0)) throw damaged(path);
  return { head, start, size };
}

/** All octets of the file; ends in a ImmpError when a part has another digest than the head says. */
async function* checkedOctets(file: FileHandle, { head, start }: MessageInFile, path: string) {
  yield* octetsOf(file, 0, start);
  let at = start;
  for (const { length, sha256 } of head.parts) {
    const digest = createHash('sha256');
    for await (const chunk of octetsOf(file, at, at + length)) {
      digest.update(chunk);
      yield chunk;
    }
    if (digest.digest('hex') !== sha256) throw damaged(path);
    at += length;
  }
}

async function* octetsOf(file: FileHandle, from: number, to: number): AsyncGenerator<Buffer, void, void> {
  for (let at = from; at < to; ) {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(CHUNK), 0, Math.min(CHUNK, to - at), at);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (cause) {
    throw new ImmpError('files', `${path} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function damaged(path: string): ImmpError {
  return new ImmpError('files', `${path} is damaged: it is not what its first lines say`);
}
