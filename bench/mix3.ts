// Type III from end to end of the sender's and the mix's work: packets, then what is inside.

import type { Bench } from './harness.ts';
import { packetFigures } from './mix3/packets.ts';
import { payloadFigures } from './mix3/payloads.ts';

export const bench: Bench = {
  about: 'Type III packets and payloads: building, one hop, encoding and decoding, each beside its raw limit',
  async run(report) {
    await packetFigures(report);
    await payloadFigures(report);
  },
};
