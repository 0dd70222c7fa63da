import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { facts, harmless, print, printJson, showProgress, table } from './output.ts';

function written(work: (to: Writable) => void): string {
  let text = '';
  work(
    new Writable({
      write(chunk, _encoding, done) {
        text += String(chunk);
        done();
      },
    }),
  );
  return text;
}

test('text and JSON each end with a line end', () => {
  expect(written((to) => print('hello', to))).toBe('hello\n');
  expect(JSON.parse(written((to) => printJson({ a: [1] }, to)))).toEqual({ a: [1] });
});

test('a table has columns under their heads, figures to the right', () => {
  const rows = [
    ['first', 7, 'x'],
    ['second one', 1234, ''],
  ];
  expect(table(['NAME', 'SIZE', 'REST'], rows).split('\n')).toEqual([
    'NAME        SIZE  REST',
    'first          7  x',
    'second one  1234',
  ]);
  expect(table(['NAME', 'SIZE'], [])).toBe('NAME  SIZE');
});

test('facts stand behind their names', () => {
  const pairs = [
    ['key', 'a'],
    ['folder', 'b'],
  ] as const;
  expect(facts(pairs)).toBe('key     a\nfolder  b');
});

test('what a stranger wrote cannot steer the terminal', () => {
  const nasty = 'a\u001b[2Jb\nc\r\u202ed\u0000\u009b';
  expect(harmless(nasty)).toBe('a\ufffd[2Jb\ufffdc\ufffd\ufffdd\ufffd\ufffd');
  expect(table(['SUBJECT'], [[nasty]]).split('\n')).toHaveLength(2);
  expect(harmless('Grüße, 世界 🙂')).toBe('Grüße, 世界 🙂');
});

test('progress is silent where nobody looks', async () => {
  const progress = await showProgress('Working');
  progress.update(1, 2);
  progress.stop(); // the test's standard error is not a terminal: nothing was drawn and nothing is left running
  expect(process.stderr.isTTY).not.toBe(true);
});
