// The key ring: the secrets from which reply blocks (SURBs) are made, sealed under a passphrase in the file format of the
// original client, which reads what we write. The format hashes the passphrase but once: only a long one withstands
// guessing. Pure; keyring-file.ts keeps it on disk.   spec: mixminion-e2e 9
//
//   "KEYRING2" 00 | salt (8) | stream cipher over ( u32 length | items | padding | SHA-1 )
//   item = type (1) | u16 length | value;   a SURB secret = u32 expiry | identity | 00 | secret (20)

import { equalBytes } from '../../base/bytes.ts';
import { PosternError } from '../../base/errors.ts';
import { type Random, shuffle } from '../../base/random.ts';
import { DAY, SECOND, startOfDay } from '../../base/time.ts';
import { aesCtr } from '../../crypto/aes-ctr.ts';
import { sha1 } from '../../crypto/hash.ts';
import { readArmor, readBase64, writeArmor, writeBase64 } from '../packet/armor.ts';
import { ParseError } from '../packet/errors.ts';

const ARMOR = 'TYPE III KEYRING';
const MAGIC = Buffer.from('KEYRING2');
const HEAD = Buffer.concat([MAGIC, Buffer.from([0])]);
const OBSOLETE_MAGIC = Buffer.from('KEYRING1');
const DIGEST = 20;
const SALT = 8;
const KEY = 16;
const PADDED_TO = 1024;
const SECRET = 20;
const SURB_SECRET_ITEM = 0;
const MAX_ITEM = 0xffff;
/** Octets of all items together. */
const MAX_ITEMS = 1 << 20;
const MAX_EXPIRY = 0xffffffff;

/** How long a new secret is good for, and how long it must still be for new reply blocks. */
const LIFETIME = 90 * DAY;
const LEAST_LEFT = 30 * DAY;

export interface SurbSecret {
  /** Lower case; empty for the default identity. */
  readonly identity: string;
  /** 20 octets. */
  readonly secret: Buffer;
  /** Milliseconds since 1970 UTC, a whole second. */
  readonly expires: number;
}

export interface KeyRing {
  readonly secrets: readonly SurbSecret[];
  /** Items of types unknown here, kept for whoever wrote them. */
  readonly others: readonly { readonly type: number; readonly value: Buffer }[];
}

export const EMPTY_KEY_RING: KeyRing = { secrets: [], others: [] };

export type KeyRingErrorCode = 'keyring' | 'keyring-obsolete' | 'passphrase' | 'identity';

/** A key ring that is malformed, of an old kind, or sealed under another passphrase; or an impossible identity name. */
export class KeyRingError extends PosternError<KeyRingErrorCode> {
  constructor(code: KeyRingErrorCode, message: string, remedy?: string) {
    super(code, message, remedy === undefined ? {} : { remedy });
  }
}

/**
 * The key ring in an armoured text. Throws KeyRingError, with code `passphrase` when it was sealed under another one (or
 * damaged: the two cannot be told apart).   spec: mixminion-e2e 9
 */
export function openKeyRing(text: Uint8Array, passphrase: string): KeyRing {
  const sealed = sealedOctets(text);
  if (sealed.subarray(0, OBSOLETE_MAGIC.length).equals(OBSOLETE_MAGIC))
    throw new KeyRingError(
      'keyring-obsolete',
      'the key ring is of the first, long obsolete kind',
      'begin a new key ring',
    );
  const saltEnd = HEAD.length + SALT;
  if (sealed.length < saltEnd + 4 + DIGEST || !sealed.subarray(0, HEAD.length).equals(HEAD))
    throw malformed('it does not begin as key rings do');
  const salt = sealed.subarray(HEAD.length, saltEnd);
  const opened = aesCtr(sealingKey(salt, passphrase), sealed.subarray(saltEnd));
  const inner = opened.subarray(0, -DIGEST);
  if (!equalBytes(opened.subarray(-DIGEST), innerDigest(inner, salt)))
    throw new KeyRingError('passphrase', 'the passphrase does not open the key ring', 'try again, or restore a copy');
  const length = inner.readUInt32BE();
  if (length > inner.length - 4) throw malformed('its items would end behind it');
  return parseItems(inner.subarray(4, 4 + length));
}

/**
 * The armoured text of a key ring. Draws from `random`: the order of the items, the padding, the salt (8 octets).
 * Throws KeyRingError when a secret or an item cannot be written.   spec: mixminion-e2e 9
 */
