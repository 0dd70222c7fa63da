// What cannot be delivered comes back to its sender, as a message of his own server, sealed to him.

import { expect, test } from 'vitest';
import { openClient } from '../support/client.ts';
import { eventually, openCmtpOffice, openTwoDomains } from '../support/cmtp-office.ts';

interface Row {
  readonly from: string;
  readonly subject: string;
}

// spec: cmtp 9 D9, D11, D12
test('an account that is removed while the message is on its way', async () => {
  await using stack = new AsyncDisposableStack();
  const [here, there] = await openTwoDomains(stack);
  const alice = await here.enrol('alice');
  await there.enrol('bob');
  const key = await alice.ask<{ key: string }>('key', 'show', 'bob@there.test');
  expect(key.key).toMatch(/^[0-9a-f]{64}$/);
  await there.post.store.mailboxes.remove('cmtp/account/bob');
  await there.reload({}); // what its server remembers of him does not matter: there is no mailbox
  await alice.run('send', 'bob@there.test', 'Are you there?');
  const notice = await eventually(async () => (await alice.ask<Row[]>('list'))[0]);
  expect(notice).toMatchObject({ from: 'the server of here.test', subject: 'Not delivered: bob@there.test' });
  expect(await alice.run('read', '1')).toContain('knows no such account');
});

test('what nobody could have is refused at once', async () => {
  await using stack = new AsyncDisposableStack();
  const [here] = await openTwoDomains(stack);
  const alice = await here.enrol('alice');
  expect(await alice.fails('send', 'nobody@here.test', 'x')).toContain('knows no key');
  expect(await alice.fails('send', 'nobody@there.test', 'x')).toContain('knows no key');
  expect(await alice.fails('send', 'bob@elsewhere.test', 'x')).toContain('knows no key');
  expect(await alice.fails('send', 'nonsense', 'x')).toContain('not a CMTP address');
  expect(await alice.ask('list')).toEqual([]);
});

// spec: cmtp 9 D9, D12
test('a stranger can neither ask keys of other domains nor send mail through the office', async () => {
  await using stack = new AsyncDisposableStack();
  const [here, there] = await openTwoDomains(stack);
  await there.enrol('bob');
  const alice = await here.enrol('alice');
  // Without TLS the server asks for no proof, and gives nothing away.
  const card = await alice.file('card.json');
  await alice.run('key', 'export', card);
  const stranger = stack.use(await openClient('cmtp'));
  await stranger.run('key', 'import', card, '--server', `localhost:${here.plain}`, '--no-tls');
  expect(await stranger.fails('send', 'bob@there.test', 'x')).toContain('knows no key');
  expect(await stranger.fails('list')).toContain('over TLS');
});

test('an office that is alone answers for itself, however its name is written', async () => {
  await using office = await openCmtpOffice('Alone.Test');
  const alice = await office.enrol('alice');
  await alice.run('send', 'alice@alone.test', 'A note.');
  expect(await alice.ask<Row[]>('list')).toHaveLength(1);
});
