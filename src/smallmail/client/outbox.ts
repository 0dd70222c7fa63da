// Letters on their way out: sealed, on the disk before anything is sent, and gone only when the server has them.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { toHex } from '../../base/bytes.ts';
import { readIfThere, replaceFile } from '../../base/files.ts';
import type { Random } from '../../base/random.ts';
import { namesIn, readDocument, writeDocument } from '../../base/user-folder.ts';
import { type Address, formatAddress } from './address.ts';
import { addressShape, type Home } from './home.ts';

const shape = z.object({
  to: addressShape,
  /** Not to be sent before this time: when somebody writes shall not show when he wrote.   spec: smallmail 2.11 */
  notBefore: z.number(),
  /** How often it was tried in vain, and what was said the last time. */
  tries: z.number().int().min(0),
  failure: z.string().optional(),
});

export type Waiting = z.infer<typeof shape> & { readonly id: string };

/** Puts a sealed letter into the outbox. It is durable when this resolves. */
export async function post(
  home: Home,
  { to, body, notBefore }: { to: Address; body: Uint8Array; notBefore: number },
  random: Random,
): Promise<Waiting> {
  const waiting = { id: toHex(random.bytes(8)), to, notBefore, tries: 0 };
  await replaceFile(fileOf(home, waiting.id, 'pgp'), body);
  await note(home, waiting);
  return waiting;
}

/** In the order in which they may leave. */
export async function waitingLetters(home: Home): Promise<Waiting[]> {
  const ids = (await namesIn(join(home.folder, 'outbox'))).flatMap(
    (name) => /^([0-9a-f]{16})\.json$/.exec(name)?.[1] ?? [],
  );
  const found = await Promise.all(ids.map((id) => findWaiting(home, id)));
  return found.filter((waiting) => waiting !== undefined).sort((a, b) => a.notBefore - b.notBefore);
}

export async function findWaiting(home: Home, id: string): Promise<Waiting | undefined> {
  const document = await readDocument(fileOf(home, id, 'json'), shape);
  return document === undefined ? undefined : { id, ...document };
}

export async function bodyOf(home: Home, { id }: Waiting): Promise<Buffer | undefined> {
  return readIfThere(fileOf(home, id, 'pgp'));
}

/** Says in the outbox what became of a try. */
export async function note(home: Home, { id, to, ...rest }: Waiting): Promise<void> {
  await writeDocument(fileOf(home, id, 'json'), { to: formatAddress(to), ...rest });
}

/** The document goes first: without it the body means nothing. */
export async function takeOut(home: Home, { id }: Waiting): Promise<void> {
  await rm(fileOf(home, id, 'json'), { force: true });
  await rm(fileOf(home, id, 'pgp'), { force: true });
}

/** The path on which one process at a time sends this letter. */
export function lockOf(home: Home, { id }: Waiting): string {
  return fileOf(home, id, 'sending');
}

function fileOf(home: Home, id: string, ending: string): string {
  return join(home.folder, 'outbox', `${id}.${ending}`);
}
