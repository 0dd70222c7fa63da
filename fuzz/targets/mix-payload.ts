// Payloads, as they come and with their digest made good: everything behind the digest must take any octets too.

import { CounterRandom } from '../../src/crypto/aes-ctr.ts';
import { sha1 } from '../../src/crypto/hash.ts';
import { classifyPayload, classifyReassembled, deliveredMessage } from '../../src/mixminion/payload/delivery.ts';
import { encodeCompressed, encodeMessage } from '../../src/mixminion/payload/encode.ts';
import { PayloadError } from '../../src/mixminion/payload/errors.ts';
import { parsePayload, recognizePayload } from '../../src/mixminion/payload/payload.ts';
import { parseExitPrefix, writeExitPrefix } from '../../src/mixminion/payload/server-fragment.ts';
import { readMessages, writeMessage } from '../../src/mixminion/payload/text.ts';
import type { FuzzTarget } from '../harness.ts';

const random = () => new CounterRandom(Buffer.alloc(16, 1));
const FULL = 28672;
const ENCRYPTED = 28634;
/** Seeds are cut here; what follows is padding or data that no one looks into. */
const SHORT = 200;
const tag = Buffer.alloc(20);

export const target: FuzzTarget = {
  about: 'Type III payloads, whole and as an exit sees them',
  seeds: () =>
    [
      ...encodeMessage(Buffer.from('SUBJECT:hello\nFROM:me\n\nHow are you?\n'), { overhead: 0, random: random() }),
      ...encodeMessage(Buffer.alloc(30_000), { overhead: 38, random: random() }),
      ...encodeCompressed(Buffer.alloc(30_000, 7), { overhead: 0, random: random() }),
      Buffer.concat([writeExitPrefix({ type: 0x100, info: Buffer.from('a@b.example') }), Buffer.from('78da', 'hex')]),
    ].map((payload) => payload.subarray(0, SHORT)),
  run(input) {
    attempt(() => parsePayload(input));
    attempt(() => classifyReassembled(parseExitPrefix(input).compressed));
    for (const length of [FULL, ENCRYPTED]) {
      const payload = Buffer.concat([input], length);
      attempt(() => parsePayload(payload));
      const start = ((payload[0] ?? 0) & 0x80) === 0 ? 2 : 3;
      payload.set(sha1(payload.subarray(start + 20)), start);
      attempt(() => recognizePayload(payload));
      const message = deliveredMessage(classifyPayload(payload), tag);
      if (message === undefined) continue;
      const [back] = readMessages(writeMessage(message));
      if (back?.type !== message.type) throw new Error('a delivered message is read as something else');
    }
  },
};

function attempt(act: () => unknown): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof PayloadError)) throw error;
  }
}
