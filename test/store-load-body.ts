// The messages of a load test: every octet follows from the label, so that whoever knows the label can check the message.

import { createHash } from 'node:crypto';

export const loadBox = 'load/box';

const LENGTHS = [0, 10, 3000, 3000, 3000, 65_536, 200_000];

/** A body of one of several lengths, short ones and ones of several chunks. */
export function loadBody(label: string): Buffer {
  const digest = createHash('sha256').update(label).digest();
  const length = LENGTHS[(digest[0] ?? 0) % LENGTHS.length] ?? 0;
  return Buffer.alloc(length, digest);
}
