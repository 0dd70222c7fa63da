import { createCipheriv, scryptSync } from 'node:crypto';
import fc from 'fast-check';
import sodium from 'sodium-native';
import { describe, expect, test } from 'vitest';
import {
  cmtpVectors,
  hex,
  type InnerVectors,
  type KeyVectors,
  type MessageVectors,
} from '../../../test/support/cmtp.ts';
import { type Random, systemRandom } from '../../base/random.ts';
import { open, SEAL_OVERHEAD, seal } from './box.ts';
import { decrypt, encrypt } from './chacha20-poly1305.ts';
import { SealError } from './errors.ts';
import { boxKeyOf, checkPublicKey, keyPairOf, makeKeyPair, sign, verify } from './keys.ts';
import { isXzibit, openXzibit, sealXzibit, XZIBIT_LENGTH } from './xzibit.ts';

const keys = cmtpVectors<KeyVectors>('keys');
const { server } = keys;
const { alice, bob } = keys.users;
const failing = (code: string) => expect.objectContaining({ name: SealError.name, code });
/** Gives the same octets again and again. */
const fixed = (octets: Buffer): Random => ({ bytes: () => Buffer.from(octets) });
const flipped = (octets: Buffer, bit: number) => {
  const copy = Buffer.from(octets);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
};

// spec: cmtp 3
describe('keys', () => {
  test.each([server, alice, bob])('a secret key gives its public key, and that the key for boxes', (vector) => {
    const pair = keyPairOf(hex(vector.ed25519_secret64));
    expect(pair.publicKey).toEqual(hex(vector.ed25519_public));
    expect(boxKeyOf(pair.publicKey)).toEqual(hex(vector.x25519_public));
  });

  test('a secret key whose halves disagree is refused', () => {
    const secret = hex(alice.ed25519_secret64);
    expect(() => keyPairOf(flipped(secret, 0))).toThrow(failing('bad-key'));
    expect(() => keyPairOf(flipped(secret, 511))).toThrow(failing('bad-key'));
    expect(() => keyPairOf(secret.subarray(1))).toThrow(failing('bad-key'));
  });

  // spec: cmtp 9 D10
  test.each([
    ['all zero', Buffer.alloc(32)],
    ['the neutral point', hex(`01${'00'.repeat(31)}`)],
    ['of order two', hex(`ec${'ff'.repeat(30)}7f`)],
    ['of order eight', hex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05')],
    ['no point', Buffer.alloc(32, 0xff)],
    ['too short', Buffer.alloc(31, 1)],
    ['too long', Buffer.concat([hex(alice.ed25519_public), Buffer.alloc(1)])],
  ])('a key that is %s is refused by all', (_name, key) => {
    expect(() => checkPublicKey(key)).toThrow(failing('bad-key'));
    expect(() => seal(Buffer.from('x'), key, systemRandom)).toThrow(failing('bad-key'));
    expect(verify(Buffer.alloc(64), Buffer.from('x'), key)).toBe(false);
  });

  test('a signature holds for its message and key alone', () => {
    const pair = makeKeyPair(systemRandom);
    const message = Buffer.from('SUCCESS');
    const signature = sign(message, pair);
    expect(verify(signature, message, pair.publicKey)).toBe(true);
    expect(verify(signature, Buffer.from('FAILURE'), pair.publicKey)).toBe(false);
    expect(verify(signature, message, hex(alice.ed25519_public))).toBe(false);
    expect(verify(signature.subarray(1), message, pair.publicKey)).toBe(false);
    for (let bit = 0; bit < 512; bit += 17) {
      expect(verify(flipped(signature, bit), message, pair.publicKey)).toBe(false);
    }
  });
});

// spec: cmtp 3
describe('sealed boxes', () => {
  const pairOfBob = keyPairOf(hex(bob.ed25519_secret64));

  test.each(
    cmtpVectors<MessageVectors>('messages').messages.flatMap(({ name, body, sealed }) =>
      sealed ? [[name, hex(body), hex(sealed.plaintext)] as const] : [],
    ),
  )('the body of %s opens', (_name, body, plaintext) => {
    expect(open(body, pairOfBob)).toEqual(plaintext);
  });

  test.each(cmtpVectors<InnerVectors>('inner-structures').messages)('$name is sealed to the octet', (vector) => {
    const boxes = [
      { plaintext: vector.inner_plaintext, sealed: vector.sealed_body, ephemeral_secret: vector.ephemeral_secret },
      ...vector.attachments,
    ];
    for (const { plaintext, sealed, ephemeral_secret } of boxes) {
      expect(seal(hex(plaintext), pairOfBob.publicKey, fixed(hex(ephemeral_secret)))).toEqual(hex(sealed));
      expect(open(hex(sealed), pairOfBob)).toEqual(hex(plaintext));
    }
  });

  test('what is sealed opens, also by the library itself; with one bit changed or another key it does not', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(), (octets, place) => {
        const plaintext = Buffer.from(octets);
        const box = seal(plaintext, pairOfBob.publicKey, systemRandom);
        expect(box).toHaveLength(plaintext.length + SEAL_OVERHEAD);
        expect(open(box, pairOfBob)).toEqual(plaintext);
        const byLibrary = Buffer.alloc(plaintext.length);
        expect(sodium.crypto_box_seal_open(byLibrary, box, hex(bob.x25519_public), hex(bob.x25519_secret))).toBe(true);
        expect(byLibrary).toEqual(plaintext);
        expect(() => open(flipped(box, place % (box.length * 8 - 1)), pairOfBob)).toThrow(failing('not-opened'));
        expect(() => open(box, makeKeyPair(systemRandom))).toThrow(failing('not-opened'));
      }),
      { numRuns: 60 },
    );
  });

  test('what is too short to be a box is refused', () => {
    expect(() => open(Buffer.alloc(SEAL_OVERHEAD - 1), pairOfBob)).toThrow(failing('not-opened'));
  });
});

