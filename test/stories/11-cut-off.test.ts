// The line breaks in the middle of a letter: the fetch goes on where it stopped, and a letter that cannot leave stays.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Client, openClient } from '../support/client.ts';
import { makeDataFolder, type OfficeProcess, startOffice } from '../support/office.ts';
import { openRelay, type Relay } from '../support/relay.ts';

let stack: AsyncDisposableStack;
let office: OfficeProcess;
let relay: Relay;
let client: Client;

beforeAll(async () => {
  stack = new AsyncDisposableStack();
  const data = stack.use(await makeDataFolder());
  office = await startOffice(data.path);
  stack.defer(async () => void (await office.end('SIGTERM')));
  relay = stack.use(await openRelay(office.port('SmallMail')));
  client = stack.use(await openClient());
  await client.run('new', 'bob', '--server', `localhost:${relay.port}`);
});
afterAll(() => stack.disposeAsync());

test('a large letter comes whole over a line that breaks', async () => {
  const file = await client.file('large.bin', Buffer.alloc(600_000, 1));
  await client.run('send', 'bob', 'the file', '--attach', file);
  const before = relay.connections;
  relay.cuts.push(400_000, 300_000);
  const [letter] = await client.ask<{ number: number }[]>('list', 'bob');
  expect(letter?.number).toBe(1);
  expect(relay.connections - before).toBe(3);
  const { attachments } = await client.ask<{ attachments: { size: number }[] }>('read', 'bob', '1');
  expect(attachments).toMatchObject([{ size: 600_000 }]);
});

test('a letter stays in the outbox while its server is away, and leaves with the next fetch', async () => {
  const { target } = relay;
  relay.target = 1; // nobody listens there
  expect(await client.fails('send', 'bob', 'later')).toContain('localhost');
  expect(await client.ask('outbox')).toMatchObject([{ to: expect.stringContaining('@localhost'), tries: 1 }]);
  relay.target = target;
  await client.run('fetch');
  expect(await client.ask('outbox')).toEqual([]);
  expect(await client.ask<unknown[]>('list', 'bob')).toHaveLength(2);
});
