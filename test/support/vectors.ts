// Reads the test vectors of the original Type III program from test/fixtures/mixminion (see the README there).

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

const folder = join(import.meta.dirname, '..', 'fixtures', 'mixminion');

/**
 * The parsed file `NAME.json` or `NAME.json.gz`, e.g. `mixminionVectors<CryptoVectors>('crypto')`. The caller states
 * the shape of the fields that it reads; nothing is checked here, as a wrong shape fails the test that uses it.
 */
export function mixminionVectors<Shape>(name: string): Shape {
  const plain = join(folder, `${name}.json`);
  const text = existsSync(plain) ? readFileSync(plain) : gunzipSync(readFileSync(`${plain}.gz`));
  return JSON.parse(text.toString('utf8')) as Shape;
}

/** The text of a descriptor or directory, e.g. `mixminionFile('desc-Amber.txt')`. */
export function mixminionFile(name: string): string {
  return readFileSync(join(folder, 'files', name), 'utf8');
}

/** Octets from the hex digits of a vector. */
export function hex(digits: string): Buffer {
  return Buffer.from(digits, 'hex');
}

/** Octets from a `*_b64` field. */
export function base64(text: string): Buffer {
  return Buffer.from(text, 'base64');
}
