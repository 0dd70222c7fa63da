// A million packets through one hop, about six minutes: the heap is afterwards where it was.

import { systemRandom } from '../src/base/random.ts';
import { RsaPrivateKey } from '../src/crypto/rsa.ts';
import { buildForwardPacket } from '../src/mixminion/packet/build.ts';
import { PAYLOAD_LENGTH, RSA_BLOCK } from '../src/mixminion/packet/layout.ts';
import { RoutingType } from '../src/mixminion/packet/routing.ts';
import type { Bench } from './harness.ts';
import { growthFigures } from './mix3/growth.ts';

const MILLION = 1_000_000;

export const bench: Bench = {
  about: 'a million Type III packets through one hop (some six minutes), and the memory before and after',
  async run(report) {
    const key = await RsaPrivateKey.generate(8 * RSA_BLOCK);
    const address = { form: 'host', host: 'mix.example.net', port: 48099, keyId: systemRandom.bytes(20) } as const;
    const path = [{ address, packetKey: key.publicKey }];
    const exit = { routingType: RoutingType.SMTP, routingInfo: Buffer.alloc(40, 'a') };
    const order = { path1: [...path, ...path], path2: path, exit, payload: systemRandom.bytes(PAYLOAD_LENGTH) };
    const packet = buildForwardPacket(order, { build: systemRandom, oaep: systemRandom });
    growthFigures(report, packet, key, MILLION);
  },
};
