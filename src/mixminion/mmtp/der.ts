// The few forms of DER that a plain certificate is made of. The certificates of old servers have no extensions, not even
// an empty list of them, and that is what the X.509 library would write.

import { asBuffer } from '../../base/bytes.ts';

export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return tagged(0x30, ...parts);
}

export function set(...parts: readonly Uint8Array[]): Buffer {
  return tagged(0x31, ...parts);
}

/** `[tag]` around its content, explicit. */
export function context(tag: number, content: Uint8Array): Buffer {
  return tagged(0xa0 | tag, content);
}

/** A whole number from 0 up. */
export function integer(value: number): Buffer {
  const digits = value.toString(16);
  const octets = Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex');
  const negative = (octets[0] ?? 0) >= 0x80;
  return tagged(0x02, ...(negative ? [Buffer.of(0)] : []), octets);
}

/** An object identifier of numbers, the first two of them 1.2 or 2.5 and the like. */
export function objectId(first: number, second: number, ...rest: readonly number[]): Buffer {
  return tagged(0x06, Buffer.of(first * 40 + second), ...rest.map(base128));
}

export function nothing(): Buffer {
  return tagged(0x05);
}

export function utf8(text: string): Buffer {
  return tagged(0x0c, Buffer.from(text));
}

/** Whole octets as a bit string. */
export function bits(octets: Uint8Array): Buffer {
  return tagged(0x03, Buffer.of(0), octets);
}

/** A moment in milliseconds since 1970 UTC, to the second: two digits for the year until 2049, four from then on. */
export function moment(at: number): Buffer {
  const digits = new Date(at).toISOString().slice(0, 19).replace(/[-T:]/g, '');
  return digits < '2050' ? tagged(0x17, Buffer.from(`${digits.slice(2)}Z`)) : tagged(0x18, Buffer.from(`${digits}Z`));
}

function tagged(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts.map(asBuffer));
  const size = content.length;
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([Buffer.of(tag, ...length), content]);
}

function base128(value: number): Buffer {
  const octets = [value & 0x7f];
  for (let left = value >> 7; left > 0; left >>= 7) octets.unshift((left & 0x7f) | 0x80);
  return Buffer.from(octets);
}
