import fc from 'fast-check';
import { expect, test } from 'vitest';
import { base64, hex, mixminionVectors } from '../../../test/support/vectors.ts';
import { CounterRandom, keystream } from '../../crypto/aes-ctr.ts';
import { sha256 } from '../../crypto/hash.ts';
import { assembleFragments } from './assemble.ts';
import { compress, decompress, singletonLimit } from './compress.ts';
import { countPackets, encodeCompressed, encodeMessage } from './encode.ts';
import { NeedMoreFragmentsError, OvercompressedError, PayloadError } from './errors.ts';
import type { Fragment } from './fragment.ts';
import { planFragments } from './fragment-plan.ts';
import { type Payload, parsePayload, recognizePayload } from './payload.ts';
import { parseExitPrefix, writeExitPrefix } from './server-fragment.ts';
import type { Overhead } from './sizes.ts';

interface SingletonVector {
  readonly overhead: Overhead;
  readonly message?: string;
  readonly message_repeat?: [string, number];
  readonly message_stream_seed?: string;
  readonly message_len?: number;
  readonly compressed_len: number;
  readonly compressed_sha256: string;
  readonly padding_stream_seed: string;
  readonly payload_first_64: string;
  readonly payload_sha256: string;
  readonly uncompress: string;
}

interface MessageVector {
  readonly message_stream_seed: string;
  readonly message_len: number;
  readonly common_stream_seed: string;
  readonly overhead: Overhead;
  readonly prefix: string;
  readonly k: number;
  readonly n: number;
  readonly n_chunks: number;
  readonly msg_id: string;
  readonly msg_len: number;
  readonly fragments: { index: number; first_64: string; sha256: string; payload_b64: string | null }[];
  readonly reassembly_order: number[];
  readonly reassembled_len: number;
  readonly reassembled_sha256: string;
}

interface PlanVector {
  readonly length: number;
  readonly overhead: Overhead;
  readonly frag_capacity: number;
  readonly k: number;
  readonly n: number;
  readonly n_chunks: number;
  readonly chunk_size: number;
  readonly padded_len: number;
}

interface PayloadVectors {
  readonly singletons: SingletonVector[];
  readonly bad: { name: string; payload_b64: string; parse_result: string; decode_result: string }[];
  readonly server_side_fragment_prefix: {
    contents: string;
    packed: string;
    routing_info: string;
    routing_type: number;
  }[];
}

const payloads = mixminionVectors<PayloadVectors>('payloads');
const fragments = mixminionVectors<{ messages: MessageVector[]; params: PlanVector[] }>('fragments');
const digest = (octets: Uint8Array) => sha256(octets).toString('hex');

function messageOf(vector: SingletonVector): Buffer {
  if (vector.message !== undefined) return hex(vector.message);
  if (vector.message_stream_seed !== undefined)
    return keystream(hex(vector.message_stream_seed), vector.message_len ?? 0);
  const [digits = '', count = 0] = vector.message_repeat ?? [];
  return Buffer.alloc(hex(digits).length * count, hex(digits));
}

function asFragment(payload: Payload | undefined): Fragment {
  if (payload?.kind !== 'fragment') throw new Error('not a fragment');
  return payload;
}

// spec: mixminion-e2e 4.1
test('one-packet messages are those of the original program, octet for octet', () => {
  for (const vector of payloads.singletons) {
    const message = messageOf(vector);
    const compressed = compress(message);
    expect([compressed.length, digest(compressed)]).toEqual([vector.compressed_len, vector.compressed_sha256]);
    const { overhead } = vector;
    const random = new CounterRandom(hex(vector.padding_stream_seed));
    const [payload = Buffer.alloc(0), ...more] = encodeMessage(message, { overhead, random });
    expect(more).toEqual([]);
    expect(payload.subarray(0, 64).toString('hex')).toBe(vector.payload_first_64);
    expect(digest(payload)).toBe(vector.payload_sha256);
    const found = recognizePayload(payload);
    if (found?.kind !== 'singleton') throw new Error('not a singleton');
    const open = () => decompress(found.compressed, singletonLimit(found.compressed.length));
    if (vector.uncompress === 'ok') expect(open().equals(message)).toBe(true);
    else expect(open).toThrow(OvercompressedError);
  }
});

// spec: mixminion-e2e 4.1, 4.2
test('damaged payloads fail as they do in the original program', () => {
  const outcome = (read: () => Payload | undefined) => {
    try {
      return read()?.kind ?? 'None';
    } catch (error) {
      return error instanceof PayloadError ? 'ParseError' : error;
    }
  };
  for (const { payload_b64, parse_result, decode_result } of payloads.bad) {
    const payload = base64(payload_b64);
    const parsed = outcome(() => parsePayload(payload));
    expect(parsed === 'singleton' || parsed === 'fragment' ? 'ok' : parsed).toBe(parse_result);
    const expected = { SingletonPayload: 'singleton', None: 'None' }[decode_result] ?? 'ParseError';
    expect(outcome(() => recognizePayload(payload))).toBe(expected);
  }
});

// spec: mixminion-e2e 6.1
test('messages are cut up as the original program cut them', () => {
  for (const { length, overhead, ...expected } of fragments.params) {
    const plan = planFragments(length, overhead);
    expect([plan.capacity, plan.k, plan.n, plan.chunks, plan.chunkSize, plan.paddedLength]).toEqual([
      expected.frag_capacity,
      expected.k,
      expected.n,
      expected.n_chunks,
      expected.chunk_size,
      expected.padded_len,
    ]);
  }
  expect([28650, 28651, 57250, 57251, 458000, 458001].map((length) => countPackets(length, 0))).toEqual([
    1, 3, 3, 6, 22, 44,
  ]);
  expect([28612, 28613].map((length) => countPackets(length, 38))).toEqual([1, 3]);
  expect([countPackets(57250, 0, 1), countPackets(28650, 0, 30)]).toEqual([6, 1]);
});

