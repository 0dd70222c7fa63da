// The parser takes exactly what the collected grammar describes: on samples, and on what random hands make of them.
// spec: immp 2.15

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileAbnf } from '../../../test/support/abnf.ts';
import { BAD_LINES, GOOD_LINES, GOOD_REPLIES, IMIDS } from '../../../test/support/immp-samples.ts';
import { WireError } from './errors.ts';
import { formatImidUri, readImidUri } from './imid.ts';
import { formatLine, parseLine } from './line.ts';
import { formatReply, parseReply } from './reply.ts';

const file = new URL('../../../test/fixtures/immp/grammar.abnf', import.meta.url);
const grammar = compileAbnf(readFileSync(file, 'utf8'));

/** True when every command of the line is taken, or refused for a limit alone. */
function parses(line: string): boolean {
  try {
    const commands = parseLine(Buffer.from(line));
    return (
      commands.length > 0 && commands.every(({ command }) => !(command instanceof WireError) || command.code === '406')
    );
  } catch (error) {
    if (error instanceof WireError) return error.code === '704';
    throw error;
  }
}

function readsReply(line: string): boolean {
  try {
    parseReply(Buffer.from(line));
    return true;
  } catch (error) {
    if (error instanceof WireError) return false;
    throw error;
  }
}

const NAMED = ['FROM', 'SUBJECT', 'ID', 'NAME', 'TYPE', 'LENGTH', 'TITLE', 'PART', 'LIMIT', 'OFFSET', 'SET', 'CLEAR'];

/** What the grammar's prose says beside its rules: named arguments once each, a bare name of DATA only first. */
function isAgainstProse(line: string): boolean {
  return (line.match(/(?:"[^"]*"|[^;"])+/g) ?? []).some((command) => {
    const words = command.toUpperCase().match(/"[^"]*"|[^ \t"]+/g) ?? [];
    const start = words[0] === 'AS' ? 2 : 0;
    if (words[start] === 'DATA') return dataIsAgainstProse(words.slice(start + 1));
    return NAMED.some((name) => words.filter((word) => word === name).length > 1);
  });
}

function dataIsAgainstProse(words: readonly string[]): boolean {
  const seen = new Set<string>();
  for (let at = 0; at < words.length; at += 1) {
    const [word = '', next = ''] = words.slice(at, at + 2);
    if (grammar.accepts('switch', word)) continue;
    const named = ['name', 'type', 'length'].find((rule) => grammar.accepts(rule, `${word} ${next}`));
    if (named === undefined && at > 0) return true;
    if (seen.has(named ?? 'name')) return true;
    seen.add(named ?? 'name');
    if (named !== undefined) at += 1;
  }
  return false;
}

function agree(line: string): void {
  const [ours, theirs] = [parses(line), grammar.accepts('chain', line)];
  if (ours !== theirs && !(theirs && isAgainstProse(line))) {
    throw new Error(`${ours ? 'we take' : 'we refuse'} what the grammar does not: ${JSON.stringify(line)}`);
  }
}

describe('samples', () => {
  test.each(GOOD_LINES)('%s', (line) => {
    expect([parses(line), grammar.accepts('chain', line)]).toEqual([true, true]);
  });
  test.each(BAD_LINES)('not %s', (line) => {
    expect(parses(line)).toBe(false);
    expect(grammar.accepts('chain', line) && !isAgainstProse(line)).toBe(false);
  });
  test.each(GOOD_REPLIES)('%s', (line) => {
    expect([readsReply(line), grammar.accepts('reply', line)]).toEqual([true, true]);
  });
  test.each(IMIDS)('%s', (text) => {
    expect(grammar.accepts('imid-uri', text)).toBe(true);
    const uri = readImidUri(text);
    expect(uri).toBeDefined();
    if (uri) expect(readImidUri(formatImidUri(uri))).toEqual(uri);
  });
});

const PIECES = [
  ...' \t";:,#@+-=/.*?!a1Zé\u017f\u212a\u007f\u0085'.split(''),
  ...'::|AS x1 |+JSON| TO |FROM |"a b"|""|-READ|LENGTH 3|NAME |GLOBAL|LIST|since-9|:unread|/inbox|a@b.c|BLOCK-=x'.split(
    '|',
  ),
  '33af50bc-4841-4426-b27f-793186b52171',
];
const edit = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  drop: fc.nat({ max: 12 }),
  put: fc.oneof(fc.constant(''), fc.constantFrom(...PIECES)),
});
const edited = (samples: readonly string[]) =>
  fc.tuple(fc.constantFrom(...samples), fc.array(edit, { minLength: 1, maxLength: 3 })).map(([sample, edits]) =>
    edits.reduce((line, { at, drop, put }) => {
      const place = Math.floor(at * (line.length + 1));
      return line.slice(0, place) + put + line.slice(place + (drop > 6 ? 0 : drop));
    }, sample),
  );
const joined = fc
  .array(fc.constantFrom(...GOOD_LINES.flatMap((line) => line.split(' '))), { minLength: 1, maxLength: 8 })
  .map((words) => words.join(' '));

test('lines that were changed at random are judged alike', () => {
  fc.assert(fc.property(edited(GOOD_LINES), agree), { numRuns: 4000 });
});

test('so are words put together at random', () => {
  fc.assert(fc.property(joined, agree), { numRuns: 1500 });
});

test('so are replies', () => {
  fc.assert(
    fc.property(edited(GOOD_REPLIES), (line) => {
      expect([line, readsReply(line)]).toEqual([line, grammar.accepts('reply', line)]);
    }),
    { numRuns: 1500 },
  );
});

test('so are IMIDs', () => {
  fc.assert(
    fc.property(edited(IMIDS), (text) => {
      expect([text, readImidUri(text) !== undefined]).toEqual([text, grammar.accepts('imid-uri', text)]);
    }),
    { numRuns: 1500 },
  );
});

test('what is read is written so that it reads the same again', () => {
  fc.assert(
    fc.property(edited(GOOD_LINES), (line) => {
      if (!parses(line) || line.length > 3000) return;
      const commands = parseLine(Buffer.from(line)).flatMap(({ pipe, command }) =>
        command instanceof WireError ? [] : [{ ...(pipe === undefined ? {} : { pipe }), command }],
      );
      if (commands.length === 0) return;
      const written = formatLine(commands);
      expect(parseLine(Buffer.from(written.slice(0, -1)))).toEqual(commands);
      expect(grammar.accepts('chain', written.slice(0, -1))).toBe(true);
    }),
    { numRuns: 1500 },
  );
  for (const line of GOOD_REPLIES) {
    const reply = parseReply(Buffer.from(line));
    expect(parseReply(Buffer.from(formatReply(reply).slice(0, -1)))).toEqual(reply);
  }
});

test('octets of any kind raise nothing but WireError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
      for (const parse of [parseLine, parseReply]) {
        try {
          parse(octets);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }
    }),
    { numRuns: 2000 },
  );
});
