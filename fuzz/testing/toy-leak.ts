// A target that keeps 4 KiB for good at every run.

import type { FuzzTarget } from '../harness.ts';

const remembered: Buffer[] = [];

export const target: FuzzTarget = {
  about: 'memory that stays behind',
  seeds: () => [Buffer.from('a')],
  run() {
    remembered.push(Buffer.alloc(4096));
  },
};
