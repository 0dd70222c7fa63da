// The vote file: what may stand in it, what it says of a server, and how a vote gets in.   spec: mixminion-directory 2, 7

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ownerOf, parseVotes, standingOf, VOTES, withNewcomer, withVote } from './votes.ts';

const A = 'AB'.repeat(20);
const B = 'CD'.repeat(20);
const FILE = `# mine
yes Alice ${A}   # since spring
#abstain Mallory ${'EE'.repeat(20)}

IGNORE\tbob ${B.toLowerCase()}
`;

test('lines, comments, either case', () => {
  expect(parseVotes(FILE)).toEqual([
    { vote: 'yes', nickname: 'Alice', fingerprint: A },
    { vote: 'ignore', nickname: 'bob', fingerprint: B },
  ]);
  expect(parseVotes('')).toEqual([]);
});

test.each([
  ['maybe Alice', 'line 1'],
  [`yes Alice ${A} more`, 'line 1'],
  [`yes 4lice ${A}`, 'line 1'],
  [`\nyes Alice ${A.slice(1)}`, 'line 2'],
  [`yes Alice ${A}\nno Other ${A.toLowerCase()}`, 'line 2'],
  ['#'.repeat(5_000_000), 'longer'],
])('%.40s is refused', (text, why) => {
  expect(() => parseVotes(text)).toThrow(expect.objectContaining({ name: 'DirectoryError', code: 'format' }));
  expect(() => parseVotes(text)).toThrow(why);
});

test.each([
  ['yes', 'alice', A, 'yes'],
  ['yes', 'Alyce', A, 'mismatch'],
  ['no', 'Other', A, 'no'],
  ['ignore', 'Other', A, 'ignore'],
  ['abstain', 'Alice', A, 'abstain'],
  ['abstain', 'Other', A, 'unknown'],
  ['yes', 'Alice', B, 'unknown'],
] as const)('with the vote %s on Alice, %s with the key %.2s is %s', (vote, nickname, fingerprint, standing) => {
  expect(standingOf([{ vote, nickname: 'Alice', fingerprint: A }], nickname, fingerprint)).toBe(standing);
});

test('a nickname belongs to who is listed under it', () => {
  expect(ownerOf(parseVotes(`no Alice ${B}\nabstain alice ${A}`), 'ALICE')).toBe(A);
  expect(ownerOf(parseVotes(`no Alice ${B}`), 'Alice')).toBeUndefined();
});

describe('writing', () => {
  test('a vote takes the place of the earlier one, or of the comment, and leaves the rest', () => {
    const mallory = { vote: 'no', nickname: 'Mallory', fingerprint: 'EE'.repeat(20) } as const;
    expect(withVote(FILE, mallory)).toBe(FILE.replace('#abstain', 'no'));
    const alice = { vote: 'no', nickname: 'Alice', fingerprint: A } as const;
    expect(withVote(FILE, alice)).toBe(FILE.replace(/yes.*/, `no Alice ${A}`));
    expect(withVote('# no end', alice)).toBe(`# no end\nno Alice ${A}\n`);
  });

  test('who is new stands as a comment, once', () => {
    const once = withNewcomer('', 'Alice', A);
    expect(once).toBe(`#abstain Alice ${A}\n`);
    expect(withNewcomer(once, 'Alice', A)).toBe(once);
    expect(parseVotes(once)).toEqual([]);
  });

  const line = fc.record({
    vote: fc.constantFrom(...VOTES),
    nickname: fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,23}$/),
    fingerprint: fc.stringMatching(/^[0-3]A{39}$/),
  });
  test('the last vote on a server counts, whatever came before', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        const last = new Map(lines.map((one) => [one.fingerprint, one]));
        const text = lines.reduce((file, one) => withVote(withNewcomer(file, one.nickname, one.fingerprint), one), '');
        expect(new Map(parseVotes(text).map((one) => [one.fingerprint, one]))).toEqual(last);
      }),
      { numRuns: 200 },
    );
  });

  test('anything else raises nothing but DirectoryError', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        try {
          parseVotes(text);
        } catch (error) {
          expect(error).toMatchObject({ name: 'DirectoryError' });
        }
      }),
      { numRuns: 200 },
    );
  });
});
