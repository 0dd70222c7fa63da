// Fetching letters: list, receive, save, and only then, if asked, delete. A fetch that was cut off, or killed, goes on at
// the octet where it stopped.   spec: smallmail 2.7

import { open, rm, stat } from 'node:fs/promises';
import { codeOf } from '../../base/errors.ts';
import { formatSize } from '../../base/text.ts';
import { withLock } from '../../base/user-folder.ts';
import { type ListedMessage, type SmallMailClient, SmallMailError } from '../client.ts';
import { type Courier, converse, isRejection, withRetries } from './courier.ts';
import { ClientError } from './errors.ts';
import { folderOf, type OwnMailbox } from './home.ts';
import type { OwnKey } from './key-pair.ts';
import { forgetLetter, keepLetter, partialFile, type SavedLetter, savedLetters } from './letters.ts';
import { registerMailbox } from './sending.ts';

/** Octets: a server may allow more than ours does, but not everything. */
const MAX_LETTER = 64 * 1024 * 1024;
const MAX_LISTED = 10_000;

export interface Fetched {
  readonly saved: readonly SavedLetter[];
  /** Letters that are too large to be taken. */
  readonly skipped: readonly ListedMessage[];
  /** The server had forgotten the mailbox, which was made again, empty. */
  readonly remade: boolean;
}

/** Brings in all letters of a mailbox that are not here yet. With `remove`, those that are safe here are deleted there. */
export async function fetchMailbox(
  courier: Courier,
  mailbox: OwnMailbox,
  own: OwnKey,
  { remove }: { remove: boolean },
): Promise<Fetched> {
  const saved: SavedLetter[] = [];
  const skipped = new Map<string, ListedMessage>();
  const visit = () =>
    withRetries(courier, (further) =>
      converse(courier, mailbox.address, own, async (client) => {
        const here = new Set((await savedLetters(courier.home, mailbox.label)).map(({ id }) => id));
        for (const message of await listAll(client, own.mailbox)) {
          if (message.size > MAX_LETTER) skipped.set(message.id, message);
          else if (!here.has(message.id)) {
            const letter = await fetchLetter(courier, mailbox, client, message, further);
            if (letter === undefined) continue;
            saved.push(letter);
          }
          if (remove && !skipped.has(message.id)) await client.delete(own.mailbox, message.id);
        }
      }),
    );
  return withLock(folderOf(courier.home, mailbox.label), async () => {
    let remade = false;
    try {
      await visit();
    } catch (error) {
      if (!isRejection(error)) throw error;
      // Our key is good, so the server has forgotten the mailbox.   spec: smallmail 2.4
      await registerMailbox(courier, mailbox.address, own.publicKey);
      remade = true;
      await visit();
    }
    return { saved, skipped: [...skipped.values()], remade };
  });
}

/** Deletes a letter there, then here. One that is gone there already is no error. */
export async function deleteLetter(
  courier: Courier,
  mailbox: OwnMailbox,
  own: OwnKey,
  letter: SavedLetter,
): Promise<void> {
  await withRetries(courier, () =>
    converse(courier, mailbox.address, own, (client) => client.delete(own.mailbox, letter.id)),
  );
  await forgetLetter(letter);
}

async function listAll(client: SmallMailClient, name: string): Promise<ListedMessage[]> {
  const messages: ListedMessage[] = [];
  for await (const message of client.list(name)) {
    if (messages.length === MAX_LISTED)
      throw new ClientError('undone', `the server lists more than ${MAX_LISTED} letters`);
    messages.push(message);
  }
  return messages;
}

/** One letter, on from where an earlier try stopped; undefined when it is no longer there. */
async function fetchLetter(
  courier: Courier,
  { label, address: { mailbox } }: OwnMailbox,
  client: SmallMailClient,
  { id, size }: ListedMessage,
  further: () => void,
): Promise<SavedLetter | undefined> {
  const path = partialFile(courier.home, label, id);
  let have = await sizeOf(path);
  if (have > size) {
    await rm(path);
    have = 0;
  }
  try {
    if (have < size || size === 0) {
      const rest = have === 0 ? await client.receive(mailbox, id) : await client.part(mailbox, id, have);
      if (have + rest.size !== size) {
        throw new ClientError(
          'undone',
          `the server announced ${formatSize(size)} and sends ${formatSize(have + rest.size)}`,
        );
      }
      const file = await open(path, 'a', 0o600);
      try {
        for await (const chunk of rest.chunks) {
          await file.appendFile(chunk);
          have += chunk.length;
          further();
          courier.progress?.(have, size);
        }
      } finally {
        await file.close();
      }
    }
  } catch (error) {
    if (!(error instanceof SmallMailError) || error.code !== 'no-message') throw error;
    await rm(path, { force: true });
    return undefined;
  }
  return keepLetter(courier.home, label, id);
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 0;
    throw error;
  }
}
