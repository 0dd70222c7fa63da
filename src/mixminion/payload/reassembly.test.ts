import fc from 'fast-check';
import { expect, test } from 'vitest';
import { base64, hex, mixminionVectors } from '../../../test/support/vectors.ts';
import { shuffle } from '../../base/random.ts';
import { DAY, HOUR, VirtualClock } from '../../base/time.ts';
import { CounterRandom, keystream } from '../../crypto/aes-ctr.ts';
import { sha256 } from '../../crypto/hash.ts';
import { encodeCompressed } from './encode.ts';
import { NeedMoreFragmentsError, PayloadError } from './errors.ts';
import type { Fragment } from './fragment.ts';
import { recognizePayload } from './payload.ts';
import { ReassemblyPool } from './reassembly.ts';
import { memoryReassemblyStorage } from './reassembly-memory.ts';
import { isReady, progressOf } from './reassembly-state.ts';

const ME = 'me';

function fragmentOf(payload: Buffer): Fragment {
  const found = recognizePayload(payload);
  if (found?.kind !== 'fragment') throw new Error('not a fragment');
  return found;
}

function fragmentsOf(compressed: Buffer, key: number): Fragment[] {
  return encodeCompressed(compressed, { overhead: 0, random: new CounterRandom(Buffer.alloc(16, key)) }).map(
    fragmentOf,
  );
}

function setUp(maxSize = 2_000_000) {
  const clock = new VirtualClock(Date.UTC(2026, 10, 22, 13));
  const storage = memoryReassemblyStorage();
  return { clock, storage, pool: new ReassemblyPool(storage, { clock, maxSize }) };
}

const short = keystream(Buffer.alloc(16, 1), 40_000); // 3 fragments, any 2
const [a, b, c] = fragmentsOf(short, 1);
if (a === undefined || b === undefined || c === undefined) throw new Error('three fragments are expected');

// spec: mixminion-e2e 7
test('a message comes together from check fragments alone', async () => {
  interface Vector {
    reassembly_order: number[];
    fragments: { payload_b64: string | null }[];
    reassembled_sha256: string;
  }
  for (const vector of mixminionVectors<{ messages: Vector[] }>('fragments').messages) {
    const { pool } = setUp();
    let id = '';
    for (const index of vector.reassembly_order) {
      const added = await pool.add(fragmentOf(base64(vector.fragments[index]?.payload_b64 ?? '')), '---');
      expect(added.result).toBe('stored');
      expect(added.ready).toBe(index === vector.reassembly_order.at(-1));
      id = added.id;
    }
    expect(sha256(await pool.read(id))).toEqual(hex(vector.reassembled_sha256));
  }
});

test('fragments of several messages, in any order and repeated, give every message once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.integer({ min: 1, max: 700_000 }),
      async (key, extra) => {
        const { pool, storage } = setUp();
        const random = new CounterRandom(key);
        const messages = [keystream(key, 30_000), keystream(key, 28_651 + extra)];
        const all = messages.flatMap((message) =>
          encodeCompressed(message, { overhead: 38, random }).map((payload) => fragmentOf(payload)),
        );
        const completed: Buffer[] = [];
        for (const fragment of shuffle(random, [...all, ...all.slice(0, 9)])) {
          const { id, ready } = await pool.add(fragment, ME);
          if (!ready) continue;
          completed.push(await pool.read(id));
          await pool.complete(id);
        }
        expect(completed.length).toBe(2);
        for (const message of messages) expect(completed.some((got) => got.equals(message))).toBe(true);
        for (const { id, status } of await pool.messages()) {
          expect(status).toBe('completed');
          await expect(storage.piece(id, 'chunk-0')).rejects.toThrow(PayloadError);
        }
      },
    ),
    { numRuns: 8 },
  );
});

test('progress is told, and reading too early says what is missing', async () => {
  const { pool } = setUp();
  const { id } = await pool.add(a, ME);
  const [state] = await pool.messages();
  if (state === undefined) throw new Error('no state');
  expect([progressOf(state), isReady(state)]).toEqual([{ have: 1, need: 2 }, false]);
  await expect(pool.read(id)).rejects.toThrow(NeedMoreFragmentsError);
  await expect(pool.read('00'.repeat(20))).rejects.toThrow(PayloadError);
});

// spec: mixminion-e2e 7
test('what is of no use is dropped, and the message goes on', async () => {
  const { pool } = setUp();
  await pool.add(a, ME);
  expect(await pool.add(a, ME)).toMatchObject({ result: 'dropped', reason: 'duplicate', ready: false });
  const { id } = await pool.add(b, ME);
  expect(await pool.add(c, ME)).toMatchObject({ result: 'dropped', reason: 'chunk-whole', ready: true });
  expect((await pool.read(id)).equals(short)).toBe(true);
  await pool.complete(id);
  expect(await pool.add(c, ME)).toMatchObject({ result: 'dropped', reason: 'finished', ready: false });
  await expect(pool.complete(id)).rejects.toThrow(PayloadError);
});

test.each([
  ['another identity', b, 'you', 'differs'],
  ['another size', { ...b, messageSize: 40_001 }, ME, 'differs'],
  ['another overhead', { ...b, overhead: 38 as const }, ME, 'differs'],
  ['a chunk that the message does not have', { ...b, index: 3 }, ME, 'no-such-place'],
  ['other data in a place that is taken', { ...b, index: 0 }, ME, 'contradiction'],
] as const)('%s makes the message a fraud', async (_, fragment, identity, reason) => {
  const { pool, storage } = setUp();
  const { id } = await pool.add(a, ME);
  expect(await pool.add(fragment, identity)).toMatchObject({ id, result: 'rejected', reason, ready: false });
  await expect(storage.piece(id, 'fragment-0-0')).rejects.toThrow(PayloadError);
  expect(await pool.add(b, ME)).toMatchObject({ result: 'dropped', reason: 'finished' });
});

test('a message larger than allowed is refused at its first fragment', async () => {
  const { pool } = setUp(39_999);
  expect(await pool.add(a, ME)).toMatchObject({ result: 'rejected', reason: 'too-large' });
  expect((await pool.messages()).map(({ status }) => status)).toEqual(['rejected']);
});

test('unfinished messages expire by day, and finished ones are forgotten', async () => {
  const { pool, clock } = setUp();
  const { id } = await pool.add(a, ME);
  await clock.advance(2 * DAY + 10 * HOUR); // 23:00 of the second day after
  expect(await pool.expire(2 * DAY)).toBe(0);
  await clock.advance(HOUR);
  expect(await pool.expire(2 * DAY)).toBe(1);
  expect(await pool.add(b, ME)).toMatchObject({ id, result: 'dropped', reason: 'finished' });
  expect(await pool.forgetFinished(30 * DAY)).toBe(0);
  await clock.advance(30 * DAY);
  expect(await pool.expire(0)).toBe(0);
  expect(await pool.forgetFinished(30 * DAY)).toBe(1);
  expect(await pool.messages()).toEqual([]);
});

test('fragments added all at once wait for each other', async () => {
  const { pool } = setUp();
  const results = await Promise.all([a, b, c].map((fragment) => pool.add(fragment, ME)));
  expect(results.map(({ result }) => result)).toEqual(['stored', 'stored', 'dropped']);
});
