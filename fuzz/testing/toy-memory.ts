// A target that trusts a size in its input.

import type { FuzzTarget } from '../harness.ts';
import { makeRoom, ToyError } from './toy-parser.ts';

export const target: FuzzTarget = {
  about: 'an allocation of any size',
  seeds: () => [Buffer.from('\0\0\0\x05hello')],
  run(input) {
    try {
      makeRoom(input);
    } catch (error) {
      if (!(error instanceof ToyError)) throw error;
    }
  },
};
