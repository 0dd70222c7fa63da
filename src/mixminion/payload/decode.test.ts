import fc from 'fast-check';
import { expect, test } from 'vitest';
import { base64, hex, mixminionVectors } from '../../../test/support/vectors.ts';
import { CounterRandom, keystream } from '../../crypto/aes-ctr.ts';
import { lionessDecrypt, lionessKeys, subkey } from '../../crypto/lioness.ts';
import { RsaPrivateKey } from '../../crypto/rsa.ts';
import { isReplyTag } from '../packet/surb.ts';
import { decompress } from './compress.ts';
import { type Decoded, decodePayload, type ReplySecret } from './decode.ts';
import { encodeCompressed, encodeMessage } from './encode.ts';
import { sealForward } from './encrypted-forward.ts';
import { PayloadError } from './errors.ts';
import { readMessages } from './text.ts';

interface PacketCase {
  readonly name: string;
  readonly message: string;
  readonly compressed: string;
  readonly payload_padding_seed: string;
  readonly delivered_payload_b64: string;
  readonly delivered_text: string | null;
  readonly hops: { tag?: string }[];
}

interface ForwardCase extends PacketCase {
  readonly session_key_stream_seed: string;
  readonly oaep_stream_seed: string;
  readonly user_key: number;
}

const forward = mixminionVectors<{ cases: ForwardCase[]; user_keys_pem: string[] }>('encrypted_forward');
const replies = mixminionVectors<{ cases: PacketCase[]; user_keys: Record<string, string> }>('replies');
const userKeys = forward.user_keys_pem.map((pem) => RsaPrivateKey.fromPem(pem));

function userKey(index: number): RsaPrivateKey {
  const key = userKeys[index];
  if (key === undefined) throw new Error(`no user key ${index}`);
  return key;
}

function messageIn(decoded: Decoded<ReplySecret> | undefined): string {
  if (decoded?.payload.kind !== 'singleton') return 'no message';
  return decompress(decoded.payload.compressed, Number.POSITIVE_INFINITY).toString('hex');
}

// spec: mixminion-e2e 5.2
test('encrypted forward payloads are made as by the original program', () => {
  for (const vector of forward.cases) {
    const random = new CounterRandom(hex(vector.payload_padding_seed));
    const [payload = Buffer.alloc(0)] = encodeCompressed(hex(vector.compressed), { overhead: 38, random });
    const sealed = sealForward(
      payload,
      userKey(vector.user_key).publicKey,
      new CounterRandom(hex(vector.session_key_stream_seed)),
      new CounterRandom(hex(vector.oaep_stream_seed)),
    );
    expect(sealed.payload.equals(base64(vector.delivered_payload_b64))).toBe(true);
    expect(sealed.tag.toString('hex')).toBe(vector.hops.at(-1)?.tag);
  }
});

// spec: mixminion-e2e 5.2, 5.4
test('encrypted forward payloads open with their key among others, from octets and from text', () => {
  for (const vector of forward.cases) {
    const tag = hex(vector.hops.at(-1)?.tag ?? '');
    const decoded = decodePayload(base64(vector.delivered_payload_b64), tag, [], userKeys);
    expect(decoded).toMatchObject({ how: 'encrypted-forward', key: userKey(vector.user_key) });
    expect(messageIn(decoded)).toBe(vector.message);
    for (const { contents, tag: written } of readMessages(Buffer.from(vector.delivered_text ?? '')))
      expect(messageIn(decodePayload(contents, written, [], userKeys))).toBe(vector.message);
    expect(decodePayload(base64(vector.delivered_payload_b64), tag, [])).toBeUndefined();
    expect(decodePayload(base64(vector.delivered_payload_b64), undefined, [], userKeys)).toBeUndefined();
  }
});

// spec: mixminion-e2e 5.4
test('replies open with the secret of their identity among others', () => {
  const mine = { identity: 'me', secret: hex(replies.user_keys['me'] ?? '') };
  const secrets = [{ identity: 'other', secret: Buffer.alloc(20, 9) }, mine];
  for (const vector of replies.cases) {
    const tag = hex(vector.hops.at(-1)?.tag ?? '');
    const payload = base64(vector.delivered_payload_b64);
    const decoded = decodePayload(payload, tag, secrets);
    expect(decoded).toMatchObject({ how: 'reply', key: mine });
    expect(messageIn(decoded)).toBe(vector.message);
    expect(decodePayload(payload, tag, secrets.slice(0, 1))).toBeUndefined();
  }
});

test('a payload sealed for us and damaged on the way is an error, not noise', () => {
  const random = new CounterRandom(Buffer.alloc(16));
  const [payload = Buffer.alloc(0)] = encodeMessage(Buffer.from('text'), { overhead: 38, random });
  const sealed = sealForward(payload, userKey(0).publicKey, random, random);
  const damaged = Buffer.from(sealed.payload);
  damaged[20_000] = (damaged[20_000] ?? 0) ^ 1;
  expect(() => decodePayload(damaged, sealed.tag, [], userKeys)).toThrow(PayloadError);
  expect(() => decodePayload(damaged, sealed.tag.subarray(1), [], userKeys)).toThrow(PayloadError);
  expect(() => sealForward(payload.subarray(1), userKey(0).publicKey, random, random)).toThrow(PayloadError);
});

// spec: mixminion-e2e 5.3, 5.4
test('a reply over any number of hops opens, whoever the sender was', () => {
  const secret = Buffer.alloc(20, 3);
  const tags = new CounterRandom(Buffer.alloc(16, 5));
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 16 }), fc.uint8Array({ maxLength: 100 }), (hops, message) => {
      let tag = tags.bytes(20);
      while (!isReplyTag(tag, secret)) tag = tags.bytes(20);
      const seed = subkey(Buffer.concat([tag, secret]), 'Generate');
      // What the sender does with the shared key, and each mix with its own, last hop first in the stream.
      let [payload = Buffer.alloc(0)] = encodeMessage(message, { overhead: 0, random: tags });
      for (let hop = hops; hop >= 0; hop -= 1)
        payload = lionessDecrypt(lionessKeys(keystream(seed, 16, 16 * hop), 'PAYLOAD ENCRYPT'), payload);
      const decoded = decodePayload(payload, tag, [{ secret }]);
      expect(messageIn(decoded)).toBe(Buffer.from(message).toString('hex'));
    }),
    { numRuns: 8 },
  );
});
