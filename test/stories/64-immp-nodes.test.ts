// At the command line: Alice publishes, Bob subscribes by a link, and decides who may push to him.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { logIn } from '../../src/immp/client/log-in.ts';
import { push } from '../../src/immp/client/push.ts';
import { ImmpSession } from '../../src/immp/client/session.ts';
import { dialPlain } from '../../src/net/dial.ts';
import type { Client } from '../support/client.ts';
import { PASSWORD } from '../support/immp.ts';
import { type ImmpOffice, openImmpOffice } from '../support/immp-office.ts';

let office: ImmpOffice;
let alice: Client;
let bob: Client;

beforeAll(async () => {
  office = await openImmpOffice('example.org');
  alice = await office.person('alice');
  bob = await office.person('bob');
});
afterAll(() => office[Symbol.asyncDispose]());

interface Row {
  readonly uuid: string;
  readonly subject: string;
  readonly from: string;
  readonly flags: readonly string[];
}

/** Looks until so many are there. */
async function rows(person: Client, count: number, ...where: string[]): Promise<Row[]> {
  for (let tries = 0; tries < 100; tries += 1) {
    const found = await person.ask<Row[]>('index', ...where);
    if (found.length >= count) return found;
  }
  throw new Error(`there are not ${count} messages`);
}

// spec: immp 1.2, 2.10
test('a node, a subscription by a link, what is published, and the end of it', async () => {
  await alice.run('node', 'create', 'alice/news@example.org', 'News of "Alice"');
  expect(await alice.run('publish', 'alice/news@example.org', 'Nobody hears this.')).toBe(
    'published to 0 subscribers\n',
  );
  const link = 'impp://alice@example.org/news?subscribe';
  expect(await bob.run('open', link, '--yes')).toMatch(
    /publisher +alice@example\.org\nnode +alice\/news@example\.org\nsubscribed to .*: News of 'Alice'\n/,
  );
  const [row] = await bob.ask<object[]>('subscriptions');
  expect(row).toMatchObject({ imid: 'alice@example.org', node: 'alice/news', title: "News of 'Alice'" });
  expect(await bob.run('subscriptions')).toMatch(
    /^UUID +IMID +node +title\n[0-9a-f-]{36} +alice@example\.org +alice\/news +News/,
  );

  expect(await alice.run('publish', 'alice/news@example.org', 'We have moved.', '--title', 'Moved')).toBe(
    'published to 1 subscriber\n',
  );
  const [pushed] = await rows(bob, 1, 'push');
  expect(pushed).toMatchObject({ subject: 'Moved' });
  expect(await bob.run('read', pushed?.uuid ?? '')).toContain('We have moved.');
  expect(await bob.ask('index')).toEqual([]);

  await bob.run('unsubscribe', 'alice/news@example.org');
  expect(await bob.run('subscriptions')).toBe('there are no subscriptions\n');
  expect(await alice.run('publish', 'alice/news@example.org', 'Gone.')).toBe('published to 0 subscribers\n');
  await alice.run('node', 'remove', 'alice/news@example.org', '--yes');
  expect(await bob.fails('subscribe', 'alice/news@example.org')).toContain('480');
});

// spec: immp 2.10 (mailing lists)
test('a list whose messages go into a folder', async () => {
  await bob.run('folders', 'create', 'inbox/Lists');
  await alice.run('node', 'create', 'alice/list@example.org', 'A list');
  await bob.run('subscribe', 'alice/list@example.org', '--folder', 'inbox/lists');
  expect(await alice.run('send', 'alice/list@example.org', 'To all.', '--subject', 'First')).toBe(
    'alice/list@example.org: published to 1 subscribers\n',
  );
  expect(await rows(bob, 1, 'inbox/lists')).toMatchObject([{ subject: 'First', from: 'alice/list@example.org' }]);
});

// spec: immp 2.10, 2.11
test('a push from a stranger waits, and one from a friend does not', async () => {
  const ask = (text: string, ...more: string[]) =>
    alice.run('push', 'bob@example.org', text, '--from', 'alice/alarms@example.org', ...more);
  expect(await ask('Is this you?', '--action', 'Confirm=https://example.org/confirm')).toContain('held');
  const [held] = await rows(bob, 1, 'push', '--filter', 'pending');
  expect(held?.flags).toEqual(['pending']);
  expect(await bob.run('read', held?.uuid ?? '')).toContain('\n\nIs this you?\nConfirm: https://example.org/confirm\n');
  await bob.run('set', 'approve+=alice/alarms@example.org');
  expect(await ask('It is.', '--importance', 'important')).toContain('delivered');
  await bob.run('set', 'block+=alice/alarms@example.org');
  expect(await alice.fails('push', 'bob@example.org', 'x', '--from', 'alice/alarms@example.org')).toContain('430');
  expect(await alice.fails('push', 'bob@example.org', 'x', '--from', 'bob/x@example.org')).toContain('403');
});

test('whoever watches is shown notifications', async () => {
  await bob.run('set', 'approve+=alice/bell@example.org');
  const watching = bob.run('watch', '--count', '1', '--json');
  let ended = false;
  void watching.finally(() => {
    ended = true;
  });
  const sending = (async () => {
    while (!ended) await ring(office);
  })();
  const [seen] = await Promise.all([watching, sending]);
  expect(JSON.parse(seen)).toMatchObject({
    event: 'push',
    path: '/push',
    title: expect.stringContaining('Door'),
    text: 'Ding',
  });
});

/** A push past the command line, which is busy. */
async function ring({ port, domain }: ImmpOffice): Promise<void> {
  const session = await ImmpSession.open(await dialPlain({ to: { host: '127.0.0.1', port } }), { domain });
  await logIn(session, { account: { local: 'alice', domain }, password: async () => PASSWORD });
  const block = { type: 'text/plain', size: 4, chunks: () => [Buffer.from('Ding')] };
  await push(session, {
    to: { local: 'bob', domain },
    from: { local: 'alice/bell', domain },
    title: 'Door',
    block,
  });
  await session.quit();
}
