// The parsers take exactly what the collected grammar describes: on samples, and on what random hands make of them.
// spec: ima 2.1, 2.14

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileAbnf } from '../../../test/support/abnf.ts';
import { IMDP_LINES, IMRP_COMMANDS, IMRP_REPLIES, SAMPLE_HEADERS } from '../../../test/support/ima-samples.ts';
import { WireError } from '../errors.ts';
import { parseResult, parseVerdict, parseWord, REASONS } from './imdp.ts';
import { formatImrpCommand, formatImrpReply, parseImrpCommand, parseImrpReply } from './imrp.ts';
import { isAddress, isFolder, isHostpart, isMessageId, isUser, splitAddresses } from './names.ts';
import { isType, parsePart } from './parts.ts';

const file = new URL('../../../test/fixtures/ima/grammar.abnf', import.meta.url);
const grammar = compileAbnf(readFileSync(file, 'utf8'));

function takes(read: (text: string) => unknown): (text: string) => boolean {
  return (text) => {
    try {
      return read(text) !== undefined;
    } catch (error) {
      if (error instanceof WireError) return false;
      throw error;
    }
  };
}

/** What the grammar leaves to prose: names must be UTF-8 behind their percent signs. */
const isUtf8 = (text: string) => takes(() => (decodes(text.split(' ')[3] ?? '') ? true : undefined))(text);

function decodes(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

const RULES: readonly [rule: string, read: (text: string) => boolean, samples: readonly string[], end?: string][] = [
  [
    'address',
    isAddress,
    ['bob@b.test', 'Ünal+x=~_.-@B-1.test', `${'a'.repeat(65)}@b.test`, 'a@-b', 'a b@c', '@b', 'a@'],
  ],
  ['hostpart', isHostpart, ['b.test', 'xn--bcher-kva.example', '1', 'a..b', '.a', 'a-.b-']],
  ['addresses', (text) => splitAddresses(text) !== undefined, ['a@b, c@d', 'a@b,c@d', 'a@b', 'a@b, ']],
  ['user', isUser, ['bob', 'b.o_b-1', '', 'bob@b']],
  ['folder', isFolder, ['inbox', 'work-2026', 'a/b', '..']],
  ['msgid', isMessageId, ['1763787600000-00112233445566aa', '1763787600000-00112233445566AA', '1-2']],
  ['type', isType, ['text/plain', 'text/plain;format=flowed;delsp=yes', 'text', 'a/b;c', 'a b/c']],
  ['imdp-command', (text) => parseWord(text) !== undefined, ['DATA', 'CANCEL', 'done', 'QUIT'], '\n'],
  ['imdp-reply', takes((text) => parseResult(text)), IMDP_LINES, '\n'],
  ['reject', takes((text) => (text.toUpperCase() === 'ACCEPT' ? undefined : parseVerdict(text))), IMDP_LINES],
  ['imrp-command', takes(parseImrpCommand), IMRP_COMMANDS, '\n'],
  ['imrp-reply', takes(parseImrpReply), IMRP_REPLIES, '\n'],
  [
    'part',
    (text) => parsePart(text) !== undefined || (grammar.accepts('part', text) && !isUtf8(text)),
    [
      '12 body text/plain',
      '5 attachment application/octet-stream notes.bin',
      '0 ALT text/html;a=b %41%c3%bc',
      '01 body a/b',
    ],
  ],
];

/** The sample with a few letters exchanged, left out, put in or written in another case. */
function spoilt(sample: string): fc.Arbitrary<string> {
  const letter = fc.constantFrom(...' @.,-+:;/=%0aZ9\tüé~', sample.at(-1) ?? ' ', '\r', '\x00');
  const edit = fc.record({ at: fc.nat(sample.length), drop: fc.nat(2), add: fc.oneof(fc.constant(''), letter) });
  return fc.tuple(fc.array(edit, { maxLength: 3 }), fc.boolean()).map(([edits, lower]) => {
    const text = edits.reduce((now, { at, drop, add }) => now.slice(0, at) + add + now.slice(at + drop), sample);
    return lower ? text.toLowerCase() : text;
  });
}

describe.each(RULES)('%s', (rule, read, samples, end = '') => {
  test('as the grammar has it', () => {
    for (const sample of samples) expect([sample, read(sample)]).toEqual([sample, grammar.accepts(rule, sample + end)]);
    fc.assert(
      fc.property(fc.constantFrom(...samples).chain(spoilt), (text) => {
        expect([text, read(text)]).toEqual([text, grammar.accepts(rule, text + end)]);
      }),
      { numRuns: 300 },
    );
  });
});

test('the sample is what the grammar calls a block', () => {
  expect(grammar.accepts('block', `${SAMPLE_HEADERS.join('\n')}\n\n`)).toBe(true);
  for (const reason of REASONS) expect(grammar.accepts('reject', `REJECT ${reason}`)).toBe(true);
});

test('what IMRP reads it writes so that it reads the same again', () => {
  for (const line of IMRP_COMMANDS) expect(formatImrpCommand(parseImrpCommand(line))).toBe(line);
  for (const line of IMRP_REPLIES) expect(formatImrpReply(parseImrpReply(line))).toBe(line);
});
