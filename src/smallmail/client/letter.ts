// Makes a letter: a MIME message, signed if its writer wants to be known, padded, encrypted to a key that is not named.
// What leaves has one of seven sizes, whatever it says.   spec: smallmail 2.12

import type { PublicKey } from 'openpgp';
import { asBuffer, toHex } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import { formatSize } from '../../base/text.ts';
import { mailDate, type Part, writeMime } from '../../mail/write-mime.ts';
import { openPgp } from '../openpgp/library.ts';
import { type Address, formatAddress } from './address.ts';
import { ClientError } from './errors.ts';
import type { OwnKey } from './key-pair.ts';

const KIB = 1024;
/** Octets of a whole encrypted body: each letter is padded to the next of these. The last is the servers' limit. */
export const SIZES = [4, 16, 64, 256, 1024, 4096, 10240].map((size) => size * KIB);
/** A signature can be an octet longer or shorter at each try. */
const TRIES = 16;
export const KEY_TYPE = 'application/pgp-keys';
export const PADDING_TYPE = 'application/padding';
const PADDING_LINE = `${'.'.repeat(74)}\r\n`;

export interface Draft {
  /** The sender's address, when the recipient is to know where to answer. */
  readonly from?: Address;
  readonly to: Address;
  readonly subject: string;
  readonly text: string;
  readonly attachments: readonly Part[];
  /** Goes along as an attachment, so that a first letter can be answered. */
  readonly senderKey?: Uint8Array;
  /** When it was written, milliseconds since 1970. Only the recipient reads it. */
  readonly date: number;
}

export interface Sealing {
  /** The recipient's binary public key; that it is the one of the address is checked here again. */
  readonly recipientKey: Uint8Array;
  /** Signs inside the encryption. */
  readonly signer?: OwnKey | undefined;
  readonly now: number;
  readonly random: Random;
}

/**
 * The encrypted body, exactly as many octets as the smallest of SIZES that holds it. The padding is the last MIME part,
 * under the signature, so that every OpenPGP program opens the letter.
 * Throws ClientError `too-large` above 10 MiB, `key` when the recipient's key cannot be used.
 */
export async function sealLetter(draft: Draft, { recipientKey, signer, now, random }: Sealing): Promise<Buffer> {
  const { library, config } = await openPgp();
  const encryptionKeys = await readRecipient(recipientKey, draft.to);
  const date = new Date(now);
  const seal = async (padding: number) => {
    const message = await library.createMessage({ binary: new Uint8Array(writeLetter(draft, padding, random)), date });
    const signing = signer === undefined ? {} : { signingKeys: signer.key };
    const options = { message, encryptionKeys, ...signing, wildcard: true, date, config, format: 'binary' } as const;
    try {
      return asBuffer((await library.encrypt(options)) as Uint8Array);
    } catch (cause) {
      throw new ClientError('key', "the recipient's key cannot be used now: it is expired, revoked or too weak", {
        cause,
        remedy: 'ask the recipient for the present key',
      });
    }
  };

  let padding = 0;
  let body = await seal(padding);
  const size = SIZES.find((candidate) => candidate >= body.length);
  if (size === undefined) {
    const largest = formatSize(SIZES.at(-1) ?? 0);
    throw new ClientError(
      'too-large',
      `the letter has ${formatSize(body.length)}; ${largest} is the most that servers take`,
      {
        remedy: 'send fewer or smaller attachments',
      },
    );
  }
  for (let tries = 0; body.length !== size && tries < TRIES; tries += 1) {
    padding = Math.max(0, padding + size - body.length);
    body = await seal(padding);
  }
  if (body.length > size) throw new ClientError('too-large', 'the letter does not fit by an octet; say one word less');
  return body;
}

/** The MIME message, with `padding` octets that mean nothing. */
function writeLetter(draft: Draft, padding: number, random: Random): Buffer {
  const fields: [string, string][] = [];
  if (draft.from !== undefined) fields.push(['From', formatAddress(draft.from)]);
  fields.push(['To', formatAddress(draft.to)], ['Subject', draft.subject], ['Date', mailDate(draft.date)]);
  fields.push(['Message-ID', `<${toHex(random.bytes(16))}@smallmail.invalid>`]);
  const parts = [...draft.attachments];
  if (draft.senderKey !== undefined) parts.push({ type: KEY_TYPE, content: draft.senderKey, name: 'key.pgp' });
  return writeMime(fields, draft.text, [...parts, paddingPart(padding)], random);
}

/** `length` octets that mean nothing, in lines that any reader of mail can take. */
function paddingPart(length: number): Part {
  const lines = PADDING_LINE.repeat(Math.ceil(length / PADDING_LINE.length)).slice(0, length);
  return { type: PADDING_TYPE, content: Buffer.from(lines.replace(/\r$/, '.')), bare: true };
}

async function readRecipient(octets: Uint8Array, { mailbox }: Address): Promise<PublicKey> {
  const { library } = await openPgp();
  let key: PublicKey;
  try {
    key = await library.readKey({ binaryKey: new Uint8Array(octets) });
  } catch (cause) {
    throw new ClientError('key', "the recipient's key cannot be read", { cause });
  }
  if (key.getFingerprint().toUpperCase() === mailbox) return key;
  throw new ClientError('key', 'the key is not the one that the address names');
}
