import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { echo } from '../../test/support/echo-counter.ts';
import { Pins } from '../post/pins.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import { ask } from './ask.ts';
import { type DataFolder, dataFolderAt } from './data-folder.ts';
import { makeOffice, type Office, openOffice } from './office.ts';

const openStore = (file: string) => openSqliteStore({ file });
let folder: DataFolder;
let office: Office | undefined;

beforeEach(async () => {
  folder = dataFolderAt(join(await mkdtemp(join(tmpdir(), 'postern-ask-')), 'data'));
  await makeOffice(folder, [echo]);
  await writeFile(folder.config, '[health]\nlisten = []\n[log]\nfile = "log"\n[echo]\ngreeting = "hm"\n');
});

afterEach(async () => {
  await office?.close();
  office = undefined;
  await rm(join(folder.path, '..'), { recursive: true });
});

function question(name: string, argument: unknown, counter = 'echo'): Promise<unknown> {
  return ask({ folder, counters: [echo], openStore }, { counter, name, argument });
}

test('the same question gets the same answer from an office that is closed and from one that runs', async () => {
  const check = async () => {
    expect(await question('repeat', { text: 'hello' })).toBe('hm hello');
    await expect(question('repeat', { text: '' })).rejects.toMatchObject({ code: 'nothing', remedy: 'say something' });
    await expect(question('repeat', { words: 'x' })).rejects.toMatchObject({ code: 'control' });
    await expect(question('repaet', { text: 'x' })).rejects.toMatchObject({ remedy: 'did you mean repeat?' });
    await expect(question('repeat', {}, 'ehco')).rejects.toMatchObject({ code: 'counter' });
  };
  await check();
  await expect(question('open', null)).rejects.toMatchObject({ code: 'control' }); // only while it runs
  office = await openOffice({ folder, counters: [echo], openStore });
  await check();
  expect(await question('open', null)).toBe(0);
  expect((await stat(folder.control)).mode & 0o077).toBe(0);
});

test('an office that was killed leaves nothing that stands in the way', async () => {
  await writeFile(folder.control, 'left behind');
  expect(await question('repeat', { text: 'closed' }).catch((error) => error.code)).toBeTypeOf('string');
  office = await openOffice({ folder, counters: [echo], openStore });
  expect(await question('repeat', { text: 'hello' })).toBe('hm hello');
});

test('what is no question is answered as an error, and the office goes on', async () => {
  office = await openOffice({ folder, counters: [echo], openStore });
  const answer = await new Promise<string>((resolve) => {
    const socket = connect(folder.control);
    let said = '';
    socket.on('data', (chunk) => {
      said += chunk;
    });
    socket.on('close', () => resolve(said));
    socket.write('{"counter"\n');
  });
  expect(JSON.parse(answer)).toHaveProperty('error.message');
  expect(await question('repeat', { text: 'on' })).toBe('hm on');
});

test('the pins of a counter are shown, accepted and forgotten', async () => {
  office = await openOffice({ folder, counters: [echo], openStore });
  const pins = new Pins(office.post, 'echo');
  await pins.check('far.test', Buffer.alloc(32, 1));
  await pins.check('far.test', Buffer.alloc(32, 2));
  const far = { counter: 'echo', domain: 'far.test' };
  expect(await question('pins.list', { counter: 'echo' }, 'office')).toMatchObject([{ offered: '02'.repeat(32) }]);
  expect(await question('pins.accept', far, 'office')).toMatchObject({
    fingerprint: '02'.repeat(32),
    origin: 'operator',
  });
  expect(await pins.check('far.test', Buffer.alloc(32, 2))).toBe('match');
  expect(await question('pins.forget', far, 'office')).toBe(true);
  expect(await question('pins.list', { counter: 'echo' }, 'office')).toEqual([]);
});
