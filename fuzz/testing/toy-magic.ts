// A target whose bug lies behind magic octets that no seed has.

import type { FuzzTarget } from '../harness.ts';
import { parseToy, ToyError } from './toy-parser.ts';

export const target: FuzzTarget = {
  about: 'an error behind four magic octets',
  seeds: () => [Buffer.from('hello')],
  run(input) {
    try {
      parseToy(input);
    } catch (error) {
      if (!(error instanceof ToyError)) throw error;
    }
  },
};
