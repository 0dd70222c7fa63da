// Opens a letter: decrypts it, says who signed it, takes its MIME apart. Whatever is in it was written by somebody else.

import type { Message, PrivateKey, PublicKey } from 'openpgp';
import { asBuffer } from '../../base/bytes.ts';
import { looksLikeMail, type MailFile, readMime } from '../../mail/read-mime.ts';
import { openPgp } from '../openpgp/library.ts';
import { type Address, parseAddress } from './address.ts';
import { ClientError } from './errors.ts';
import { isArmoured, type OwnKey } from './key-pair.ts';
import { KEY_TYPE, PADDING_TYPE } from './letter.ts';

const MAX_CLEAR = 32 * 1024 * 1024;
const MAX_SENDER_KEY = 64 * 1024;

export type SignatureState =
  /** Nobody signed it. What it says about its sender is what anybody could say. */
  | { readonly kind: 'none' }
  /** By the key of this mailbox, which is a contact or one of our own. */
  | { readonly kind: 'good'; readonly mailbox: string }
  /** By the key that came with the letter: the same sender can be known again, but not who that is. */
  | { readonly kind: 'attached'; readonly mailbox: string }
  /** By a key that is not here. */
  | { readonly kind: 'unknown'; readonly keyId: string }
  /** The signature does not fit the letter, or its key was not valid. */
  | { readonly kind: 'bad'; readonly keyId: string };

export interface Letter {
  readonly from: Address | undefined;
  /** As it stands in the letter, address or not. */
  readonly fromText: string;
  readonly to: Address | undefined;
  readonly subject: string;
  /** Milliseconds since 1970. */
  readonly date: number | undefined;
  readonly messageId: string;
  readonly text: string;
  readonly attachments: readonly MailFile[];
  /** The public key that came along, if any. */
  readonly senderKey: Buffer | undefined;
  readonly signature: SignatureState;
  /**
   * What a reader must know before believing the letter: it is signed by somebody else than the sender it names, or
   * was written to another mailbox and handed on by its reader.
   */
  readonly doubts: readonly ('other-sender' | 'other-recipient')[];
}

/**
 * Opens an encrypted body of the mailbox `own`. `known` are the binary public keys of contacts and own mailboxes.
 * Throws ClientError `unreadable`.
 */
export async function openLetter(
  body: Uint8Array,
  own: OwnKey,
  known: readonly Uint8Array[],
  now: number,
): Promise<Letter> {
  const message = await decrypt(body, own.key);
  const clear = asBuffer((message.getLiteralData() as Uint8Array | null) ?? new Uint8Array());
  const letter = await readClearLetter(clear);
  const signature = await judgeSignature(message, known, letter.senderKey, now);
  const signer = 'mailbox' in signature ? signature.mailbox : undefined;
  const doubts: Letter['doubts'][number][] = [];
  if (signer !== undefined && letter.from !== undefined && letter.from.mailbox !== signer) doubts.push('other-sender');
  if (letter.to !== undefined && letter.to.mailbox !== own.mailbox) doubts.push('other-recipient');
  return { ...letter, signature, doubts };
}

/** What `openLetter` finds in the clear text. Throws ClientError `unreadable` for MIME beyond its limits. */
export async function readClearLetter(clear: Buffer): Promise<Omit<Letter, 'signature' | 'doubts'>> {
  if (!looksLikeMail(clear)) return { ...PLAIN, text: clear.toString('utf8').replaceAll('\r\n', '\n') }; // spec: smallmail 2.12
  const mail = await readMime(clear).catch((cause) => {
    throw new ClientError('unreadable', 'the letter is not put together as mail should be', { cause });
  });
  return {
    from: parseAddress(bare(mail.field('from'))),
    fromText: mail.field('from'),
    to: parseAddress(bare(mail.field('to'))),
    subject: mail.subject,
    date: mail.date,
    messageId: mail.messageId,
    text: mail.text,
    attachments: mail.files.filter(({ type }) => type !== PADDING_TYPE && type !== KEY_TYPE),
    senderKey: mail.files.find(({ type, content }) => type === KEY_TYPE && content.length <= MAX_SENDER_KEY)?.content,
  };
}

const PLAIN: Omit<Letter, 'signature' | 'doubts'> = {
  from: undefined,
  fromText: '',
  to: undefined,
  subject: '',
  date: undefined,
  messageId: '',
  text: '',
  attachments: [],
  senderKey: undefined,
};

async function decrypt(body: Uint8Array, key: PrivateKey): Promise<Message<Uint8Array>> {
  const { library, config } = await openPgp();
  const limited = { ...config, maxDecompressedMessageSize: MAX_CLEAR };
  try {
    const sealed = await library.readMessage({ binaryMessage: new Uint8Array(body), config: limited });
    const opened = await sealed.decrypt([key], undefined, undefined, undefined, limited);
    return opened as Message<Uint8Array>;
  } catch (cause) {
    throw new ClientError('unreadable', "the mailbox's key does not open this letter, or the letter is damaged", {
      cause,
    });
  }
}

/** The best that can be said of the letter's signatures. */
async function judgeSignature(
  message: Message<Uint8Array>,
  known: readonly Uint8Array[],
  attached: Uint8Array | undefined,
  now: number,
): Promise<SignatureState> {
  const { library, config } = await openPgp();
  const [keyId] = message.getSigningKeyIDs().map((id) => id.toHex());
  if (keyId === undefined) return { kind: 'none' };
  const knownKeys = await readKeys(known);
  const keys = [...knownKeys, ...(await readKeys(attached === undefined ? [] : [attached]))];
  const strict = { ...config, rejectMessageHashAlgorithms: library.config.rejectMessageHashAlgorithms };
  let found = false;
  // The library gives the signatures out once: all keys are tried together.
  for (const { keyID, verified } of await message.verify(keys, new Date(now), strict)) {
    const signer = keys.find((key) => key.getKeys(keyID).length > 0);
    if (signer === undefined) continue;
    found = true;
    if (!(await verified.catch(() => false))) continue;
    const kind = knownKeys.includes(signer) ? 'good' : 'attached';
    return { kind, mailbox: signer.getFingerprint().toUpperCase() };
  }
  return { kind: found ? 'bad' : 'unknown', keyId };
}

async function readKeys(octets: readonly Uint8Array[]): Promise<PublicKey[]> {
  const { library } = await openPgp();
  const keys: PublicKey[] = [];
  for (const one of octets) {
    try {
      keys.push(
        isArmoured(one)
          ? await library.readKey({ armoredKey: asBuffer(one).toString('latin1') })
          : await library.readKey({ binaryKey: new Uint8Array(one) }),
      );
    } catch {
      // a key that cannot be read signs nothing
    }
  }
  return keys;
}

/** Without the pointed brackets that mail programs put around addresses. */
function bare(field: string): string {
  return /<([^<>]*)>\s*$/.exec(field)?.[1] ?? field;
}