export function sealKeyRing(ring: KeyRing, passphrase: string, random: Random): Buffer {
  const items = [
    ...ring.secrets.map((secret) => item(SURB_SECRET_ITEM, surbSecretValue(secret))),
    ...ring.others.map(({ type, value }) => item(type, value)),
  ];
  const data = Buffer.concat(shuffle(random, items));
  if (data.length > MAX_ITEMS) throw malformed('it has too many items');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const padding = random.bytes(Math.ceil(data.length / PADDED_TO) * PADDED_TO - data.length);
  const salt = random.bytes(SALT);
  const inner = Buffer.concat([length, data, padding]);
  const sealed = aesCtr(sealingKey(salt, passphrase), Buffer.concat([inner, innerDigest(inner, salt)]));
  return writeArmor(ARMOR, [['Version', '0.1']], writeBase64(Buffer.concat([HEAD, salt, sealed])));
}

/** The ring without the secrets whose time is over at `now` (ms).   spec: mixminion-e2e 9 */
export function withoutExpired(ring: KeyRing, now: number): KeyRing {
  return { ...ring, secrets: ring.secrets.filter(({ expires }) => expires > now) };
}

/**
 * The secret for new reply blocks of an identity (any case; empty for the default one): the longest-lived if it has
 * more than 30 days left, else a new one drawn from `random`, good for 90 days and to the next midnight. The ring
 * returned contains it; save that when it is another one than the ring given.   spec: mixminion-e2e 9
 */
export function secretForNewBlocks(
  ring: KeyRing,
  identity: string,
  now: number,
  random: Random,
): { readonly ring: KeyRing; readonly secret: SurbSecret } {
  const name = identityName(identity);
  const [newest] = ring.secrets.filter((secret) => secret.identity === name).sort((a, b) => b.expires - a.expires);
  if (newest !== undefined && newest.expires - now > LEAST_LEFT) return { ring, secret: newest };
  const expires = startOfDay(now + LIFETIME + DAY - 1);
  const secret = { identity: name, secret: random.bytes(SECRET), expires };
  return { ring: { ...ring, secrets: [...ring.secrets, secret] }, secret };
}

function sealedOctets(text: Uint8Array): Buffer {
  try {
    const [block] = readArmor(text, ARMOR);
    if (block !== undefined) return readBase64(block.body);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    throw malformed(error.message);
  }
  throw malformed('there is no key ring in the text');
}

function sealingKey(salt: Uint8Array, passphrase: string): Buffer {
  return sha1(salt, Buffer.from(passphrase), salt).subarray(0, KEY);
}

function innerDigest(inner: Uint8Array, salt: Uint8Array): Buffer {
  return sha1(inner, salt, MAGIC);
}

function parseItems(data: Buffer): KeyRing {
  const secrets: SurbSecret[] = [];
  const others: { type: number; value: Buffer }[] = [];
  for (let at = 0; at < data.length; ) {
    const end = at + 3 > data.length ? Number.POSITIVE_INFINITY : at + 3 + data.readUInt16BE(at + 1);
    if (end > data.length) throw malformed('an item is cut off');
    const type = data.readUInt8(at);
    const value = data.subarray(at + 3, end);
    if (type === SURB_SECRET_ITEM) secrets.push(parseSurbSecret(value));
    else others.push({ type, value });
    at = end;
  }
  return { secrets, others };
}

function parseSurbSecret(value: Buffer): SurbSecret {
  const nameEnd = value.length - SECRET - 1;
  if (nameEnd < 4 || value.indexOf(0, 4) !== nameEnd) {
    // The secret may hold zeros, the name may not: the first zero is the one that ends it.
    throw malformed('a SURB secret is malformed');
  }
  return {
    identity: value.toString('utf8', 4, nameEnd),
    secret: value.subarray(nameEnd + 1),
    expires: value.readUInt32BE() * SECOND,
  };
}

function surbSecretValue({ identity, secret, expires }: SurbSecret): Buffer {
  const seconds = Math.floor(expires / SECOND);
  if (secret.length !== SECRET || !(seconds >= 0 && seconds <= MAX_EXPIRY))
    throw malformed('a SURB secret is malformed');
  const expiry = Buffer.alloc(4);
  expiry.writeUInt32BE(seconds);
  return Buffer.concat([expiry, Buffer.from(`${identityName(identity)}\0`), secret]);
}

function item(type: number, value: Uint8Array): Buffer {
  if (value.length > MAX_ITEM) throw malformed('an item is too long');
  const head = Buffer.alloc(3);
  head.writeUInt8(type);
  head.writeUInt16BE(value.length, 1);
  return Buffer.concat([head, value]);
}

function identityName(identity: string): string {
  if (identity.includes('\0')) throw new KeyRingError('identity', 'an identity name cannot contain a zero octet');
  return identity.toLowerCase();
}

function malformed(what: string): KeyRingError {
  return new KeyRingError('keyring', `the key ring cannot be used: ${what}`);
}
