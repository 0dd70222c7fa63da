// SmallMail's line parsers, both directions: what they take, they write back as it came but for the case of letters.

import {
  formatClientLine,
  formatServerLine,
  parseClientLine,
  parseServerLine,
  WireError,
} from '../../src/smallmail/wire.ts';
import type { FuzzTarget } from '../harness.ts';

const FPR = '6A5A7A8A650F0C12961ED8F74278AF1D067C0E57';
const ID = '4c1f0a6be2d94d0f8f3a5b7c9d1e2f30';

export const target: FuzzTarget = {
  about: 'SmallMail lines',
  seeds: () =>
    [
      'CRID 1205',
      `SEND ${FPR} 338`,
      `RPRT ${FPR} ${ID} 330 END`,
      `WORK ${ID} 1z`,
      `MSG ${ID} 338`,
      'CHAL SM1.x',
      'ERR BadParam',
    ].map((line) => Buffer.from(line)),
  run(input) {
    roundTrip(input, (octets) => formatClientLine(parseClientLine(octets)));
    roundTrip(input, (octets) => formatServerLine(parseServerLine(octets)));
  },
};

function roundTrip(input: Buffer, parseAndFormat: (octets: Buffer) => string): void {
  let written: string;
  try {
    written = parseAndFormat(input);
  } catch (error) {
    if (error instanceof WireError) return;
    throw error;
  }
  if (written.toUpperCase() !== `${input.toString('latin1').toUpperCase()}\n`)
    throw new Error('written otherwise than read');
}
