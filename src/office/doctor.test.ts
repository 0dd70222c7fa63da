// The doctor's findings about counters: those that are open count, by the configuration or by what the running office says.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { echo } from '../../test/support/echo-counter.ts';
import { systemClock } from '../base/time.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import { counters } from './counters.ts';
import { dataFolderAt } from './data-folder.ts';
import { examine } from './doctor.ts';
import { makeOffice, openOffice } from './office.ts';

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

test('a nymserver needs a remailer and a gateway beside it, and is reason enough to put fragments together', async () => {
  const folder = dataFolderAt(join(await mkdtemp(join(tmpdir(), 'postern-doctor-')), 'data'));
  await makeOffice(folder, counters);
  const found = async (config: string) => {
    await writeFile(folder.config, `${config}\n[health]\nlisten = []\n`);
    return (await examine(folder, counters, systemClock)).flatMap(({ name, state, says }) => {
      return name === 'nym' || (name === 'configuration' && state === 'fault') ? [says] : [];
    });
  };
  const open = '[nym]\ndomain = "nym.example.org"\n';
  const mix = '[mix]\nenabled = true\nnickname = "Amber"\ncontact = "amber@example.org"\n';
  const fragmented = '[mix.fragmented]\nenabled = true\n[mix.mbox]\nenabled = true\n';
  expect(await found('')).toEqual([]);
  expect(await found(open)).toEqual([expect.stringContaining('no remailer')]);
  expect(await found(`[office]\ncounters = ["nym", "mix"]\n${open}${mix}`)).toEqual([
    expect.stringContaining('no SMTP gateway'),
  ]);
  expect(await found(`${open}${mix}${fragmented}`)).toEqual([]);
  expect(await found(`${mix}${fragmented}`)).toEqual([expect.stringContaining('mix.mbox.address_file')]);
  await rm(join(folder.path, '..'), { recursive: true });
});

test('counters that a running office has not opened are left out', async () => {
  const folder = dataFolderAt(join(await mkdtemp(join(tmpdir(), 'postern-doctor-')), 'data'));
  await makeOffice(folder, [echo]);
  const openStore = (file: string) => openSqliteStore({ file });
  const settings = '[log]\nlevel = "error"\n[echo]\ngreeting = "hush"\n';
  const warned = async (...only: string[]) => {
    await writeFile(folder.config, `[health]\nlisten = ["127.0.0.1:0"]\n${settings}`);
    const office = await openOffice({ folder, counters: [echo], only, openStore });
    const { host = '', port = 0 } = office.health ?? {};
    await writeFile(folder.config, `[health]\nlisten = ["${host}:${port}"]\n${settings}`);
    const findings = await examine(folder, [echo], systemClock);
    await office.close();
    return findings.some(({ name }) => name === 'echo');
  };
  expect(await warned('echo')).toBe(true);
  expect(await warned()).toBe(false);
  await rm(join(folder.path, '..'), { recursive: true });
});
