// Replies that carry values: written as the grammar has them, and read back.   spec: immp 1.7, 2.15

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { compileAbnf } from '../../../test/support/abnf.ts';
import { formatReply, isFinal, parseReply } from './reply.ts';
import { accepted, delivered, folderStatus, frame, indexLine, queued, readPairs, writePairs } from './texts.ts';

const file = new URL('../../../test/fixtures/immp/grammar.abnf', import.meta.url);
const grammar = compileAbnf(readFileSync(file, 'utf8'));
const UUID = '33af50bc-4841-4426-b27f-793186b52171';

/** The line of a reply, which the grammar must know by the rule of its own. */
function line(code: string, text: string, rule = `r${code}`, more = false): string {
  const written = formatReply({ code, more, text }).slice(0, -1);
  expect([written, grammar.accepts(rule, written)]).toEqual([written, true]);
  return parseReply(Buffer.from(written)).text;
}

test('pairs', () => {
  const pairs = { p: 'IMMP', v: '1.0', d: 'b.com', m: 26214400, x: 'K2,KEY' };
  const text = line('303', writePairs(pairs), 'known');
  expect(Object.fromEntries(readPairs(text))).toEqual({ ...pairs, m: '26214400' });
  expect([...readPairs('junk n1=a =b c= 9=9')]).toEqual([['n1', 'a']]);
});

test('who was accepted', () => {
  expect(accepted.read(line('210', accepted.write({ local: 'alice', domain: 'domain.com' })))).toEqual({
    local: 'alice',
    domain: 'domain.com',
  });
  expect(accepted.read('Welcome')).toBeUndefined();
});

test('the state of a folder', () => {
  const full = {
    target: { folders: ['inbox', 'a b'], filter: '*' as const },
    unread: 24,
    total: 1194,
    size: 8,
    modseq: 9,
  };
  expect(folderStatus.read(line('240', folderStatus.write(full)))).toEqual(full);
  expect(
    line('240', folderStatus.write({ ...full, target: { ...full.target, spelled: { filter: ':' } } }), 'r240', true),
  ).toBe('"/inbox/a b:*" u=24 t=1194 s=8 q=9');
  expect(folderStatus.read('/inbox:* u=24 t=1194')).toMatchObject({ unread: 24, total: 1194 });
  expect(folderStatus.read('/inbox:* u=24')).toBeUndefined();
  // spec: immp 4
  expect(Buffer.byteLength('240- /inbox::* u=24 t=1194\n')).toBe(27);
});

test('a line of a plain index', () => {
  const entry = {
    uuid: UUID,
    flags: ['read'],
    size: 12,
    date: '2026-11-22T08:00:00Z',
    from: 'a@b.c',
    subject: "It's \t",
  };
  expect(indexLine.read(line('253', indexLine.write({ ...entry, subject: 'It"s \t' })))).toEqual({
    ...entry,
    subject: "It's  ",
  });
  const bare = { ...entry, flags: [], from: undefined, subject: '' };
  expect(indexLine.read(line('253', indexLine.write(bare)))).toEqual(bare);
  expect(indexLine.read('nothing of the kind')).toBeUndefined();
});

test('frames', () => {
  const digest = '185f8db32271fe25f561a6fc938b2e264306ec304eda518007d1764826381969';
  expect(frame.read(line('251', frame.length(5), 'r251', true))).toEqual({ kind: 'length', octets: 5 });
  expect(frame.read(line('251', frame.uuid(UUID), 'r251', true))).toEqual({ kind: 'uuid', uuid: UUID });
  expect(frame.read(line('251', frame.total(5, digest)))).toEqual({ kind: 'total', octets: 5, sha256: digest });
  for (const text of ['LENGTH 0', 'LENGTH 65537', 'TOTAL 5', 'x']) expect(frame.read(text)).toBeUndefined();
});

test('what became of a delivery', () => {
  expect(delivered.read(line('273', delivered.write(UUID)))).toBe(UUID);
  expect(queued.read(line('274', queued.write(UUID, 'b.com')))).toBe(UUID);
  expect([delivered.read('x Delivered'), queued.read('x')]).toEqual([undefined, undefined]);
});

test('a text cannot break its line', () => {
  expect(formatReply({ pipe: 'a', code: '250', more: false, text: 'x\r\n711 \0\u{d800}' })).toBe(
    'a: 250 x??711 ?\ufffd\n',
  );
});

// spec: immp 2.1
test.each([
  ['271 a Saving part', false],
  ['272 a Part saved', true],
  ['302 x', false],
  ['250- {}', false],
  ['250', true],
  ['253 item', false],
  ['281 item', false],
  ['282 1 subscriptions.', true],
  ['291 -----BEGIN', false],
  ['291 ', true],
  ['450 x', true],
])('%s ends its command: %s', (text, final) => {
  expect(isFinal(parseReply(Buffer.from(text)))).toBe(final);
});
