import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { systemRandom } from '../base/random.ts';
import { sha1 } from '../crypto/hash.ts';
import { lionessEncrypt, lionessKeys } from '../crypto/lioness.ts';
import { RsaPrivateKey } from '../crypto/rsa.ts';
import { MAIL_PADDING, SYNOPSIS_PADDING, seal, unseal } from './sealing.ts';

const key = await RsaPrivateKey.generate(2048);
const other = await RsaPrivateKey.generate(2048);

// spec: mixminion-nym 4.3
test.each([
  [16, '51d329ca421c373a2367f3ff7c24b43f1e0d74734d33944e2781dda7e973bd32', '12ffbeae3201dbf395a6b3e81246f9de1a7493f4'],
  [20, '65551800898698d8fc577329426e4de82643e06a21f6e903fc9dc0fc979bcbf4', '297705c69da2f323f98473978f85f301d1bb692f'],
])('the block under a key of %i octets is the known one', (length, begin, digest) => {
  const secret = Buffer.from(Array.from({ length }, (_, index) => index));
  const padded = Buffer.concat([Buffer.from('78da030000000001', 'hex'), Buffer.alloc(120)]);
  const block = lionessEncrypt(lionessKeys(secret, ''), padded);
  expect(block.subarray(0, 32).toString('hex')).toBe(begin);
  expect(sha1(block).toString('hex')).toBe(digest);
});

describe('sealed mail', () => {
  test('is opened by its owner alone, whatever its size', () => {
    const mail = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ minLength: 5000, maxLength: 9000 }));
    fc.assert(
      fc.property(mail, fc.constantFrom(MAIL_PADDING, SYNOPSIS_PADDING), (plain, padding) => {
        const sealed = seal(key.publicKey, plain, padding, systemRandom);
        expect(unseal(key, sealed)).toEqual(Buffer.from(plain));
        expect(() => unseal(other, sealed)).toThrow(expect.objectContaining({ code: 'sealed' }));
      }),
      { numRuns: 20 },
    );
  });

  test('tells nothing finer than the padding of how long it is', () => {
    const sizes = [0, 1, 100, 500].map(
      (length) => seal(key.publicKey, systemRandom.bytes(length), 1024, systemRandom).length,
    );
    expect(new Set(sizes)).toEqual(new Set([1024 + 256 - 198]));
  });

  test('of the later revisions, with a longer key, is opened too', () => {
    const secret = systemRandom.bytes(20);
    const padded = Buffer.concat([Buffer.from('78da030000000001', 'hex'), Buffer.alloc(1016)]);
    const block = lionessEncrypt(lionessKeys(secret, ''), padded);
    const cut = key.publicKey.capacity - 20;
    const head = key.publicKey.encrypt(Buffer.concat([secret, block.subarray(0, cut)]), systemRandom);
    expect(unseal(key, Buffer.concat([head, block.subarray(cut)]))).toEqual(Buffer.alloc(0));
  });

  test('that was changed anywhere, cut or lengthened is refused', () => {
    const sealed = seal(key.publicKey, systemRandom.bytes(3000), MAIL_PADDING, systemRandom);
    const refused = expect.objectContaining({ code: 'sealed' });
    for (let at = 0; at < sealed.length; at += 97) {
      const changed = Buffer.from(sealed);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      expect(() => unseal(key, changed)).toThrow(refused);
    }
    for (const length of [0, 1, 255, 256, 300, sealed.length - 1]) {
      expect(() => unseal(key, sealed.subarray(0, length))).toThrow(refused);
    }
    expect(() => unseal(key, Buffer.concat([sealed, Buffer.of(0)]))).toThrow(refused);
  });

  test('that would inflate beyond all measure is refused, and opened for whoever insists', () => {
    const sealed = seal(key.publicKey, Buffer.alloc(1_000_000), MAIL_PADDING, systemRandom);
    expect(() => unseal(key, sealed)).toThrow(expect.objectContaining({ code: 'sealed' }));
    expect(unseal(key, sealed, 1_000_000)).toHaveLength(1_000_000);
  });
});
