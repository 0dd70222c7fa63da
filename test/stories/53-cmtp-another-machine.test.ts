// One account on two machines: what its server gives to everybody, the sealed key, is enough for who knows the passphrase.

import { readFile } from 'node:fs/promises';
import { afterEach, expect, test } from 'vitest';
import { type Client, openClient } from '../support/client.ts';
import { openCmtpOffice, PASSPHRASE } from '../support/cmtp-office.ts';

interface Row {
  readonly number: number;
  readonly subject: string;
}
const NEXT = 'copper lantern thistle marble otter fennel';

afterEach(() => {
  process.env['POSTERN_PASSPHRASE'] = PASSPHRASE;
  delete process.env['POSTERN_NEW_PASSPHRASE'];
});
const subjects = async (client: Client) => (await client.ask<Row[]>('list')).map(({ subject }) => subject);

// spec: cmtp 4.2, 9 D13, D22, D24
test('mail is read wherever the passphrase is known, also after it and the key were changed', async () => {
  await using stack = new AsyncDisposableStack();
  const office = stack.use(await openCmtpOffice('post.test'));
  const desk = await office.enrol('alice');
  const laptop = stack.use(await openClient('cmtp'));
  const address = 'alice@post.test';
  await desk.run('send', address, 'one');

  process.env['POSTERN_PASSPHRASE'] = 'not the passphrase at all, though long';
  expect(await laptop.fails('login', address, ...office.at)).toContain('the passphrase does not open the key');
  process.env['POSTERN_PASSPHRASE'] = PASSPHRASE;
  await laptop.run('login', address, ...office.at);
  expect(await subjects(laptop)).toEqual(['one']);
  expect(await subjects(desk)).toEqual(['one']);

  // A new key: the desk has both, and the laptop gets the new one by logging in again.
  const before = await desk.ask<{ key: string }>('key', 'show');
  const after = await desk.ask<{ key: string; formerKeys: number }>('key', 'rotate');
  expect(after.key).not.toBe(before.key);
  expect(after.formerKeys).toBe(1);
  expect(await laptop.fails('list')).toContain('does not take the key');
  await desk.run('send', address, 'two', '--new-key');
  await laptop.run('login', address, ...office.at);
  expect(await subjects(laptop)).toEqual(['one', 'two']);
  expect(await subjects(desk)).toEqual(['one', 'two']);

  // A new passphrase: the old one opens nothing any more.
  process.env['POSTERN_NEW_PASSPHRASE'] = 'password1';
  expect(await desk.fails('key', 'passphrase')).toContain('bits');
  process.env['POSTERN_NEW_PASSPHRASE'] = NEXT;
  await desk.run('key', 'passphrase');
  expect(await desk.fails('list')).toContain('does not open');
  process.env['POSTERN_PASSPHRASE'] = NEXT;
  expect(await subjects(desk)).toEqual(['one', 'two']);
  await laptop.run('login', address, ...office.at);
  expect((await subjects(laptop)).at(-1)).toBe('two');
});

test('an account goes from machine to machine as a file', async () => {
  await using stack = new AsyncDisposableStack();
  const office = stack.use(await openCmtpOffice('post.test'));
  const desk = await office.enrol('alice');
  await desk.run('key', 'rotate');
  const card = await desk.file('alice.json');
  await desk.run('key', 'export', card);
  expect(await desk.fails('key', 'export', card)).toContain('nothing was overwritten');
  const laptop = stack.use(await openClient('cmtp'));
  const imported = await laptop.ask<{ formerKeys: number }>('key', 'import', card, ...office.at);
  expect(imported.formerKeys).toBe(1);
  expect(await subjects(laptop)).toEqual([]);
  expect(await laptop.fails('key', 'import', card, ...office.at)).toContain('here already');
  expect(await laptop.fails('key', 'import', await laptop.file('x', 'nonsense'))).toContain('no CMTP account');

  // Or one old key alone, as the reference server kept it.
  const { former } = JSON.parse(await readFile(card, 'utf8')) as { former: string[] };
  const phone = stack.use(await openClient('cmtp'));
  await phone.run('login', 'alice@post.test', ...office.at);
  const file = await phone.file('alice.xzibit', Buffer.from(former[0] ?? '', 'hex'));
  expect(await phone.ask('key', 'import', file)).toMatchObject({ formerKeys: 1 });
});
