// The lines of IMDP and IMRP, both directions, and the lines of the routing table.

import { isDeepStrictEqual } from 'node:util';
import { ImaError, WireError } from '../../src/ima/errors.ts';
import { parseTable } from '../../src/ima/routing/table.ts';
import {
  formatResult,
  formatVerdict,
  parseResult,
  parseVerdict,
  recipientLine,
  relayedLine,
} from '../../src/ima/wire/imdp.ts';
import { formatImrpCommand, formatImrpReply, parseImrpCommand, parseImrpReply } from '../../src/ima/wire/imrp.ts';
import { IMDP_LINES, IMRP_COMMANDS, IMRP_REPLIES } from '../../test/support/ima-samples.ts';
import type { FuzzTarget } from '../harness.ts';

const PAIRS: readonly (readonly [read: (line: string) => unknown, write: (value: never) => string])[] = [
  [parseVerdict, formatVerdict],
  [parseResult, formatResult],
  [parseImrpCommand, formatImrpCommand],
  [parseImrpReply, formatImrpReply],
];

export const target: FuzzTarget = {
  about: 'IMDP and IMRP lines, routing tables',
  seeds: () =>
    [...IMDP_LINES, ...IMRP_COMMANDS, ...IMRP_REPLIES, 'bob@b.test "a b" %l\n@b.test !x\nx@* alias: a@b c@d'].map(
      (line) => Buffer.from(line),
    ),
  run(input) {
    const line = input.toString('utf8');
    for (const [read, write] of PAIRS) {
      swallow(() => {
        const value = read(line) as never;
        if (!isDeepStrictEqual(read(write(value)), value)) throw new Error('written otherwise than read');
      });
    }
    swallow(() => parseTable(line));
    for (const relayed of [relayedLine(input), recipientLine(input)]) {
      if (Buffer.byteLength(relayed) > 4096 || /^(?:OK|FAIL|PARTIAL)$/i.test(relayed))
        throw new Error('a line speaks for the server');
    }
  },
};

function swallow(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof WireError || error instanceof ImaError)) throw error;
  }
}
