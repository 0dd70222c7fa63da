// Octets: the few operations that every wire format needs and that Buffer lacks or makes easy to get wrong.

import { timingSafeEqual } from 'node:crypto';

/** A Buffer over the same memory as `bytes`; nothing is copied. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Equality in time that depends on the lengths alone. Use it wherever one side is secret. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}

/** The octets that an even number of hex digits stands for, or undefined when `text` is anything else. */
export function fromHex(text: string): Buffer | undefined {
  return text.length % 2 === 0 && /^[0-9a-f]*$/i.test(text) ? Buffer.from(text, 'hex') : undefined;
}

/** Lower-case hex digits. */
export function toHex(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('hex');
}
