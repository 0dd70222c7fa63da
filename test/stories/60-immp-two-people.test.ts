// Alice and Bob have accounts at one office, and do at the command line what people do with mail.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeSelfSigned, makeTlsKey } from '../../src/net/tls-identity.ts';
import type { Client } from '../support/client.ts';
import { type ImmpOffice, openImmpOffice } from '../support/immp-office.ts';

interface Row {
  readonly uuid: string;
  readonly from: string | null;
  readonly to: string;
  readonly subject: string;
  readonly flags: readonly string[];
}

let office: ImmpOffice;
let alice: Client;
let bob: Client;

beforeAll(async () => {
  office = await openImmpOffice('example.org');
  alice = await office.person('alice');
  bob = await office.person('bob');
});
afterAll(() => office[Symbol.asyncDispose]());

const inbox = (person: Client, ...more: string[]) => person.ask<Row[]>('index', ...more);

// spec: immp 2.8, 2.9
test('a letter with files is written, listed, read, saved, moved, flagged and deleted', async () => {
  const map = await alice.file('map.png', Buffer.alloc(300_000, 7));
  const html = await alice.file('letter.html', '<p>At <b>nine</b>.</p>');
  const sent = await alice.ask<object[]>(
    ...['send', 'bob@example.org', 'At nine.', '--subject', 'Tonight; "perhaps"'.replaceAll('"', '')],
    ...['--attach', map, '--html', html, '--importance', 'important'],
  );
  expect(sent).toMatchObject([{ to: 'bob@example.org', from: 'alice@example.org', state: 'delivered' }]);

  const [row] = await inbox(bob);
  expect(row).toMatchObject({ from: 'alice@example.org', subject: 'Tonight; perhaps', flags: ['important'] });
  const short = row?.uuid.slice(0, 8) ?? '';
  expect(await bob.run('index')).toMatch(
    new RegExp(`${short} +\\* important +2.*alice@example.org +1 +Tonight; perhaps`),
  );
  expect(await bob.run('read', short, '--unread')).toMatch(
    /attached +map.png \(image\/png, 293.0 KiB\)\n\nAt nine.\n$/,
  );
  expect(await inbox(bob, '--unread')).toHaveLength(1);
  expect(await bob.ask('read', short)).toMatchObject({ text: 'At nine.', from: 'alice@example.org' });
  expect(await inbox(bob, '--unread')).toEqual([]);

  const to = join(bob.home, 'saved');
  expect(await bob.run('save', short, '--to', to)).toContain('map.png (293.0 KiB)');
  expect(await readFile(join(to, 'map.png'))).toEqual(Buffer.alloc(300_000, 7));
  expect(await bob.fails('save', short, '--to', to)).toContain('not overwritten');
  await bob.run('save', short, 'letter.html', '--to', to);
  await bob.run('save', short, '--mail', '--to', to);
  expect(await readFile(join(to, `${row?.uuid}.eml`), 'utf8')).toContain('Subject: Tonight; perhaps\r\n');

  await bob.run('folders', 'create', 'inbox/Love Letters');
  expect(await bob.run('move', short, 'inbox/love letters')).toBe('moved 1 message\n');
  expect(await bob.run('check')).toMatch(/\/inbox\/Love Letters +0 +1 +293/i);
  expect(await bob.fails('folders', 'remove', 'inbox/love letters')).toContain('not empty');
  expect(await bob.fails('read', short)).toContain('no message');
  expect(await bob.ask('read', row?.uuid ?? '')).toMatchObject({ text: 'At nine.' });
  await bob.run('flag', '*', '--folder', 'inbox/love letters', '--set', 'flagged', '--clear', 'read');
  expect((await inbox(bob, 'inbox/love letters', '--filter', 'flagged'))[0]?.flags).toEqual(['flagged', 'important']);
  await bob.run('copy', short, 'inbox', '--folder', 'inbox/love letters');
  expect(await bob.run('delete', short, '--folder', 'inbox/love letters')).toBe('deleted 1 message\n');
  await bob.run('folders', 'remove', 'inbox/love letters');
  expect(await bob.run('delete', '*', '--yes')).toBe('deleted 1 message\n');
  expect(await bob.run('index')).toBe('no messages in /inbox\n');
});

