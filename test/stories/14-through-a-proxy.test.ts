// Through a SOCKS5 proxy such as tor: it resolves all names, and no two connections can be told to belong together.

import { expect, test } from 'vitest';
import { openClient } from '../support/client.ts';
import { makeDataFolder, startOffice } from '../support/office.ts';
import { openProxy } from '../support/socks.ts';

const ONION = `${'a'.repeat(56)}.onion`;

// spec: smallmail 2.13
test('names go to the proxy unresolved, and each connection shows a user and password of its own', async () => {
  await using stack = new AsyncDisposableStack();
  const office = await startOffice(stack.use(await makeDataFolder()).path);
  stack.defer(async () => void (await office.end('SIGTERM')));
  const proxy = stack.use(await openProxy(office.port('SmallMail')));
  const client = stack.use(await openClient());
  const through = ['--proxy', `socks5://127.0.0.1:${proxy.port}`];

  expect(await client.fails('new', 'early', '--server', ONION)).toContain('--proxy');
  expect(proxy.asked).toEqual([]);

  // Neither name exists in any resolver of this machine.
  await client.run('new', 'alice', '--server', ONION, ...through);
  await client.run('new', 'bob', '--server', 'mail.invalid:2000', ...through);
  await client.run('send', 'bob', 'hello', '--from', 'alice', '--now', ...through);
  await client.run('list', 'alice', ...through);
  expect(await client.ask<unknown[]>('list', 'bob', ...through)).toHaveLength(1);

  expect(proxy.asked.map(({ kind, host, port }) => [kind, host, port])).toEqual([
    [3, ONION, 1995],
    [3, 'mail.invalid', 2000],
    [3, 'mail.invalid', 2000],
    [3, ONION, 1995],
    [3, 'mail.invalid', 2000],
  ]);
  for (const secret of [(one: { user: string }) => one.user, (one: { password: string }) => one.password]) {
    expect(new Set(proxy.asked.map(secret)).size).toBe(proxy.asked.length);
  }
});
