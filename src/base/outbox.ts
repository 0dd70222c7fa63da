// Letters on their way out of a person's folder: sealed, on the disk before anything is sent, and gone only when a server has them.
//
//   ID.json    what the client says of a letter, and what became of the tries so far
//   ID.ENDING  its octets

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { toHex } from './bytes.ts';
import { messageOf } from './errors.ts';
import { readIfThere, replaceFile } from './files.ts';
import type { Random } from './random.ts';
import { forgetLock, namesIn, readDocument, withLock, writeDocument } from './user-folder.ts';

const ID_LENGTH = 8;
const DOCUMENT = /^([0-9a-f]{16})\.json$/;

/** What each letter's document says beside what its client wants to keep. */
export const trials = {
  /** Not to be sent before this time, in milliseconds since 1970. */
  notBefore: z.number(),
  /** How often it was tried in vain, and what was said the last time. */
  tries: z.number().int().min(0),
  failure: z.string().optional(),
};

export interface Trials {
  readonly notBefore: number;
  readonly tries: number;
  readonly failure?: string | undefined;
}

interface Place {
  readonly folder: string;
  readonly ending: string;
}

/** Where a client keeps its letters, and what it says of each. */
export interface Outbox<Note extends Trials> extends Place {
  readonly shape: z.ZodType<Note>;
}

export type Waiting<Note extends Trials = Trials> = Note & { readonly id: string };

/** Puts a letter into the outbox. It is durable when this resolves. */
export async function post<Note extends Trials>(
  outbox: Outbox<Note>,
  note: Note,
  body: Uint8Array,
  random: Random,
): Promise<Waiting<Note>> {
  const waiting = { ...note, id: toHex(random.bytes(ID_LENGTH)) };
  await replaceFile(fileOf(outbox, waiting, outbox.ending), body);
  await write(outbox, waiting);
  return waiting;
}

/** In the order in which they may leave. */
export async function waitingLetters<Note extends Trials>(outbox: Outbox<Note>): Promise<Waiting<Note>[]> {
  const ids = (await namesIn(outbox.folder)).flatMap((name) => DOCUMENT.exec(name)?.[1] ?? []);
  const found = await Promise.all(ids.map((id) => find(outbox, id)));
  return found.filter((waiting) => waiting !== undefined).sort((a, b) => a.notBefore - b.notBefore);
}

/**
 * Has `send` bring a letter to its server, and takes it out of the outbox when that is done. When it fails the letter stays,
 * with the reason noted, and the error is thrown. One process at a time does this: undefined when another was quicker.
 * Throws FolderError `busy` while another is at it.
 */
export async function carry<Note extends Trials, T>(
  outbox: Outbox<Note>,
  waiting: Waiting<Note>,
  send: (body: Buffer) => Promise<T>,
): Promise<T | undefined> {
  return withLock(fileOf(outbox, waiting, 'sending'), async () => {
    const body = await readIfThere(fileOf(outbox, waiting, outbox.ending));
    const now = await find(outbox, waiting.id);
    if (body === undefined || now === undefined) {
      await takeOut(outbox, waiting); // half of a letter is none
      return undefined;
    }
    let done: T;
    try {
      done = await send(body);
    } catch (error) {
      await write(outbox, { ...now, tries: now.tries + 1, failure: messageOf(error) });
      throw error;
    }
    await takeOut(outbox, waiting);
    return done;
  });
}

/** Puts other octets in the place of a letter's. */
export async function replaceBody<Note extends Trials>(
  outbox: Outbox<Note>,
  waiting: Waiting<Note>,
  body: Uint8Array,
): Promise<void> {
  await replaceFile(fileOf(outbox, waiting, outbox.ending), body);
}

/** Throws a letter away. Throws FolderError `busy` while it is being sent. */
export async function drop(outbox: Place, waiting: { readonly id: string }): Promise<void> {
  await withLock(fileOf(outbox, waiting, 'sending'), () => takeOut(outbox, waiting));
}

/** The document goes first: without it the octets mean nothing. */
async function takeOut(outbox: Place, waiting: { readonly id: string }): Promise<void> {
  for (const ending of ['json', outbox.ending]) await rm(fileOf(outbox, waiting, ending), { force: true });
  await forgetLock(fileOf(outbox, waiting, 'sending'));
}

async function find<Note extends Trials>(outbox: Outbox<Note>, id: string): Promise<Waiting<Note> | undefined> {
  const note = await readDocument(fileOf(outbox, { id }, 'json'), outbox.shape);
  return note && { ...note, id };
}

async function write<Note extends Trials>(outbox: Outbox<Note>, waiting: Waiting<Note>): Promise<void> {
  await writeDocument(fileOf(outbox, waiting, 'json'), z.encode(outbox.shape, waiting));
}

function fileOf({ folder }: Place, { id }: { readonly id: string }, ending: string): string {
  return join(folder, `${id}.${ending}`);
}
