// IMMP's line parsers, both directions: what they take, they write so that it reads the same again.

import { isDeepStrictEqual } from 'node:util';
import { WireError } from '../../src/immp/wire/errors.ts';
import type { Command } from '../../src/immp/wire/forms.ts';
import { formatLine, type Piped, parseLine } from '../../src/immp/wire/line.ts';
import { formatReply, parseReply } from '../../src/immp/wire/reply.ts';
import { accepted, delivered, folderStatus, frame, indexLine, queued, readPairs } from '../../src/immp/wire/texts.ts';
import { GOOD_LINES, GOOD_REPLIES } from '../../test/support/immp-samples.ts';
import type { FuzzTarget } from '../harness.ts';

export const target: FuzzTarget = {
  about: 'IMMP lines',
  seeds: () => [...GOOD_LINES, ...GOOD_REPLIES].map((line) => Buffer.from(line)),
  run(input) {
    swallow(() => command(input));
    swallow(() => reply(input));
  },
};

function command(input: Buffer): void {
  const commands = parseLine(input).filter((piped): piped is Piped<Command> => !(piped.command instanceof WireError));
  if (commands.length === 0 || input.length > 3000) return;
  const written = Buffer.from(formatLine(commands)).subarray(0, -1);
  if (!isDeepStrictEqual(parseLine(written), commands)) throw new Error('written otherwise than read');
}

function reply(input: Buffer): void {
  const read = parseReply(input);
  for (const text of [accepted, delivered, folderStatus, frame, indexLine, queued]) text.read(read.text);
  readPairs(read.text);
  const written = Buffer.from(formatReply(read)).subarray(0, -1);
  if (!isDeepStrictEqual(parseReply(written), read)) throw new Error('written otherwise than read');
}

function swallow(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
  }
}
