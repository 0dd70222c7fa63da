// spec: immp 2.6, 4

import { expect, test } from 'vitest';
import { toHex } from '../../base/bytes.ts';
import { authMessage, checkK3, deriveH1, deriveH2, isFairCost, keyK1, keyK2, proofK3, verifierOf } from './keys.ts';

const PASSWORD = '4wonder1and#';
const nonces = { account: 'alice@domain.com', n1: '24c17bb6-11ef-4cfa-8c5c-440ceadc8431', n2: '1381978910' };
const salt = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
const cost = { N: 32768, r: 8, p: 1 };

test('K1 is that of the vectors', async () => {
  const h1 = await deriveH1(PASSWORD, nonces.account);
  expect(toHex(h1)).toBe('0fa959708bc778d55d480644fe69b6443be1aaa3be2f4d642ec13a2be38969dc');
  expect(toHex(keyK1(h1, nonces))).toBe('25bd2e67c279ee35c49a4c96d1585e38f5030f76');
});

test('K2 is that of the vectors, and K3 hangs together', async () => {
  const h2 = await deriveH2(PASSWORD, salt, cost);
  expect(toHex(h2)).toBe('727e673ff85efaa5b97d4ee5ad3900c27703ce66e843aca5e81d970703e7e0c7');
  expect(toHex(keyK2(h2, nonces))).toBe('80860bae72a947d49134ffc36f86e9a65965584b78748f5762b6f9098d849383');

  const line = `n1=${nonces.n1} n2=${nonces.n2} k=K3 h=scrypt s=${toHex(salt)} N=32768 r=8 p=1`;
  const message = authMessage(nonces.account, line, Buffer.alloc(32, 0xab));
  const proof = proofK3(h2, message);
  expect(toHex(proof)).toBe('5cb371c4ce4ac24b1efcd73ba0fa586f8d495a47c5d3881839120fb2df87cdf2');
  expect(toHex(checkK3(verifierOf(h2), message, proof) ?? Buffer.alloc(0))).toBe(
    '487b48354e471b001a84262aa6514d59e78411c00bf0e635444aefd64b5f4b74',
  );
  for (const other of [line.replace('r=8', 'r=9'), line.replace('13819', '13818')]) {
    expect(checkK3(verifierOf(h2), authMessage(nonces.account, other, Buffer.alloc(32, 0xab)), proof)).toBeUndefined();
  }
  expect(checkK3(verifierOf(h2), authMessage(nonces.account, line, Buffer.alloc(32)), proof)).toBeUndefined();
  // What the server keeps does not log in.
  expect(checkK3(verifierOf(h2), message, proofK3(verifierOf(h2).storedKey, message))).toBeUndefined();
});

test('a server cannot ask for a cheap derivation or an endless one', () => {
  expect(isFairCost(cost)).toBe(true);
  for (const change of [{ N: 8192 }, { N: 32769 }, { N: 2 ** 24 }, { r: 4 }, { p: 0 }, { p: 100 }, { N: Number.NaN }])
    expect(isFairCost({ ...cost, ...change })).toBe(false);
});
