// What the words for reading mail have in common: the mailbox of whoever proved his account, and messages named by 32 octets.

import { mailboxOf } from '../accounts.ts';
import { failed } from '../answers.ts';
import type { Session } from '../session.ts';
import { MESSAGE_ID_LENGTH } from '../wire/proofs.ts';

/** Throws Failure when no account was proved. */
export function ownMailbox({ account }: Session): string {
  if (account === undefined) throw failed('not-proved');
  return mailboxOf(account);
}

/** The id that follows a word: the store's own, which has 32 letters. */
export async function readId(session: Session): Promise<string> {
  return (await session.block(MESSAGE_ID_LENGTH)).toString('latin1');
}

/** Whether it can be one that we gave out. */
export function isId(id: string): boolean {
  return /^[0-9a-f]{32}$/.test(id);
}