// spec: mixminion-e2e 1, 4.2, 6.2
test('fragmented messages are those of the original program, and come back from the fragments it kept', () => {
  for (const vector of fragments.messages) {
    const message = keystream(hex(vector.message_stream_seed), vector.message_len);
    const random = new CounterRandom(hex(vector.common_stream_seed));
    const { overhead } = vector;
    const made = encodeMessage(message, { overhead, exitPrefix: hex(vector.prefix), random });
    expect(made.map(digest)).toEqual(vector.fragments.map(({ sha256 }) => sha256));
    expect(asFragment(recognizePayload(made[0] ?? Buffer.alloc(0)))).toMatchObject({
      index: 0,
      messageId: hex(vector.msg_id),
      messageSize: vector.msg_len,
      overhead,
    });
    const kept = vector.reassembly_order.map((index) =>
      asFragment(recognizePayload(base64(vector.fragments[index]?.payload_b64 ?? ''))),
    );
    const whole = assembleFragments(kept);
    expect([whole.length, digest(whole)]).toEqual([vector.reassembled_len, vector.reassembled_sha256]);
    expect(decompress(whole.subarray(hex(vector.prefix).length), Number.POSITIVE_INFINITY).equals(message)).toBe(true);
    expect(() => assembleFragments(kept.slice(1))).toThrow(NeedMoreFragmentsError);
  }
});

// spec: mixminion-e2e 6.4
test('exit prefixes are those of the original program; a cut one is refused', () => {
  for (const { contents, packed, routing_info, routing_type } of payloads.server_side_fragment_prefix) {
    const prefix = writeExitPrefix({ type: routing_type, info: hex(routing_info) });
    expect(Buffer.concat([prefix, hex(contents)]).toString('hex')).toBe(packed);
    expect(parseExitPrefix(hex(packed))).toEqual({
      type: routing_type,
      info: hex(routing_info),
      compressed: hex(contents),
    });
    for (let cut = 0; cut < prefix.length; cut += 1)
      expect(() => parseExitPrefix(prefix.subarray(0, cut))).toThrow(PayloadError);
  }
});

const seed = fc.uint8Array({ minLength: 16, maxLength: 16 });
const overheads = fc.constantFrom<Overhead[]>(0, 38);

test('a message of any size comes back from any sufficient fragments, in any order', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000_000 }), overheads, seed, seed, (length, overhead, key, order) => {
      const compressed = keystream(key, length);
      const payloads = encodeCompressed(compressed, { overhead, random: new CounterRandom(key) });
      expect(payloads.length).toBe(countPackets(length, overhead));
      const found = payloads.map((payload) => recognizePayload(payload));
      if (found[0]?.kind === 'singleton') {
        expect(found[0].compressed.equals(compressed)).toBe(true);
        return;
      }
      const { k, n, chunks, needed } = planFragments(length, overhead);
      const dice = keystream(order, payloads.length);
      const mixed = found.map(asFragment).toSorted((a, b) => (dice[a.index] ?? 0) - (dice[b.index] ?? 0));
      const kept = Array.from({ length: chunks }, (_, chunk) =>
        mixed.filter(({ index }) => Math.floor(index / n) === chunk).slice(0, k),
      ).flat();
      expect(kept.length).toBe(needed);
      expect(assembleFragments(kept).equals(compressed)).toBe(true);
      expect(assembleFragments([...mixed, ...kept]).equals(compressed)).toBe(true);
      expect(() => assembleFragments(kept.slice(0, -1))).toThrow(NeedMoreFragmentsError);
    }),
    { numRuns: 12 },
  );
});

test('fragments that contradict each other are not put together', () => {
  const encode = (key: string) =>
    encodeCompressed(Buffer.alloc(40_000, 1), { overhead: 0, random: new CounterRandom(Buffer.from(key)) }).map(
      (payload) => asFragment(recognizePayload(payload)),
    );
  const [first, second] = encode('0123456789abcdef');
  const [other] = encode('fedcba9876543210');
  if (first === undefined || second === undefined || other === undefined) throw new Error('too few fragments');
  expect(() => assembleFragments([first, other])).toThrow(PayloadError);
  expect(() => assembleFragments([first, { ...second, index: 3 }])).toThrow(PayloadError);
  expect(() => assembleFragments([first, { ...second, index: 0 }])).toThrow(PayloadError);
  expect(() => assembleFragments([first, { ...second, messageSize: 50_000 }])).toThrow(PayloadError);
  expect(() => assembleFragments([])).toThrow(NeedMoreFragmentsError);
});

test('no payload of noise is recognized, and one flipped bit hides a real one', () => {
  const random = new CounterRandom(Buffer.alloc(16, 7));
  const [payload = Buffer.alloc(0)] = encodeMessage(Buffer.from('text'), { overhead: 0, random });
  fc.assert(
    fc.property(fc.nat(payload.length * 8 - 1), (bit) => {
      const changed = Buffer.from(payload);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const inSize = bit < 16 && bit !== 7; // the size field is the one thing that no digest covers; its limits do
      try {
        const found = recognizePayload(changed);
        expect(found === undefined || inSize).toBe(true);
      } catch (error) {
        if (!(error instanceof PayloadError && inSize)) throw error;
      }
    }),
  );
});
