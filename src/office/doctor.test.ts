import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { echo } from '../../test/support/echo-counter.ts';
import { systemClock } from '../base/time.ts';
import { dataFolderAt } from './data-folder.ts';
import { examine } from './doctor.ts';
import { makeOffice } from './office.ts';

test("a counter's own warnings are among the findings, while it is among the open ones", async () => {
  const folder = dataFolderAt(join(await mkdtemp(join(tmpdir(), 'postern-doctor-')), 'data'));
  await makeOffice(folder, [echo]);
  const found = async (config: string) => {
    await writeFile(folder.config, `[health]\nlisten = []\n${config}`);
    return (await examine(folder, [echo], systemClock)).filter(({ name }) => name === 'echo');
  };
  const says = 'echo.greeting: few will hear it';
  expect(await found('[echo]\ngreeting = "hush"\n')).toEqual([
    { name: 'echo', state: 'warning', says, remedy: 'speak up' },
  ]);
  expect(await found('[echo]\ngreeting = "hello"\n')).toEqual([]);
  expect(await found('[office]\ncounters = []\n[echo]\ngreeting = "hush"\n')).toEqual([]);
  await rm(join(folder.path, '..'), { recursive: true });
});
