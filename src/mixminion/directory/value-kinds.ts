// The kinds of value that descriptors, directories and settings hold: text in, value out, DirectoryError `value` for
// anything else. Times are milliseconds since 1970 UTC.   spec: mixminion-directory 1, 2

import { fromHex } from '../../base/bytes.ts';
import { RsaPublicKey } from '../../crypto/rsa.ts';
import { isHostname, isMailbox } from '../packet/routing.ts';
import { DirectoryError } from './errors.ts';

/** Reads one kind of value. */
export type Kind<T> = (text: string) => T;

const MAX_KEY_DER = 550;
const DEFAULT_PORT = 48099;
const MAX_PORT = 65_535;

/** Any text, or at most `limit` characters of it. */
export function text(limit = Number.POSITIVE_INFINITY): Kind<string> {
  return (value) => (value.length <= limit ? value : refuse(`longer than ${limit} characters`, ''));
}

export const boolean: Kind<boolean> = (value) => {
  if (/^(1|yes|y|true|on)$/i.test(value)) return true;
  if (/^(0|no|n|false|off)$/i.test(value)) return false;
  return refuse('neither yes nor no', value);
};

/** A whole number; a missing bound is no bound. */
export function integer(least = Number.MIN_SAFE_INTEGER, most = Number.MAX_SAFE_INTEGER): Kind<number> {
  return (value) => {
    const number = /^\s*[+-]?\d{1,16}\s*$/.test(value) ? Number(value) + 0 : Number.NaN; // + 0: no -0
    return Number.isSafeInteger(number) && number >= least && number <= most
      ? number
      : refuse('not a whole number in its range', value);
  };
}

export const port: Kind<number> = integer(1, MAX_PORT);

/** Items between commas. The empty text is one empty item. */
export const list: Kind<string[]> = (value) => value.split(',').map((item) => item.trim());

/** Words between white space. The empty text is none. */
export const sequence: Kind<string[]> = (value) => value.split(/\s+/).filter((word) => word !== '');

/** Midnight of a day. A day that its month lacks is counted on into the next month. */
export const date: Kind<number> = (value) => {
  const [, year, month, monthToo, day] = /^(\d{4})(?:-(\d\d)-|\/(\d\d)\/)(\d\d)$/.exec(value) ?? [];
  return utc(value, [year, month ?? monthToo, day], '00', '00', '00');
};

/** A moment to the second or to the millisecond. */
export const time: Kind<number> = (value) => {
  const match = /^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,3}))?$/.exec(value) ?? [];
  const [, year, month, day, hour, minute, second, fraction = ''] = match;
  return utc(value, [year, month, day], hour, minute, second) + Number(fraction.padEnd(3, '0'));
};

export const hexadecimal: Kind<Buffer> = (value) => fromHex(value) ?? refuse('not an even number of hex digits', value);

/** Standard alphabet, padded, without blanks. */
export const base64: Kind<Buffer> = (value) => {
  const octets = Buffer.from(value, 'base64');
  return octets.toString('base64') === value ? octets : refuse('not base64', value);
};

/** An RSA key of 2048 to `mostBits` bits with the exponent 65537, in base64 of its PKCS#1 form. */
function publicKey(mostBits: number): Kind<RsaPublicKey> {
  return (value) => {
    const der = base64(value);
    if (der.length > MAX_KEY_DER) return refuse('too long for a key', value);
    let key: RsaPublicKey;
    try {
      key = RsaPublicKey.fromDer(der);
    } catch (cause) {
      throw new DirectoryError('value', 'not an RSA public key', { cause });
    }
    if (key.exponent !== 65_537n) return refuse('an RSA key with an exponent other than 65537', value);
    return key.bits >= 2048 && key.bits <= mostBits ? key : refuse(`an RSA key of ${key.bits} bits`, value);
  };
}

/** A packet key: exactly 2048 bits. */
export const packetKey: Kind<RsaPublicKey> = publicKey(2048);

/** An identity key: 2048 to 4096 bits. */
export const identityKey: Kind<RsaPublicKey> = publicKey(4096);

/** Whether `name` can be a nickname: 1 to 24 letters, digits and hyphens, a letter first. */
export function isValidNickname(name: string): boolean {
  return /^[A-Za-z][A-Za-z0-9-]{0,23}$/.test(name);
}

/** -1, 0 or 1: the order of two nicknames, which know no case. */
export function compareNicknames(a: string, b: string): -1 | 0 | 1 {
  const [left, right] = [a.toLowerCase(), b.toLowerCase()];
  return left < right ? -1 : left > right ? 1 : 0;
}

export const nickname: Kind<string> = (value) => (isValidNickname(value) ? value : refuse('not a nickname', value));

export const host: Kind<string> = (value) => (isHostname(value) ? value : refuse('not a host name', value));

export const mailbox: Kind<string> = (value) => (isMailbox(value) ? value : refuse('not a mail address', value));

/** An IPv4 address, as it is written. */
export const ip: Kind<string> = (value) => (isIp(value) ? value : refuse('not an IPv4 address', value));

export interface AddressRule {
  /** An address, or `*` for all. */
  readonly ip: string;
  readonly mask: string;
  readonly firstPort: number;
  readonly lastPort: number;
}

/** `ADDRESS[/MASK] [PORT[-PORT]]`. Without a port, an `allow` rule means the usual one and a `deny` rule means all. */
export function addressRule(sense: 'allow' | 'deny'): Kind<AddressRule> {
  return (value) => {
    const match = /^([\d.]+|\*)\s*(?:\/\s*([\d.]+))?(?:\s+(\d{1,5})(?:\s*-\s*(\d{1,5}))?)?$/.exec(value);
    if (!match) return refuse('not an address rule', value);
    const [, address = '', mask = address === '*' ? '0.0.0.0' : '255.255.255.255', low, high = low] = match;
    const all = sense === 'deny' ? { firstPort: 0, lastPort: MAX_PORT } : undefined;
    const named = { firstPort: Number(low ?? DEFAULT_PORT), lastPort: Number(high ?? DEFAULT_PORT) };
    const ports = low === undefined && all ? all : named;
    const sound = (address === '*' || isIp(address)) && isIp(mask);
    return sound && ports.firstPort <= ports.lastPort && ports.lastPort <= MAX_PORT
      ? { ip: address, mask, ...ports }
      : refuse('not an address rule', value);
  };
}

/** `2026-05-01` */
export function writeDate(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

/** `2026-05-01 12:34:56`; what is less than a second is dropped. */
export function writeTime(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace('T', ' ');
}

function isIp(value: string): boolean {
  const parts = value.split('.');
  return parts.length === 4 && parts.every((part) => /^\d{1,8}$/.test(part) && Number(part) <= 255);
}

type Digits = string | undefined;

function utc(value: string, [year, month, day]: Digits[], hour: Digits, minute: Digits, second: Digits): number {
  const within = (digits: Digits, least: number, most: number) => Number(digits) >= least && Number(digits) <= most;
  const sound = within(month, 1, 12) && within(day, 1, 31) && within(hour, 0, 23) && within(minute, 0, 59);
  if (!sound || !within(second, 0, 61) || !within(year, 1970, 9999)) return refuse('not a date or time', value);
  return Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
}

function refuse(why: string, value: string): never {
  throw new DirectoryError('value', `"${value.slice(0, 40)}" is ${why}`);
}
