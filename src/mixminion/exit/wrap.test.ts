import fc from 'fast-check';
import { expect, test } from 'vitest';
import { wrap } from './wrap.ts';

test('lines of words, as long as they fit', () => {
  expect(wrap('one two three four', 9)).toEqual(['one two', 'three', 'four']);
  expect(wrap('one two three four', 9, '  ')).toEqual(['one two', '  three', '  four']);
  expect(wrap('  a\tb\n\nc ', 70)).toEqual(['a b c']);
  expect(wrap('x averylongword y', 6)).toEqual(['x', 'averylongword', 'y']);
  expect(wrap('aaa bbb', 7)).toEqual(['aaa bbb']);
  expect(wrap(' ', 70)).toEqual([]);
});

test('no word is lost, and no line is longer than it must be', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), fc.integer({ min: 1, max: 40 }), (text, width) => {
      const lines = wrap(text, width);
      const words = text.split(/\s+/).filter((word) => word !== '');
      expect(lines.join(' ').split(' ').filter(Boolean)).toEqual(words);
      for (const line of lines) expect(line.length <= width || !line.includes(' ')).toBe(true);
    }),
  );
});
