// What a client reads from others, through the public face: whatever comes in, errors are those of the API, and none of
// them hides a slip of ours.

import {
  decodeAll,
  decodePacket,
  Mix3Error,
  packageMessage,
  parseAddress,
  primitives,
  Surb,
  SurbSecret,
} from '../../src/mixminion/client/index.ts';
import type { FuzzTarget } from '../harness.ts';

const random = new primitives.CounterRandom(Buffer.alloc(16, 2));
const secrets = [new SurbSecret(Buffer.alloc(20, 1))];

function examine(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    const { cause } = error instanceof Mix3Error ? error : {};
    if (!(error instanceof Mix3Error) || cause instanceof TypeError || cause instanceof RangeError) throw error;
  }
}

export const target: FuzzTarget = {
  about: 'what a mix3 client reads: mail, payloads, reply blocks',

  seeds() {
    const address = parseAddress('a@b.example');
    const [single] = packageMessage({ message: 'text', address, random });
    const [fragment] = packageMessage({ message: random.bytes(30_000), address, reassembly: 'client', random });
    if (single === undefined || fragment === undefined) throw new Error('a message has a payload');
    const { writeMessage } = primitives;
    return [
      single.bytes,
      fragment.bytes,
      writeMessage({ type: 'plaintext', contents: Buffer.from('text') }),
      writeMessage({ type: 'overcompressed', contents: primitives.compress(Buffer.alloc(900)) }),
      writeMessage({ type: 'fragment', contents: fragment.bytes }),
    ];
  },

  run(input) {
    examine(() => decodePacket(input, { secrets }).packet.getMessage({ stripHeaders: true }));
    examine(() => decodePacket(input, { secrets, text: true }).packet.messageId);
    examine(() => {
      for (const packet of decodeAll(input, { secrets })) if (!packet.isFragment) packet.getMessage();
    });
    examine(() => Surb.parse(input).surb.firstHop);
    examine(() => Surb.parseAll(input).map(({ digest }) => digest));
  },
};
