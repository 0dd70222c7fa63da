import { expect, test } from 'vitest';
import { readJob, writeJob } from './job.ts';

test('a queued message is read as it was written, and nothing else is', () => {
  const message = {
    form: 'packet',
    tag: Buffer.alloc(20, 1),
    address: Buffer.from('a@b.c'),
    contents: Buffer.from('x'),
  } as const;
  expect(readJob(writeJob(message))).toEqual(message);
  const untagged = {
    form: 'reassembled',
    tag: undefined,
    address: Buffer.alloc(0),
    contents: Buffer.alloc(0),
  } as const;
  expect(readJob(writeJob(untagged))).toEqual(untagged);
  const octets = writeJob(message);
  for (let length = 0; length < octets.length - 1; length += 1)
    expect(readJob(octets.subarray(0, length))).toBeUndefined();
  expect(readJob(Buffer.of(2, 0, 0, 0))).toBeUndefined();
  expect(readJob(Buffer.of(0, 3, 0, 0))).toBeUndefined();
});