// spec: cmtp 3, 9 D6, D22
describe('the xzibit', () => {
  test.each([alice, bob])('of the reference opens with its passphrase and no other', async (user) => {
    const xzibit = hex(user.xzibit.bytes);
    const pair = await openXzibit(xzibit, user.passphrase_utf8);
    expect(pair.secretKey).toEqual(hex(user.ed25519_secret64));
    await expect(openXzibit(xzibit, `${user.passphrase_utf8} `)).rejects.toEqual(failing('wrong-passphrase'));
  });

  test('the cipher below it is the reference’s, to the octet', () => {
    const { derived_key, nonce8, plaintext_pk_then_sk, ciphertext } = { ...alice.xzibit };
    const [plaintext, nonce, key] = [hex(plaintext_pk_then_sk), hex(nonce8), hex(derived_key)] as const;
    expect(encrypt(plaintext, nonce, key)).toEqual(hex(ciphertext));
    for (let bit = 0; bit < ciphertext.length * 4; bit += 1) {
      expect(decrypt(flipped(hex(ciphertext), bit), nonce, key)).toBeUndefined();
    }
    expect(decrypt(Buffer.alloc(15), nonce, key)).toBeUndefined();
  });

  test('what is written is written as the reference does, and reads again', async () => {
    const pair = keyPairOf(hex(alice.ed25519_secret64));
    const same = await sealXzibit(pair, alice.passphrase_utf8, fixed(hex(alice.xzibit.salt)));
    expect(same).toEqual(hex(alice.xzibit.bytes));
    const other = await sealXzibit(pair, 'Schlüssel', systemRandom);
    expect(other).toHaveLength(XZIBIT_LENGTH);
    expect(await openXzibit(other, 'Schlüssel')).toEqual(pair);
  });

  test('the form of 2016 under the same version is read', async () => {
    const salt = hex(bob.xzibit.salt);
    const key = scryptSync('old', salt, 32, { N: 16384, r: 8, p: 1 });
    const cipher = createCipheriv('aes-256-gcm', key, salt.subarray(0, 12));
    const sealed = [cipher.update(hex(bob.xzibit.plaintext_pk_then_sk)), cipher.final(), cipher.getAuthTag()];
    const old = Buffer.concat([hex(bob.xzibit.bytes).subarray(0, 44), ...sealed]);
    expect((await openXzibit(old, 'old')).publicKey).toEqual(hex(bob.ed25519_public));
  });

  test('a pair whose keys do not belong together is refused', async () => {
    const pair = { publicKey: hex(bob.ed25519_public), secretKey: hex(alice.ed25519_secret64) };
    const xzibit = await sealXzibit(pair, 'p', systemRandom);
    await expect(openXzibit(xzibit, 'p')).rejects.toEqual(failing('malformed'));
  });

  test('other shapes are refused before the passphrase is tried', async () => {
    const xzibit = hex(alice.xzibit.bytes);
    expect(isXzibit(xzibit)).toBe(true);
    for (const shape of [flipped(xzibit, 24), flipped(xzibit, 43 * 8), xzibit.subarray(1), Buffer.alloc(0)]) {
      await expect(openXzibit(shape, alice.passphrase_utf8)).rejects.toEqual(failing('malformed'));
    }
    await expect(openXzibit(xzibit, 'x'.repeat(1025))).rejects.toEqual(failing('wrong-passphrase'));
  });
});
