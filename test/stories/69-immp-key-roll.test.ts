// The operator of one office changes its key. Nobody at the other office does anything, and no letter waits.

import { writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import { runPostern } from '../../src/cli/program.ts';
import { immp } from '../../src/immp/counter.ts';
import { dataFolderAt } from '../../src/office/data-folder.ts';
import type { ServerKeys } from '../../src/office/key-roll.ts';
import { makeOffice, openOffice } from '../../src/office/office.ts';
import { Pins } from '../../src/post/pins.ts';
import { openSqliteStore } from '../../src/store/sqlite/open.ts';
import { openClient, overhear } from '../support/client.ts';
import { eventually } from '../support/cmtp-office.ts';
import { PASSWORD } from '../support/immp.ts';
import { openImmpOffice } from '../support/immp-office.ts';
import { makeDataFolder } from '../support/office.ts';

interface Row {
  readonly subject: string;
}

// spec: immp 1.8, 2.4
test('a planned key is announced, told to those who do not write, and shown, and +SECURE mail goes on', async () => {
  await using stack = new AsyncDisposableStack();
  const there = stack.use(await openImmpOffice('there.test', { cookie: { accept_tofu: true } }));
  const folder = dataFolderAt(stack.use(await makeDataFolder()).path);
  const counters = [immp];
  await makeOffice(folder, counters);
  const open = async (port: number) => {
    const about = `[immp]\nlisten = ["127.0.0.1:${port}"]\nhosts = ["there.test=127.0.0.1:${there.port}"]\nscrypt_n = 16384\n`;
    const rest =
      '[office]\nname = "here.test"\n[health]\nlisten = []\n[log]\nfile = "log"\n[immp.cookie]\naccept_tofu = true\n';
    await writeFile(folder.config, about + rest, { mode: 0o600 });
    const office = await openOffice({ folder, counters, openStore: (file) => openSqliteStore({ file }) });
    stack.defer(() => office.close());
    return office;
  };
  const operator = async (...args: string[]): Promise<string> => {
    const command = ['immp', ...args, '--data', folder.path];
    const { status, out, err } = await overhear(() => runPostern(command));
    if (status !== 0) throw new Error(err);
    return out;
  };
  const keys = async (...args: string[]) => JSON.parse(await operator('server-key', ...args, '--json')) as ServerKeys;

  const office = await open(0);
  const port = office.listening[0]?.at.port ?? 0;
  await there.reload({ hosts: [`here.test=127.0.0.1:${port}`] });
  process.env['POSTERN_NEW_PASSWORD'] = PASSWORD;
  await operator('account', 'add', 'bob');
  const alice = await there.person('alice');
  await there.ask('account.add', { name: 'admin', password: PASSWORD });
  const bob = stack.use(await openClient('immp'));
  await bob.run('login', 'bob@here.test', '--server', `localhost:${port}`);
  const arrives = (subject: string) =>
    eventually(async () => (await bob.ask<Row[]>('index')).find((row) => row.subject === subject));
  await alice.run('send', 'bob@here.test', 'One.', '--subject', 'before', '--secure');
  await arrives('before');

  const before = toHex(office.identity.serverKey);
  expect(await keys('show')).toEqual({ key: before });
  await expect(operator('server-key', 'switch', '--yes')).rejects.toThrow('no next key is announced');
  const planned = await keys('plan');
  expect(planned).toMatchObject({ key: before, visits: [{ domain: 'there.test', state: 'told' }] });
  await expect(operator('server-key', 'plan')).rejects.toThrow('announced already');
  const pins = new Pins(there.post, 'immp');
  expect(await pins.get('here.test')).toMatchObject({ fingerprint: before, next: planned.next?.key });
  await bob.run('check'); // his program hears of it, too
  await expect(operator('server-key', 'switch', '--yes')).rejects.toThrow('too short a time');
  expect(await operator('server-key', 'switch', '--yes', '--now')).toContain(planned.next?.key);
  expect(toHex(office.identity.serverKey)).toBe(planned.next?.key);

  await office.close(); // nobody has a conversation from before
  await open(port);
  await alice.run('send', 'bob@here.test', 'Two.', '--subject', 'behind', '--secure');
  await arrives('behind');
  expect(await pins.get('here.test')).toMatchObject({ fingerprint: planned.next?.key, origin: 'announced' });
  expect(await there.post.store.messages.page('immp/admin@there.test', { limit: 1 })).toMatchObject({ messages: [] });

  expect(await operator('server-key', 'plan')).toMatch(/there\.test +known/);
  expect(await keys('cancel')).toEqual({ key: planned.next?.key });
  await there.reload({ listen: [] });
  expect(await operator('server-key', 'announce')).toMatch(/there\.test +not told: could not be reached now/);
}, 60_000);
