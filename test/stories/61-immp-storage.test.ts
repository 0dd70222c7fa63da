// Mail that does not stay on the server, mail of a whole group, and an office whose operator is at the command line.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runPostern } from '../../src/cli/program.ts';
import { deliver } from '../../src/immp/client/deliver.ts';
import { logIn } from '../../src/immp/client/log-in.ts';
import { ImmpSession } from '../../src/immp/client/session.ts';
import { dialPlain } from '../../src/net/dial.ts';
import { counters } from '../../src/office/counters.ts';
import { dataFolderAt } from '../../src/office/data-folder.ts';
import { makeOffice, openOffice } from '../../src/office/office.ts';
import { openSqliteStore } from '../../src/store/sqlite/open.ts';
import { type Client, openClient, overhear } from '../support/client.ts';
import { PASSWORD } from '../support/immp.ts';
import { type ImmpOffice, openImmpOffice } from '../support/immp-office.ts';
import { makeDataFolder } from '../support/office.ts';

let office: ImmpOffice;
let alice: Client;
let bob: Client;

beforeAll(async () => {
  office = await openImmpOffice('example.org');
  alice = await office.person('alice');
  bob = await office.person('bob');
});
afterAll(() => office[Symbol.asyncDispose]());

// spec: immp 2.9 (POP3-like use)
test('a machine fetches its mail, and nothing of it stays on the server', async () => {
  for (const number of [1, 2, 3])
    await alice.run('send', 'bob@example.org', `Report ${number}`, '--subject', `no. ${number}`);
  const to = join(bob.home, 'mail');
  const kept = await bob.ask<{ path: string; subject: string }[]>('fetch', '--to', to, '--keep');
  expect(kept.map(({ subject }) => subject)).toEqual(['no. 1', 'no. 2', 'no. 3']);
  expect(await bob.ask('index')).toHaveLength(3);

  // What was fetched before is not fetched again, and then deleted.
  const fetched = await bob.ask<{ path: string }[]>('fetch', '--to', to);
  expect(fetched.map(({ path }) => path)).toEqual(kept.map(({ path }) => path));
  expect(await bob.ask('index')).toEqual([]);
  expect(await bob.run('fetch', '--to', to)).toBe('nothing new\n');
  const files = await readdir(to);
  expect(files).toHaveLength(3);
  const mails = await Promise.all(fetched.map(({ path }) => readFile(path, 'utf8')));
  expect(mails.map((mail) => /^Subject: (.*)\r$/m.exec(mail)?.[1])).toEqual(['no. 1', 'no. 2', 'no. 3']);
  expect((await office.post.store.usage()).messages).toBe(0);
});

// spec: immp 1.2, 2.9 (shared mailboxes)
test('a group shares a mailbox, and each member has one below it', async () => {
  await office.ask('shared.add', { name: 'helpdesk', owner: 'alice' });
  for (const member of ['alice', 'bob']) await office.ask('member.add', { group: 'helpdesk', member, account: member });
  const customer = await office.person('customer');
  await customer.run('send', 'helpdesk@example.org', 'It does not work.', '--subject', 'Help');
  await customer.run('send', 'helpdesk/bob@example.org', 'As I told you.', '--subject', 'For Bob');
  await customer.run('send', 'helpdesk/nobody@example.org', 'Hello?', '--subject', 'Nobody');

  const group = ['--mailbox', 'helpdesk@example.org'];
  type Row = { uuid: string; subject: string; flags: string[] };
  const rows = await alice.ask<Row[]>('index', ...group);
  expect(rows.map(({ subject }) => subject)).toEqual(['Help', 'Nobody']);
  expect(await bob.ask('index', '--mailbox', 'helpdesk/bob@example.org')).toMatchObject([{ subject: 'For Bob' }]);
  expect(await alice.fails('index', '--mailbox', 'helpdesk/bob@example.org')).toContain('403');

  // What one member reads, all see as read; what one moves is moved for all.
  const help = rows[0]?.uuid ?? '';
  await alice.run('read', help, ...group);
  expect((await bob.ask<Row[]>('index', ...group))[0]?.flags).toEqual(['read']);
  await bob.run('folders', 'create', 'inbox/Done', ...group);
  await bob.run('move', help, 'inbox/done', ...group);
  expect(await alice.ask('index', 'inbox/done', ...group)).toMatchObject([{ uuid: help }]);

  // They answer as the group.
  await bob.run('send', 'customer@example.org', 'Now it does.', '--from', 'helpdesk@example.org');
  expect(await customer.ask('index')).toMatchObject([{ from: 'helpdesk@example.org' }]);

  // To others a mailbox that is there and one that is not look the same.
  const there = await customer.fails('index', ...group);
  expect(await customer.fails('index', '--mailbox', 'nothing@example.org')).toBe(there);
  expect(await customer.fails('send', 'bob@example.org', 'x', '--from', 'helpdesk@example.org')).toContain('403');

  await office.ask('account.link', { name: 'customer', mailbox: 'bob' });
  expect(await customer.ask('index', '--mailbox', 'bob@example.org')).toEqual([]);
  await office.ask('account.unlink', { name: 'customer', mailbox: 'bob' });
  expect(await customer.fails('index', '--mailbox', 'bob@example.org')).toContain('403');
});

