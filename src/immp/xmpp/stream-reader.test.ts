// An XMPP stream that is cut anywhere gives the same stanzas; and what XMPP does not have, or too much of it, is refused.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { XmppError } from './errors.ts';
import { type Element, element, escaped } from './stanza.ts';
import { StreamReader } from './stream-reader.ts';

const OPENING = "<?xml version='1.0'?><stream:stream xmlns='urn:a' xmlns:stream='urn:s' id='7'>";

function read(text: string, cuts: readonly number[] = []): Element[] {
  const octets = Buffer.from(OPENING + text);
  const reader = new StreamReader();
  const ends = [...cuts.map((each) => each % (octets.length + 1)).sort((a, b) => a - b), octets.length];
  let from = 0;
  return ends.flatMap((end) => {
    const found = reader.write(octets.subarray(from, end));
    from = end;
    return found;
  });
}

interface Tree {
  readonly name: string;
  readonly value: string;
  readonly inner: readonly Tree[] | string;
}

const text = fc.string({ unit: 'grapheme', maxLength: 30 }).map((each) => each.replace(/[\p{Cc}\ufffe\uffff]/gu, ' '));
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.record({
    name: fc.constantFrom('message', 'immp', 'stream:x', 'a-b'),
    value: text,
    inner: fc.oneof({ maxDepth: 4 }, text, fc.array(tie('tree'), { maxLength: 3 })),
  }),
}));
const write = ({ name, value, inner }: Tree): string =>
  element(name, { id: value }, typeof inner === 'string' ? escaped(inner) : inner.map(write).join(''));
const shape = ({ name, value, inner }: Tree): unknown => ({
  name: name.replace('stream:', ''),
  namespace: name.startsWith('stream:') ? 'urn:s' : 'urn:a',
  attributes: new Map([['id', value]]),
  children: typeof inner === 'string' ? [] : inner.map(shape),
  text: typeof inner === 'string' ? inner : '',
});

const hostile: readonly (readonly [what: string, xml: string])[] = [
  ['a document type', '<!DOCTYPE x [<!ENTITY a "b">]>'],
  ['an entity declaration in a stanza', '<a><!ENTITY a "b"></a>'],
  ['a comment', '<a><!-- hidden --></a>'],
  ['an instruction', '<a><?run it?></a>'],
  ['a second declaration', "<a/><?xml version='1.0'?>"],
  ['an entity of its own', '<a>&other;</a>'],
  ['a character that XML has not', '<a>&#0;</a>'],
  ['an attribute twice', '<a b="1" b="2"/>'],
  ['a prefix for nothing', '<a:b/>'],
  ['the end of another element', '<a></b>'],
  ['text between stanzas', 'text<a/>'],
  ['a tag in an attribute', '<a b="<"/>'],
  ['a depth of a hundred thousand', '<a>'.repeat(100_000)],
  ['more elements than are taken', `<a>${'<b/>'.repeat(600)}</a>`],
  ['more attributes than are taken', `<a${Array.from({ length: 60 }, (_, at) => ` b${at}=""`).join('')}/>`],
];

describe('a stream', () => {
  test('is read as it was written, wherever it was cut', () => {
    fc.assert(
      fc.property(fc.array(tree, { maxLength: 3 }), fc.array(fc.nat(), { maxLength: 6 }), (trees, cuts) => {
        expect(read(trees.map(write).join(' '), cuts)).toEqual(trees.map(shape));
      }),
    );
  });

  test('of any pieces gives stanzas or is refused, and nothing else comes of it', () => {
    const piece = fc.constantFrom(
      '<a',
      '<',
      '>',
      '/>',
      '</a>',
      '<a>',
      ' x="',
      "'",
      '&',
      '&amp;',
      '<!--',
      '<?x?>',
      ']]>',
      'y',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 3 }), (pieces, cuts) => {
        try {
          for (const { name } of read(pieces.join(''), cuts)) expect(name).toMatch(/^[ay]+$/);
        } catch (error) {
          expect(error).toBeInstanceOf(XmppError);
        }
      }),
      { numRuns: 500 },
    );
  });

  test.each(hostile)('with %s is refused', (_what, xml) => {
    expect(() => read(xml)).toThrow(XmppError);
  });

  test('that is no UTF-8 is refused', () => {
    const reader = new StreamReader();
    reader.write(Buffer.from(OPENING));
    expect(() => reader.write(Buffer.from([0x3c, 0x61, 0x3e, 0xc3, 0x28]))).toThrow(XmppError);
  });

  test.each([
    ['in a text', '<a>'],
    ['in an attribute', "<a b='"],
    ['in a name', '<a'],
    ['between stanzas', ' '],
    ['in a comment', '<!--'],
  ])('that does not end %s is refused long before a hundred megabytes', (_where, start) => {
    const reader = new StreamReader();
    reader.write(Buffer.from(OPENING + start));
    const chunk = Buffer.alloc(64 * 1024, start === ' ' ? ' ' : 'A');
    let taken = 0;
    const flood = () => {
      for (; taken < 1600; taken += 1) reader.write(chunk);
    };
    expect(flood).toThrow(XmppError);
    expect(taken * chunk.length).toBeLessThanOrEqual(3 * 1024 * 1024);
  });

  test('begins with its opening tag and ends with its closing tag', () => {
    const reader = new StreamReader();
    reader.write(Buffer.from(`${OPENING.replace("'7'", '"a&amp;b>"')}<a`));
    expect(reader.opening?.attributes).toEqual(new Map([['id', 'a&b>']]));
    expect(reader.atBorder).toBe(true);
    reader.write(Buffer.from('>'));
    expect(reader.atBorder).toBe(false);
    expect(reader.write(Buffer.from('</a></stream:stream>'))).toHaveLength(1);
    expect(reader.ended).toBe(true);
  });
});
