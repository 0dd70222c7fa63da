// How fast this machine does what a post office does all day. Each figure is one short run: an order of magnitude, not a bench.

import {
  constants,
  createCipheriv,
  createHash,
  generateKeyPairSync,
  privateDecrypt,
  publicEncrypt,
  sign,
} from 'node:crypto';

export interface CryptoSpeed {
  readonly name: string;
  readonly value: number;
  readonly unit: 'MiB/s' | '/s';
}

const MIB = 1024 ** 2;
const BULK_MIB = 32;
const BLOCK = Buffer.alloc(MIB, 0x5a);
const RSA_ROUNDS = 200;
const EC_ROUNDS = 1000;

/** Takes about half a second, and the thread with it. */
export function measureCrypto(): CryptoSpeed[] {
  const cipher = createCipheriv('aes-128-ctr', BLOCK.subarray(0, 16), BLOCK.subarray(0, 16));
  const hash = createHash('sha256');
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const sealed = publicEncrypt({ key: rsa.publicKey, padding }, BLOCK.subarray(0, 32));
  const perSecond = (rounds: number, work: () => void) => {
    work(); // the first one finds cold caches
    const began = performance.now();
    for (let round = 0; round < rounds; round += 1) work();
    return Math.round((rounds * 1000) / (performance.now() - began));
  };
  return [
    { name: 'SHA-256', value: perSecond(BULK_MIB, () => hash.update(BLOCK)), unit: 'MiB/s' },
    { name: 'AES-128-CTR', value: perSecond(BULK_MIB, () => cipher.update(BLOCK)), unit: 'MiB/s' },
    {
      name: 'RSA-2048 decryption',
      value: perSecond(RSA_ROUNDS, () => privateDecrypt({ key: rsa.privateKey, padding }, sealed)),
      unit: '/s',
    },
    {
      name: 'P-256 signature',
      value: perSecond(EC_ROUNDS, () => sign('sha256', BLOCK.subarray(0, 32), ec.privateKey)),
      unit: '/s',
    },
  ];
}
