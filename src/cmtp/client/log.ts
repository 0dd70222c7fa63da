// What servers on the way have written into a message. Nobody vouches for it.   spec: cmtp 5, 9 D19

import { asBuffer } from '../../base/bytes.ts';

/** The lines of a log, ended by NUL or LF. One lone NUL is an empty log. */
export function logLines(log: Uint8Array): string[] {
  const lines = asBuffer(log)
    .toString('utf8')
    .split(/[\0\n]/);
  if (lines.at(-1) === '') lines.pop();
  return lines.length === 1 && lines[0] === '' ? [] : lines;
}
