// Alice and Bob, each with a home of their own, exchange keys by hand and letters over the server.

import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Client, openClient } from '../support/client.ts';
import { makeDataFolder, type OfficeProcess, startOffice } from '../support/office.ts';

let stack: AsyncDisposableStack;
let office: OfficeProcess;
let alice: Client;
let bob: Client;

beforeAll(async () => {
  stack = new AsyncDisposableStack();
  const data = stack.use(await makeDataFolder());
  office = await startOffice(data.path);
  stack.defer(async () => void (await office.end('SIGTERM')));
  [alice, bob] = [stack.use(await openClient()), stack.use(await openClient())];
});
afterAll(() => stack.disposeAsync());

test('they make mailboxes, meet, write and answer', async () => {
  const server = `localhost:${office.port('SmallMail')}`;
  await alice.run('new', 'alice', '--server', server);
  await bob.run('new', 'bob', '--server', server);

  // Bob passes his address and his key on by hand.
  const key = await bob.file('bob.asc');
  const { address } = await bob.ask<{ address: string }>('address', 'bob', '--key', key);
  expect(await readFile(key, 'utf8')).toMatch(/^-----BEGIN PGP PUBLIC KEY BLOCK-----/);
  expect(await alice.fails('send', address, 'hello')).toContain('contacts add');
  expect(await alice.run('contacts', 'add', 'bob', address, '--key', key)).toContain('fingerprint');

  const picture = await alice.file('picture.bin', Buffer.alloc(5000, 7));
  const sent = await alice.ask(
    'send',
    'bob',
    'See you tomorrow.',
    '--from',
    'alice',
    '--subject',
    'hi',
    '--attach',
    picture,
  );
  expect(sent).toEqual({ to: address, size: 16384 });

  const [letter] = await bob.ask<{ number: number; subject: string; signed: string }[]>('list', 'bob');
  expect(letter).toMatchObject({ number: 1, subject: 'hi', signed: 'own key' });
  const shown = await bob.run('read', 'bob', '1', '--save', bob.home);
  expect(shown).toContain('See you tomorrow.');
  expect(await readFile(await bob.file('picture.bin'))).toEqual(Buffer.alloc(5000, 7));
  expect(await bob.fails('read', 'bob', '1', '--save', bob.home)).toContain('is there already');

  // The letter brought Alice's address and key, so Bob can answer.
  await bob.run('contacts', 'add', 'alice', '--letter', 'bob/1');
  expect(await bob.run('list', 'bob', '--offline')).toMatch(/alice +yes +hi/);
  await bob.run('send', 'alice', 'Gladly.', '--from', 'bob');
  const [answer] = await alice.ask<{ from: string; signed: string }[]>('list', 'alice');
  expect(answer).toMatchObject({ from: 'bob', signed: 'yes' });

  await bob.run('delete', 'bob', '1');
  expect(await bob.ask('list', 'bob')).toEqual([]);
});

test('an anonymous letter names nobody, and looks like any other on the server', async () => {
  const sent = await alice.ask<{ size: number }>('send', 'bob', 'Guess who.');
  expect(sent.size).toBe(4096);
  const letters = await bob.ask<{ number: number; from: string; signed: string }[]>('list', 'bob');
  expect(letters).toMatchObject([{ from: '(nobody)', signed: '' }]);
  expect(await bob.run('read', 'bob', '1')).toContain('anybody may have written this');
});

test('a sealed mailbox opens with its passphrase only', async () => {
  const server = `localhost:${office.port('SmallMail')}`;
  expect(await bob.fails('new', 'safe', '--sealed', '--server', server)).toContain('POSTERN_PASSPHRASE');
  vi.stubEnv('POSTERN_PASSPHRASE', 'correct horse');
  await bob.run('new', 'safe', '--sealed', '--server', server);
  await bob.run('send', 'safe', 'for your eyes', '--from', 'safe');
  expect(await bob.ask('list', 'safe')).toMatchObject([{ from: 'safe', signed: 'yes' }]);
  vi.stubEnv('POSTERN_PASSPHRASE', 'wrong');
  expect(await bob.fails('read', 'safe', '1')).toContain('passphrase is not the right one');
  vi.unstubAllEnvs();
  expect(await bob.fails('read', 'safe', '1')).toContain('POSTERN_PASSPHRASE');
  expect(await bob.run('address', 'safe')).toContain('fingerprint');
});