// spec: immp 2.9 (WATCH)
test('whoever watches sees what arrives, and a program of his is told', async () => {
  const told = await bob.file('told');
  const notify = await bob.file(
    'notify.mjs',
    `import { appendFileSync } from 'node:fs'; appendFileSync('${told}', JSON.stringify(process.argv.slice(2)) + '\\n');`,
  );
  const command = ['watch', 'inbox', '--count', '2', '--notify', `${process.execPath} ${notify}`];
  let ended = false;
  const watching = bob.run(...command).finally(() => {
    ended = true;
  });
  // Letters are sent until it has seen two: it begins when it begins.
  const sending = (async () => {
    while (!ended) await deliverAs(office, 'alice', 'bob', 'A bell\u0007 and `rm`; "$(true)"');
  })();
  const [seen] = await Promise.all([watching, sending]);
  const text = 'A bell\ufffd and `rm`; "$(true)"';
  expect(seen).toBe(`inbox: alice@example.org: ${text}\n`.repeat(2));
  const notices = (await readFile(told, 'utf8'))
    .trim()
    .split('\n')
    .map((each) => JSON.parse(each) as string[]);
  expect(notices).toEqual(Array(2).fill(['inbox: alice@example.org', text]));
});

test('an operator makes accounts while the office runs and while it does not', async () => {
  await using stack = new AsyncDisposableStack();
  const config = '[immp]\ndomain = "example.net"\nscrypt_n = 16384\n[log]\nfile = "log"\n';
  const folder = dataFolderAt(stack.use(await makeDataFolder(config)).path);
  process.env['POSTERN_NEW_PASSWORD'] = PASSWORD;
  const operator = async (...args: string[]): Promise<string> => {
    const { status, out, err } = await overhear(() => runPostern(['immp', 'account', ...args, '--data', folder.path]));
    if (status !== 0) throw new Error(err);
    return out;
  };
  await makeOffice(folder, counters);
  const running = await openOffice({
    ...{ folder, counters, only: ['immp'] },
    openStore: (file) => openSqliteStore({ file }),
  });
  stack.defer(() => running.close());
  expect(await operator('add', 'carol', '--quota', '5 MiB')).toBe('made carol@example.net\n');
  await expect(operator('add', 'carol')).rejects.toThrow('there is a mailbox');
  const carol = stack.use(await openClient('immp'));
  await carol.run('login', 'carol@example.net', '--server', `127.0.0.1:${running.listening[0]?.at.port}`);
  await carol.run('send', 'carol@example.net', 'A note to myself.');
  await operator('add', 'dave');
  await operator('share', 'sales', '--owner', 'dave');
  expect(await operator('member', 'sales', 'carol', '--as', 'c')).toContain('sales/c@example.net');
  await operator('link', 'dave', 'carol');
  expect(await operator('list')).toMatch(/dave@example\.net +0 +0 B +1 GiB +carol@example.net\n/);
  await operator('quota', 'dave', '2 GiB');
  await operator('leave', 'sales', 'c');
  await operator('unlink', 'dave', 'carol');
  await operator('passwd', 'dave');
  const queue = await overhear(() => runPostern(['immp', 'queue', 'list', '--data', folder.path]));
  expect(queue).toEqual({ status: 0, out: 'nothing waits\n', err: '' });
  await running.close();

  await operator('add', 'erin');
  const list = await operator('list');
  expect(list).toMatch(/carol@example\.net +1 +\d+ B +5 MiB\n/);
  expect(list).toMatch(/dave@example\.net +0 +0 B +2 GiB\n/);
  expect(list).toMatch(/erin@example\.net +0 +0 B +1 GiB\n/);
  await operator('remove', 'carol', '--yes');
  await expect(operator('remove', 'carol', '--yes')).rejects.toThrow('no mailbox');
}, 60_000);

/** A message from one account to another, past the command line, which is busy. */
async function deliverAs(office: ImmpOffice, from: string, to: string, subject: string): Promise<void> {
  const connection = await dialPlain({ to: { host: '127.0.0.1', port: office.port } });
  const session = await ImmpSession.open(connection, { domain: office.domain });
  await logIn(session, { account: { local: from, domain: office.domain }, password: async () => PASSWORD });
  const parts = [{ type: 'text/plain', size: 1, content: true, chunks: () => [Buffer.from('x')] }];
  await deliver(session, { to: { local: to, domain: office.domain }, subject, parts });
  await session.quit();
}