// spec: immp 2.8 (-FROM)
test('a letter whose sender is not named says so', async () => {
  await alice.run('send', 'bob@example.org', 'Guess who.', '--anonymous');
  const [row] = await inbox(bob);
  expect(row?.from).toBeNull();
  expect(await bob.run('read', row?.uuid ?? '')).toContain('somebody at example.org (its domain vouches)');
  await bob.run('delete', '*', '--yes');
});

// spec: immp 1.2, 2.8
test('folders that a sender aims at, several readers, an answer, a draft, links', async () => {
  await bob.run('folders', 'create', 'inbox/Lists');
  const [first] = await alice.ask<{ id: string }[]>(
    ...['send', 'bob+lists@example.org', 'alice@example.org', 'To both.', '--subject', 'Both'],
  );
  const [row] = await inbox(bob, 'inbox/lists');
  expect(row).toMatchObject({ uuid: first?.id, to: 'bob+lists@example.org' });
  const own = await alice.ask<{ 'addressed-to': string[] }>('read', first?.id ?? '');
  expect(own['addressed-to']).toEqual(['bob@example.org', 'alice@example.org']);

  await bob.run('send', 'alice@example.org', 'Yes.', '--reply-to', row?.uuid ?? '');
  const [, answer] = await inbox(alice);
  expect(await alice.ask('read', answer?.uuid ?? '')).toMatchObject({ 'in-reply-to': row?.uuid });

  const file = await alice.file('plan.png', Buffer.alloc(100_000, 3));
  const draft = ['send', 'bob+lists@example.org', 'Not yet.', '--subject', 'Later', '--attach', file, '--draft'];
  await alice.run(...draft, '--reply-to', answer?.uuid ?? '');
  const [later] = await inbox(alice, 'drafts');
  expect(later).toMatchObject({ subject: 'Later', flags: ['read'] });
  expect(await alice.run('send-draft', later?.uuid ?? '')).toBe('bob+lists@example.org: delivered\n');
  expect(await inbox(alice, 'drafts')).toEqual([]);
  const [, come] = await inbox(bob, 'inbox/lists');
  expect(come).toMatchObject({ uuid: later?.uuid, subject: 'Later', parts: [{ name: 'text' }, { length: 100_000 }] });
  expect(await bob.ask('read', come?.uuid ?? '')).toMatchObject({ text: 'Not yet.', 'in-reply-to': answer?.uuid });
  expect(await alice.fails('send-draft', later?.uuid ?? '')).toContain('404');

  const link = `impp://bob@example.org/inbox/Lists#${row?.uuid}`;
  expect(await bob.run('open', link)).toContain('To both.');
  expect(await bob.fails('open', 'impp://newsletter/updates@website.com?subscribe')).toContain('nothing was done');
  expect(await bob.fails('open', 'impp://newsletter/updates@website.com?format')).toContain('does not have');
  expect(await bob.fails('open', 'https://website.com/')).toContain('no link of IMMP');
});

// spec: immp 2.11
test('what is called spam goes into JUNK, and its sender can be blocked at once', async () => {
  const first = await bobGets('Buy!');
  expect(await bob.run('flag', first, '--set', 'spam')).toBe(
    'changed 1 message\nto take nothing more from there: postern immp set block+=alice@example.org\n',
  );
  expect((await bob.ask<Row[]>('index', 'junk')).map(({ subject }) => subject)).toContain('Buy!');
  const again = await bobGets('Buy now!');
  expect(await bob.ask('flag', again, '--set', 'spam', '--block')).toEqual({
    changed: 1,
    senders: ['alice@example.org'],
    blocked: ['alice@example.org'],
  });
  expect(await alice.fails('send', 'bob@example.org', 'Buy, I said!')).toContain('430');
  await bob.run('set', 'block-=alice@example.org');
  await bob.run('send', 'bob@example.org', 'Do not forget.', '--subject', 'Note');
  const note = (await inbox(bob)).find(({ subject }) => subject === 'Note');
  expect(await bob.ask('flag', note?.uuid ?? '', '--set', 'spam', '--block')).toMatchObject({ senders: [] });
  expect(await bob.fails('flag', again, '--set', 'raed')).toContain('did you mean read?');
  expect(await bob.fails('flag', again, '--set', 'read', '--block')).toContain('goes with --set spam');
});

