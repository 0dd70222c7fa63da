// Path specifiers for all three uses: what is read is written so that it reads the same.

import { PathError } from '../../src/mixminion/directory/errors.ts';
import { PathSpec } from '../../src/mixminion/directory/path-spec.ts';
import type { FuzzTarget } from '../harness.ts';

export const target: FuzzTarget = {
  about: 'Type III path specifiers',
  seeds: () => [`foo,?,*4:~2,bar`, `~5`, `'a,b',"x:\\"y"`, `*0,./file.desc,b,`].map((text) => Buffer.from(text)),
  run(input) {
    for (const kind of ['forward', 'reply', 'surb'] as const) {
      try {
        const spec = PathSpec.parse(input.toString('latin1'), { kind });
        const again = PathSpec.parse(spec.toSpecifier(), { kind });
        if (JSON.stringify(again.components) !== JSON.stringify(spec.components)) throw new Error('read otherwise');
      } catch (error) {
        if (!(error instanceof PathError)) throw error;
      }
    }
  },
};
