// For accounts with an OpenPGP key: what arrives readable is encrypted to it before it is stored, and the mailbox shows of it what
// the account allows and nothing more.   spec: immp 2.11

import { codeOf } from '../../base/errors.ts';
import { Refusal } from '../codes.ts';
import { encrypt, readKey } from '../federation/openpgp.ts';
import { SEALED_NAME, SEALED_TYPE } from '../federation/sealed.ts';
import type { Room } from '../room.ts';
import { spool } from '../spool.ts';
import { type Envelope, type MessageFile, messageFile, type Part } from './message.ts';

/** What an account may let its mailbox show of a sealed message. */
export const SHOWABLE = ['from', 'subject', 'date'] as const;
export type Showable = (typeof SHOWABLE)[number];

export interface Sealer {
  /** Base64 of the armour. */
  readonly pubkey: string;
  readonly show: readonly Showable[];
}

export interface Sealed {
  readonly file: MessageFile;
  /** Its parts; those that came when nothing was sealed. */
  readonly parts: readonly Part[];
  discard(): Promise<void>;
}

/** The armour in a PUBKEY setting. */
export function armourOf(pubkey: string): string {
  return Buffer.from(pubkey, 'base64').toString('utf8');
}

/**
 * The message file with the whole of `file` as its one part, encrypted; the file itself when its content is encrypted already.
 * Throws Refusal 451 when the key cannot be used (any more): the message waits at its sender's until its owner sets another.
 */
export async function sealFor(
  room: Room,
  { pubkey, show }: Sealer,
  file: MessageFile,
  parts: readonly Part[],
): Promise<Sealed> {
  if (pubkey === '' || (await isSealed(parts))) return { file, parts, discard: async () => {} };
  const now = room.post.clock.now();
  const key = await readKey(armourOf(pubkey), now).catch((cause) => {
    room.post.log.warn('immp.account-key-unusable', { code: codeOf(cause) });
    throw new Refusal('451', { cause });
  });
  const data = await spool(await encrypt(file.chunks(), key, now), Number.POSITIVE_INFINITY, room.spool);
  if (data === undefined) throw new Error('more came than can be');
  const part: Part = { class: 'content', type: SEALED_TYPE, name: SEALED_NAME, data };
  const sealed = messageFile(shownOf(file.head.envelope, show), [part]);
  return { file: sealed, parts: [part], discard: () => data.discard() };
}

function shownOf({ uuid, origin, to, received, secure, ...said }: Envelope, show: readonly Showable[]): Envelope {
  return {
    ...{ uuid, origin, to, received },
    from: show.includes('from') ? said.from : null,
    ...(show.includes('subject') && said.subject !== undefined ? { subject: said.subject } : {}),
    ...(show.includes('date') && said.date !== undefined ? { date: said.date } : {}),
    ...(secure === undefined ? {} : { secure }),
  };
}

/** Encrypted by its sender: nothing is gained by doing so again. */
async function isSealed(parts: readonly Part[]): Promise<boolean> {
  const contents = parts.filter((part) => part.class === 'content');
  for (const { type, data } of contents) {
    if (type.toLowerCase().startsWith(SEALED_TYPE)) continue;
    const { value: first } = await data.chunks().next();
    if (!first?.subarray(0, 64).toString('latin1').trimStart().startsWith('-----BEGIN PGP MESSAGE-----')) return false;
  }
  return parts.length === contents.length;
}
