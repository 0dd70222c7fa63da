// Reply blocks: binary, in lists, and armored.

import { CounterRandom } from '../../src/crypto/aes-ctr.ts';
import { ParseError } from '../../src/mixminion/packet/errors.ts';
import { parseHopAddress, relayTo } from '../../src/mixminion/packet/routing.ts';
import { armorSurb, parseArmoredSurbs, parseSurbs, type Surb, writeSurb } from '../../src/mixminion/packet/surb.ts';
import type { FuzzTarget } from '../harness.ts';

function sample(): Surb {
  const random = new CounterRandom(Buffer.alloc(16, 3));
  const hop = { form: 'host', host: 'mix.example', port: 48099, keyId: random.bytes(20) } as const;
  return { useBy: 1_900_000_000, header: random.bytes(2048), key: random.bytes(16), ...relayTo(hop, true) };
}

function examine(parse: () => Surb[]): void {
  try {
    for (const surb of parse()) {
      const [again] = parseSurbs(writeSurb(surb));
      if (again === undefined || !writeSurb(again).equals(writeSurb(surb))) throw new Error('a reply block changed');
      parseHopAddress(surb);
    }
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
  }
}

export const target: FuzzTarget = {
  about: 'Type III reply blocks, binary and armored',

  seeds() {
    const binary = writeSurb(sample());
    return [binary, Buffer.concat([Buffer.from(' \n'), binary, binary]), Buffer.from(armorSurb(sample()))];
  },

  run(input) {
    examine(() => parseSurbs(input));
    examine(() => parseArmoredSurbs(input));
  },
};
