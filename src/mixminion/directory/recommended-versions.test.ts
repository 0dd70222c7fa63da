import { expect, test } from 'vitest';
import { adviseVersion, compareVersions, inAscendingOrder } from './recommended-versions.ts';

const ASCENDING = [
  '0.0.7alpha',
  '0.0.7alpha1',
  '0.0.7(20)',
  '0.0.7beta2',
  '0.0.7pre1',
  '0.0.7rc',
  '0.0.7rc2',
  '0.0.7',
  '0.0.7.1',
  '0.0.7p2',
  '0.0.10alpha1',
  '0.1.0',
  '1.0.0',
];

// spec: mixminion-directory 8
test('versions have an order', () => {
  for (const [i, a] of ASCENDING.entries())
    for (const [j, b] of ASCENDING.entries()) expect(compareVersions(a, b)).toBe(Math.sign(i - j));
  expect(inAscendingOrder(ASCENDING)).toBe(true);
  expect(inAscendingOrder([...ASCENDING].reverse())).toBe(false);
  expect(inAscendingOrder(['0.0.7', '0.0.7'])).toBe(false);
  expect(compareVersions('0.0.7', '0.0.7.')).toBe(0);
});

test.each(['0.0.7gamma1', '0.0', 'x', '', '0.0.7 '])('"%s" cannot be compared', (version) => {
  expect(compareVersions(version, '0.0.7')).toBeUndefined();
  expect(compareVersions('0.0.7', version)).toBeUndefined();
});

// spec: mixminion-directory 8
test('what a list of recommended versions says', () => {
  expect(adviseVersion('0.0.8alpha3', ['0.0.7', '0.0.8alpha3'])).toBe('recommended');
  expect(adviseVersion('0.0.8alpha3', ['0.0.7', '0.0.8'])).toBe('maybe-obsolete');
  expect(adviseVersion('0.0.9', ['0.0.7', '0.0.8'])).toBe('newer-than-recommended');
});
