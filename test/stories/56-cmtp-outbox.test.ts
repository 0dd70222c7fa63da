// The server is away when somebody writes: what was written waits, readable to its writer alone, and leaves when he next lists his mail.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { makeKeyPair } from '../../src/cmtp/crypto/keys.ts';
import { makeReplies } from '../../src/cmtp/wire/replies.ts';
import { openCmtpOffice } from '../support/cmtp-office.ts';
import { openRelay } from '../support/relay.ts';

const AWAY = 1; // a port at which nobody listens

// spec: cmtp 4.3
test('a message stays in the outbox while the server is away, and leaves with the next list', async () => {
  await using stack = new AsyncDisposableStack();
  const office = stack.use(await openCmtpOffice('post.test'));
  const bob = await office.enrol('bob');
  const alice = await office.enrol('alice');
  const relay = stack.use(await openRelay(office.tls));
  await alice.run(
    'login',
    'alice@post.test',
    '--server',
    `localhost:${office.plain}`,
    '--tls',
    `localhost:${relay.port}`,
  );

  relay.target = AWAY;
  const attached = await alice.file('plan.txt', 'the plan');
  const failure = await alice.fails('send', 'bob@post.test', 'a secret', '--sign', '--attach', attached);
  expect(failure).toContain('`postern cmtp list` sends it later');
  const waiting = await alice.ask<{ id: string }[]>('outbox');
  expect(waiting).toMatchObject([{ to: 'bob@post.test', tries: 1 }]);
  const outbox = join(alice.home, 'cmtp', 'outbox');
  for (const name of await readdir(outbox)) {
    const octets = await readFile(join(outbox, name), 'latin1');
    for (const secret of ['a secret', 'the plan', 'plan.txt']) expect(octets).not.toContain(secret);
  }

  // A second one is thrown away again; the first leaves as soon as the server is back.
  await alice.fails('send', 'bob@post.test', 'better not');
  const [, second] = await alice.ask<{ id: string }[]>('outbox');
  await alice.run('outbox', '--drop', second?.id ?? '');
  expect(await alice.fails('outbox', '--drop', second?.id ?? '')).toContain('postern cmtp outbox');
  await alice.run('key', 'show'); // which asks nothing of the server
  relay.target = office.tls;
  await alice.run('list');
  expect(await alice.ask('outbox')).toEqual([]);
  expect(await bob.ask('list')).toMatchObject([{ signed: true, attached: 1 }]);
  expect(await bob.ask('read', '1')).toMatchObject({ text: 'a secret', signature: 'good' });
});

test('a message whose SUCCESS was lost is there once, and nothing is kept of one that nobody can have', async () => {
  await using stack = new AsyncDisposableStack();
  const office = stack.use(await openCmtpOffice('post.test'));
  const bob = await office.enrol('bob');
  const alice = await office.enrol('alice');
  const relay = stack.use(await openRelay(office.plain));
  await alice.run('login', 'alice@post.test', '--server', `localhost:${relay.port}`, '--no-tls');

  expect(await alice.fails('send', 'nobody@post.test', 'x')).toContain('knows no key');
  expect(await alice.ask('outbox')).toEqual([]);

  const { success, key } = makeReplies(makeKeyPair(systemRandom));
  relay.cuts.push(success.length + 2 * key(Buffer.alloc(32)).length + 10); // within what it says to MAIL
  expect(await alice.fails('send', 'bob@post.test', 'once')).toContain('outbox');
  await alice.run('send', 'bob@post.test', 'twice'); // takes along what waits
  expect(await alice.ask('outbox')).toEqual([]);
  expect(await bob.ask('list')).toHaveLength(2);
});
