// spec: immp 2.13

import { expect, test } from 'vitest';
import { NetError } from '../net/errors.ts';
import { StoreError } from '../store/errors.ts';
import { isTemporary, Refusal, refusalOf } from './codes.ts';
import { WireError } from './wire/errors.ts';

test('what may be tried again is told from what may not', () => {
  for (const code of ['412', '421', '429', '441', '451', '700', '704', '710', '712'])
    expect(isTemporary(code)).toBe(true);
  for (const code of ['403', '413', '430', '450', '471', '701', '711', '720']) expect(isTemporary(code)).toBe(false);
});

test('whatever is thrown has an answer, and none tells of the inside', () => {
  const told = (error: unknown) => refusalOf(error)?.code;
  expect(told(new Refusal('450'))).toBe('450');
  expect(told(new WireError('702', 'x'))).toBe('702');
  expect(told(new NetError('line-too-long', 'x'))).toBe('703');
  expect(told(new NetError('cut', 'x'))).toBeUndefined();
  expect(told(new StoreError('disk-full', 'x'))).toBe('451');
  expect(refusalOf(new TypeError('/etc/secret'))?.message).toBe('Internal error, try again later');
});
