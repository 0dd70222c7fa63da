// MMTP in octets: lines of versions, units and answers. What is taken is written back as it came.

import { MmtpError } from '../../src/mixminion/mmtp/errors.ts';
import * as wire from '../../src/mixminion/mmtp/wire.ts';
import type { FuzzTarget } from '../harness.ts';

const body = Buffer.alloc(wire.BODY_LENGTH, 7);
const unit = { kind: 'SEND', body } as const;
const expected = wire.expectedAnswers(unit);

export const target: FuzzTarget = {
  about: 'MMTP lines, units and answers',
  seeds: () => [
    wire.writeVersions(['0.9', '0.3']),
    wire.writeUnit(unit),
    wire.writeUnit({ kind: 'JUNK', body }),
    wire.writeAnswer('RECEIVED', unit),
    wire.writeAnswer('REJECTED', unit),
  ],
  run(input) {
    sameAgain(input, () => wire.writeVersions(wire.readVersions(input)));
    sameAgain(input, () => wire.writeUnit(wire.readUnit(input)));
    sameAgain(input, () => wire.writeAnswer(wire.readAnswer(input, expected), unit));
  },
};

function sameAgain(input: Buffer, readAndWrite: () => Buffer): void {
  let written: Buffer;
  try {
    written = readAndWrite();
  } catch (error) {
    if (error instanceof MmtpError) return;
    throw error;
  }
  if (!written.equals(input)) throw new Error('written otherwise than read');
}
