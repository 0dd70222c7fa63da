// Somebody stands between client and server with a key of his own: nothing is said to him.

import { expect, test } from 'vitest';
import { openClient } from '../support/client.ts';
import { makeDataFolder, startOffice } from '../support/office.ts';
import { openRelay } from '../support/relay.ts';

// spec: smallmail 2.2
test('a server with another key than before is refused, until its owner says that the key was changed', async () => {
  await using stack = new AsyncDisposableStack();
  const start = async () => {
    const office = await startOffice(stack.use(await makeDataFolder()).path);
    stack.defer(async () => void (await office.end('SIGTERM')));
    return office.port('SmallMail');
  };
  const [server, impostor] = await Promise.all([start(), start()]);
  const relay = stack.use(await openRelay(server));
  const client = stack.use(await openClient());
  const at = `localhost:${relay.port}`;
  await client.run('new', 'bob', '--server', at);
  const { address } = await client.ask<{ address: string }>('address', 'bob', '--pin');
  expect(address).toMatch(/\?pin=[0-9a-f]{64}$/);

  relay.target = impostor;
  const complaint = await client.fails('list', 'bob');
  expect(complaint).toContain('not the one that is known for it');
  expect(complaint).toContain(`servers forget ${at}`);
  expect(await client.fails('send', 'bob', 'secret')).toContain('not the one that is known for it');
  expect(await client.ask('outbox')).toHaveLength(1);

  relay.target = server;
  await client.run('fetch');
  expect(await client.ask<unknown[]>('list', 'bob')).toHaveLength(1);

  // A key that was changed for a reason: the other server knows nothing yet, and gets the mailbox again.
  relay.target = impostor;
  await client.run('servers', 'forget', at);
  await client.run('list', 'bob');
  const [known] = await client.ask<{ at: string; pin: string }[]>('servers', 'list');
  expect(known?.at).toBe(at);
  expect(address).not.toContain(known?.pin ?? 'no pin');
});
