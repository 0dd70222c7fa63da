// Key rings: as a file, and as items that someone who knows the passphrase has sealed.

import { aesCtr, CounterRandom } from '../../src/crypto/aes-ctr.ts';
import { sha1 } from '../../src/crypto/hash.ts';
import { KeyRingError, openKeyRing, sealKeyRing } from '../../src/mixminion/client/keyring.ts';
import { writeArmor, writeBase64 } from '../../src/mixminion/packet/armor.ts';
import type { FuzzTarget } from '../harness.ts';

const MAGIC = Buffer.from('KEYRING2');
const SALT = Buffer.alloc(8, 5);
const secrets = [{ identity: 'me', secret: Buffer.alloc(20, 6), expires: 86_400_000 }];

export const target: FuzzTarget = {
  about: 'Type III key rings, sealed and opened',
  seeds: () => [
    sealKeyRing({ secrets, others: [] }, '', new CounterRandom(Buffer.alloc(16))),
    Buffer.from(`0000001f00001c${'00015180'}6d6500${'06'.repeat(20)}`, 'hex'),
    Buffer.from('00000003ff0000', 'hex'),
  ],
  run(input) {
    reopen(input);
    reopen(sealed(input));
  },
};

/** What is opened can be sealed and opened again. */
function reopen(text: Buffer): void {
  try {
    const ring = openKeyRing(text, '');
    const again = openKeyRing(sealKeyRing(ring, '', new CounterRandom(Buffer.alloc(16))), '');
    if (again.secrets.length !== ring.secrets.length || again.others.length !== ring.others.length)
      throw new Error('items are lost');
  } catch (error) {
    if (!(error instanceof KeyRingError)) throw error;
  }
}

function sealed(inner: Buffer): Buffer {
  const key = sha1(SALT, SALT).subarray(0, 16);
  const body = aesCtr(key, Buffer.concat([inner, sha1(inner, SALT, MAGIC)]));
  return writeArmor('TYPE III KEYRING', [], writeBase64(Buffer.concat([MAGIC, Buffer.from([0]), SALT, body])));
}
