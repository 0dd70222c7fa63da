// RSA keys that are there already: making one takes as long as a whole test.

import { RsaPrivateKey } from '../../src/crypto/rsa.ts';
import { mixminionVectors } from './vectors.ts';

const { servers } = mixminionVectors<{ servers: Record<string, { identity_pem: string; packet_key_pem: string }> }>(
  'packets',
);
const keys = Object.values(servers)
  .flatMap((server) => [server.identity_pem, server.packet_key_pem])
  .map((pem) => RsaPrivateKey.fromPem(pem));

/** Gives those keys of the vectors that have so many bits one after another, and after the last the first again. */
export function readyKeys(): (bits: number) => Promise<RsaPrivateKey> {
  let given = 0;
  return async (bits) => {
    const fitting = keys.filter(({ publicKey }) => publicKey.bits === bits);
    const key = fitting[given++ % fitting.length];
    if (key === undefined) throw new Error(`no key of ${bits} bits in store`);
    return key;
  };
}
