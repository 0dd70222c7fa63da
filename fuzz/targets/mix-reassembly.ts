// The fragment pool: any sequence of true, repeated and forged fragments, readings and clean-ups. Whatever comes, a
// message for which no forgery came is read as it was sent, and what is finished stays finished.

import { DAY, VirtualClock } from '../../src/base/time.ts';
import { CounterRandom, keystream } from '../../src/crypto/aes-ctr.ts';
import { encodeCompressed } from '../../src/mixminion/payload/encode.ts';
import { PayloadError } from '../../src/mixminion/payload/errors.ts';
import type { Fragment } from '../../src/mixminion/payload/fragment.ts';
import { recognizePayload } from '../../src/mixminion/payload/payload.ts';
import { ReassemblyPool } from '../../src/mixminion/payload/reassembly.ts';
import { memoryReassemblyStorage } from '../../src/mixminion/payload/reassembly-memory.ts';
import type { FuzzTarget } from '../harness.ts';

/** Steps of one run; each may cost a digest over a fragment. */
const MAX_STEPS = 40;
const messages = [30_000, 60_000].map((length) => keystream(Buffer.alloc(16, length % 251), length));
const fragments = messages.map((message, which) =>
  encodeCompressed(message, { overhead: 0, random: new CounterRandom(Buffer.alloc(16, which)) }).flatMap((payload) => {
    const found = recognizePayload(payload);
    return found?.kind === 'fragment' ? [found] : [];
  }),
);

export const target: FuzzTarget = {
  about: 'Type III fragments, put together',
  seeds: () => [
    Buffer.from([0, 2, 16, 18]),
    Buffer.from([1, 3, 5, 7, 17, 128, 64, 0, 2]),
    Buffer.from([0, 32, 2, 192, 224]),
  ],
  async run(input) {
    const clock = new VirtualClock();
    const pool = new ReassemblyPool(memoryReassemblyStorage(), { clock, maxSize: 100_000 });
    const forged = new Set<string>();
    const finished = new Set<string>();
    for (const step of input.subarray(0, MAX_STEPS)) {
      const which = step & 1;
      const id = fragments[which]?.[0]?.messageId.toString('hex') ?? '';
      const fragment = fragments[which]?.[((step >> 1) & 7) % fragments[which].length];
      if (fragment === undefined) continue;
      const deed = step >> 5;
      if (deed === 6) await attempt(() => pool.complete(id).then(() => finished.add(id)));
      else if (deed === 7) await pool.expire(-DAY);
      else {
        const forgery = forge(fragment, deed);
        if (forgery !== fragment) forged.add(id);
        const { result, ready } = await pool.add(forgery, deed === 5 ? 'other' : 'me');
        if (deed === 5) forged.add(id);
        if (finished.has(id) && (result !== 'dropped' || ready)) throw new Error('a finished message came back');
        if (result === 'rejected') finished.add(id);
        if (ready && !forged.has(id) && !(await pool.read(id)).equals(messages[which] ?? Buffer.alloc(0)))
          throw new Error('the message is not the one that was sent');
      }
      await attempt(() => pool.read(id));
    }
  },
};

function forge(fragment: Fragment, deed: number): Fragment {
  switch (deed) {
    case 1:
      return { ...fragment, data: Buffer.from(fragment.data).fill(0, 0, 9) };
    case 2:
      return { ...fragment, index: fragment.index + 64 };
    case 3:
      return { ...fragment, messageSize: fragment.messageSize + 1 };
    case 4:
      return { ...fragment, messageSize: 0xffffffff, index: 0x7fffff };
    default:
      return fragment;
  }
}

async function attempt(act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof PayloadError)) throw error;
  }
}
