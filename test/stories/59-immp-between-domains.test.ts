// Alice and Bob have accounts at two offices. Their mail crosses: directly, under no name, through an office that must not read it,
// and not at all when there is nobody, which the sender hears.

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Client } from '../support/client.ts';
import { eventually } from '../support/cmtp-office.ts';
import { type ImmpOffice, openImmpOffice } from '../support/immp-office.ts';

interface Row {
  readonly uuid: string;
  readonly from: string | null;
  readonly subject: string;
}

const believing = { cookie: { accept_tofu: true } };
let offices: readonly [here: ImmpOffice, there: ImmpOffice, between: ImmpOffice];
let hosts: string[];
let alice: Client;
let bob: Client;

beforeAll(async () => {
  offices = await Promise.all([
    openImmpOffice('here.test', believing),
    openImmpOffice('there.test', believing),
    openImmpOffice('between.test', believing),
  ]);
  hosts = offices.map(({ domain, port }) => `${domain}=127.0.0.1:${port}`);
  for (const office of offices) await office.reload({ hosts });
  alice = await offices[0].person('alice');
  bob = await offices[1].person('bob');
});
afterAll(() => Promise.all(offices.map((office) => office[Symbol.asyncDispose]())));

const arrives = (person: Client, subject: string) =>
  eventually(async () => (await person.ask<Row[]>('index')).find((row) => row.subject === subject));

// spec: immp 2.6, 2.8
test('a letter crosses, and so does the answer', async () => {
  const sent = await alice.ask('send', 'bob@there.test', 'At nine.', '--subject', 'Tonight');
  expect(sent).toMatchObject([{ to: 'bob@there.test', state: 'queued' }]);
  const row = await arrives(bob, 'Tonight');
  expect(row.from).toBe('alice@here.test');
  expect(await bob.ask('read', row.uuid)).toMatchObject({ text: 'At nine.' });
  await bob.run('send', 'alice@here.test', 'I shall be there.', '--subject', 'Re: Tonight');
  expect((await arrives(alice, 'Re: Tonight')).from).toBe('bob@there.test');
});

// spec: immp 1.1, 2.8
test('nobody learns who sent an anonymous letter, and its sender learns that there was nobody to read it', async () => {
  await alice.run('send', 'bob@there.test', 'Guess who.', '--subject', 'A friend', '--anonymous');
  const row = await arrives(bob, 'A friend');
  expect(row.from).toBeNull();
  expect(await bob.run('read', row.uuid)).not.toContain('alice');
  await alice.run('send', 'nobody@there.test', 'Hello?', '--subject', 'Anybody', '--anonymous');
  const notice = await arrives(alice, 'Not delivered: Anybody');
  expect(await alice.run('read', notice.uuid)).toContain('450 No such recipient');
});

// spec: immp 1.4, 1.9, 2.8
test('an office on the way passes on what it cannot read', async () => {
  const [here, , between] = offices;
  await here.reload({ hosts, routes: ['there.test=between.test'] });
  await between.reload({ hosts, relay_for: ['there.test'] });
  await alice.run('send', 'bob@there.test', 'Behind the mill.', '--subject', 'Elsewhere', '--secure');
  const row = await arrives(bob, 'Elsewhere');
  expect(row.from).toBe('alice@here.test');
  expect(await bob.ask('read', row.uuid)).toMatchObject({ text: 'Behind the mill.' });
  await eventually(async () => ((await between.post.store.usage()).messages === 0 ? true : undefined));
});
