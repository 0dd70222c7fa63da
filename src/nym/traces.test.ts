import { expect, test } from 'vitest';
import { tracesOf } from './traces.ts';

const secrets = { 'the nym': ['alice@nym.test', 'nym/alice'], 'what she wrote': ['Come alone.'] };
const party = (...has: string[]) => ({ name: 'Gull', things: 'files', has: has.map((text) => Buffer.from(text)) });

test('a search tells what is there, however it is written, and what is not', () => {
  expect(tracesOf(party('key nym/alice', 'x'), secrets)).toBe(
    'Gull: 2 files, 14 B. Finds the nym. Does not find what she wrote.',
  );
  expect(tracesOf(party('To: alice@nym.test\n\nCome alone.'), secrets)).toBe(
    'Gull: 1 files, 31 B. Finds the nym, what she wrote.',
  );
  expect(tracesOf(party('ab', 'cd'), secrets)).toBe(
    'Gull: 2 files, each of 2 B. Does not find the nym, what she wrote.',
  );
});
