import { describe, expect, test } from 'vitest';
import { systemRandom } from '../../base/random.ts';
import { checkPassphrase, makePassphrase, passphraseBits } from './passphrase.ts';

// spec: cmtp 9 D22
describe('a passphrase', () => {
  test.each([
    '',
    'secret',
    'Password123!',
    'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    'abcdefghijklmnopqrstuvwxyz0123456789',
    'horse horse horse horse horse horse horse horse',
    'correct-horse-battery',
    'tr0ub4dor-and-3',
    '31415926535897',
  ])('%j is refused', (passphrase) => {
    expect(() => checkPassphrase(passphrase)).toThrow(expect.objectContaining({ code: 'weak' }));
  });

  test.each(['a line\nand another, long enough to be worth the bits', `nul\0${'x1'.repeat(40)}`])(
    '%j cannot be typed',
    (passphrase) => {
      expect(() => checkPassphrase(passphrase)).toThrow('one line');
    },
  );

  test.each([
    'walnut gravel sunrise puppet ferry cobalt',
    'k7Qm-2xHd-9vRt-w4Zb-p8',
    'größe Übel löffel ämter süden wölfe',
  ])('%j is taken', (passphrase) => checkPassphrase(passphrase));

  test('made here can be typed, and is never the same', () => {
    const made = Array.from({ length: 200 }, () => makePassphrase(systemRandom));
    expect(made.every((passphrase) => /^([2-9b-z]{5}-){3}[2-9b-z]{5}$/.test(passphrase))).toBe(true);
    expect(new Set(made).size).toBe(made.length);
  });

  test('is worth more with each part that is new, and no more with one that is not', () => {
    expect(passphraseBits('walnut gravel')).toBeGreaterThan(passphraseBits('walnut'));
    expect(passphraseBits('walnut gravel walnut')).toBe(passphraseBits('walnut gravel'));
  });
});
