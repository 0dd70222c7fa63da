// A target that waits for ever when an input has a zero octet.

import type { FuzzTarget } from '../harness.ts';

export const target: FuzzTarget = {
  about: 'a promise that nobody settles',
  seeds: () => [Buffer.from('wait')],
  run: (input) => (input.includes(0) ? new Promise<void>(() => {}) : Promise.resolve()),
};
