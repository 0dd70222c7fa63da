// The log of a message: each server that passes it on adds a line, and many lines mean that it goes in a circle.
// spec: cmtp 5, 9 D12, D14, D19

import { logLines } from '../client/log.ts';

const NUL = 0;
const LF = 0x0a;
const MAX_LINES = 32;
const MAX_LOG = 64 * 1024;

/** The log with one line more; undefined when it has too many already, or has grown too long. */
export function traced(log: Uint8Array, line: string): Buffer | undefined {
  if (logLines(log).length > MAX_LINES) return undefined;
  const last = log.at(-1);
  const before = last === undefined || last === NUL || last === LF ? [log] : [log, Buffer.of(NUL)];
  const longer = Buffer.concat([...before, Buffer.from(`${line}\0`)]);
  return longer.length > MAX_LOG ? undefined : longer;
}
