import { expect, test } from 'vitest';
import { logLines } from './log.ts';

// spec: cmtp 9 D19
test.each([
  ['', []],
  ['\0', []],
  ['a\0b\0', ['a', 'b']],
  ['a\nb\n', ['a', 'b']],
  ['a', ['a']],
  ['a\0\0', ['a', '']],
])('the log %j has the lines %j', (log, lines) => {
  expect(logLines(Buffer.from(log))).toEqual(lines);
});
