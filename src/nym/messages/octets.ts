// Reading a message from its beginning, field by field, and writing fields one after the other. Numbers are big-endian.

import { NymError } from '../errors.ts';

/** Takes fields off the front of some octets. Every method throws NymError `message` when they do not suffice. */
export class FieldReader {
  readonly #octets: Buffer;
  #at = 0;

  constructor(octets: Buffer) {
    this.#octets = octets;
  }

  get left(): number {
    return this.#octets.length - this.#at;
  }

  uint(octets: 1 | 2 | 3 | 4): number {
    return this.take(octets).readUIntBE(0, octets);
  }

  take(length: number): Buffer {
    if (this.left < length) throw new NymError('message', 'the message ends in the middle of a field');
    this.#at += length;
    return this.#octets.subarray(this.#at - length, this.#at);
  }

  rest(): Buffer {
    return this.take(this.left);
  }

  /** The next octet, left where it is; undefined at the end. */
  peek(): number | undefined {
    return this.#octets[this.#at];
  }
}

/** Throws NymError `field` when the number does not fit. */
export function uint(value: number, octets: 1 | 2 | 3 | 4): Buffer {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** (8 * octets)) {
    throw new NymError('field', `${value} does not fit into ${octets} octets`);
  }
  const field = Buffer.alloc(octets);
  field.writeUIntBE(value, 0, octets);
  return field;
}

/** A length in front of what it counts. Throws NymError `field` when it is too long for its length. */
export function counted(octets: 1 | 2 | 3 | 4, content: Uint8Array): Buffer {
  return Buffer.concat([uint(content.byteLength, octets), content]);
}

export function text(field: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(field);
  } catch {
    throw new NymError('message', 'a text is not UTF-8');
  }
}
