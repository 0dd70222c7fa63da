import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const MOCKS = /^vi\.(mock|doMock)\(/m;

test('files that put something else in the place of a module are named so that they run alone', async () => {
  const files = await Array.fromAsync(glob('{src,test,fuzz}/**/*.test.ts', { cwd: ROOT }));
  expect(files.length).toBeGreaterThan(200);
  const mocking = [];
  for (const file of files) if (MOCKS.test(await readFile(join(ROOT, file), 'utf8'))) mocking.push(file);
  expect(mocking).not.toEqual([]);
  expect(mocking.filter((file) => !file.endsWith('.alone.test.ts'))).toEqual([]);
});