async function bobGets(subject: string): Promise<string> {
  await alice.run('send', 'bob@example.org', 'A bargain.', '--subject', subject);
  const row = (await inbox(bob)).find((each) => each.subject === subject);
  return row?.uuid ?? '';
}

test('a copy of what was sent can be kept', async () => {
  await alice.run('send', 'bob@example.org', 'For the record.', '--subject', 'Contract', '--keep');
  const [row] = await alice.ask<Row[]>('index', 'sent');
  expect(row).toMatchObject({ subject: 'Contract', flags: ['read'] });
  expect(await alice.run('read', row?.uuid ?? '')).toMatch(
    /written to +bob@example.org\n(?:.*\n)*\nFor the record\.\n$/,
  );
});

// spec: immp 2.11
test('settings, a new password, a server that shows another key', async () => {
  expect(await alice.ask('set', 'title=Alice; of "nowhere"'.replaceAll('"', "'"))).toEqual({
    TITLE: "Alice; of 'nowhere'",
  });
  expect(await alice.ask('set', 'block+=@spam.example')).toEqual({ BLOCK: '@spam.example' });
  expect(await alice.ask('set', 'block-=@spam.example')).toEqual({ BLOCK: '' });
  expect(Object.keys(await alice.ask<object>('set'))).toEqual(
    expect.arrayContaining(['TITLE', 'FORWARD', 'BLOCK', 'APPROVE', 'PUBKEY', 'QUOTA', 'USED']),
  );
  expect(await alice.fails('set', 'nothing=1')).toContain('404');

  process.env['POSTERN_NEW_PASSWORD'] = 'quite another one';
  await alice.run('password');
  await alice.run('check');
  expect(await alice.fails('login', 'alice@example.org', ...office.at)).toContain('is it the right one');

  const [met] = await bob.ask<{ domain: string; key: string }[]>('servers', 'list');
  expect(met?.domain).toBe('example.org');
  await using other = await openImmpOffice('example.org');
  const moved = await bob.fails('login', 'bob@example.org', ...other.at);
  expect(moved).toContain('shows another key');
  expect(moved).toContain('postern immp servers forget example.org');
  await bob.run('servers', 'forget', 'example.org');
  await bob.run('check');
  await bob.run('logout', 'bob@example.org');
  expect(await bob.fails('check')).toContain('log in first');
});

// spec: immp 2.4
test("a planned change of the server's key needs nobody", async () => {
  await using there = await openImmpOffice('example.net');
  const carol = await there.person('carol');
  const [now, next] = await Promise.all([1, 2].map(() => makeSelfSigned('example.net', makeTlsKey(), Date.now())));
  if (now === undefined || next === undefined) throw new Error('no keys');
  await there.show({ ...there.identity, next: next.serverKey });
  await carol.run('check');
  await there.show(next);
  await carol.run('check');
  expect(await carol.ask('servers', 'list')).toEqual([{ domain: 'example.net', key: next.serverKey.toString('hex') }]);
  // One that was not announced, or whose announcement was taken back, is another's.
  await there.show(now);
  expect(await carol.fails('check')).toContain('shows another key');
  await there.show({ ...next, next: now.serverKey });
  await carol.run('check');
  await there.show(next);
  await carol.run('check');
  await there.show(now);
  expect(await carol.fails('check')).toContain('shows another key');
});
