// A target that never comes back from some inputs.

import type { FuzzTarget } from '../harness.ts';
import { skipBlanks } from './toy-parser.ts';

export const target: FuzzTarget = {
  about: 'a loop without end',
  seeds: () => [Buffer.from(' ')],
  run(input) {
    skipBlanks(input);
  },
};
