// IMA's message block: what is taken is written so that it reads the same again, to the octet.

import { WireError } from '../../src/ima/errors.ts';
import { letterOf } from '../../src/ima/letter.ts';
import { formatBlock } from '../../src/ima/wire/message.ts';
import { SAMPLE, sampleWith } from '../../test/support/ima-samples.ts';
import type { FuzzTarget } from '../harness.ts';

export const target: FuzzTarget = {
  about: 'IMA messages',
  seeds: () => [
    SAMPLE,
    sampleWith({ mailer: 'list@a.test', cc: 'd@c.test', 'x-cid-1': 'a' }),
    sampleWith({ part: undefined }),
  ],
  run(input) {
    let letter: ReturnType<typeof letterOf>;
    try {
      letter = letterOf(input);
    } catch (error) {
      if (error instanceof WireError) return;
      throw error;
    }
    const block = formatBlock(letter.head.headers);
    if (!block.equals(input.subarray(0, block.length))) throw new Error('written otherwise than read');
  },
};
