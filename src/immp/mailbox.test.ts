// Mailboxes as their users see them, and what they set.

import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ImmpTypist, openImmpRoom, type TestRoom } from '../../test/support/immp.ts';
import { openTestPost, type TestPost } from '../../test/support/post.ts';
import { MINUTE, VirtualClock } from '../base/time.ts';

const UUID = '33af50bc-4841-4426-b27f-793186b52171';
const ANY_UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';

let post: TestPost;
let clock: VirtualClock;
let house: TestRoom;
let alice: ImmpTypist;

beforeAll(async () => {
  post = await openTestPost();
  return () => post[Symbol.asyncDispose]();
});
beforeEach(async () => {
  clock = new VirtualClock(Date.UTC(2026, 10, 22));
  for (const id of await post.store.mailboxes.list({ limit: 1000 })) await post.store.mailboxes.remove(id);
  house = await openImmpRoom(post, clock);
  await house.account('alice');
  await house.account('bob');
  alice = ImmpTypist.as(house.room, 'alice');
});
const open = (name: string) => ImmpTypist.as(house.room, name);

describe('a mailbox', () => {
  // spec: immp 2.9
  test('tells how much lies in it', async () => {
    await open('bob').ask('MBOX CREATE "/inbox/My Lists"');
    for (const to of ['bob@b.com', 'bob@b.com']) await alice.deliver(to, 'x');
    const bob = open('bob');
    expect(await bob.ask('MBOX CHECK /inbox:* +RECURSIVE')).toEqual([
      expect.stringMatching(/^240- \/inbox:\* u=2 t=2 s=\d+ q=\d+$/),
      expect.stringMatching(/^240 "\/inbox\/My Lists:\*" u=0 t=0 s=0 q=\d+$/),
    ]);
    expect((await bob.ask('MBOX CHECK :inbox'))[0]).toMatch(/^240 :inbox::\* u=2 t=2 /);
    expect((await bob.ask('MBOX CHECK bob@b.com/INBOX::*'))[0]).toMatch(/^240 bob@b\.com\/INBOX::\* u=2 t=2 /);
    expect((await bob.ask('MBOX CHECK /'))[0]).toMatch(/^240 \/::\* u=2 t=2 /);
    expect((await bob.ask('MBOX CHECK / +RECURSIVE')).length).toBe(6);
    expect(await bob.ask('MBOX CHECK /nowhere')).toEqual(['440 No such folder']);
    expect(await bob.ask('MBOX CHECK /inbox LIMIT 3')).toEqual(['406 Bad parameter or switch']);
  });

  // spec: immp 2.9
  test('is listed in pages from its newest end, and by filter', async () => {
    for (let i = 0; i < 5; i += 1) await alice.deliver('bob@b.com', 'x', `SUBJECT "no. ${i}"`);
    const bob = open('bob');
    const subjects = async (rest: string) => (await bob.json(`MBOX INDEX ${rest} +JSON`)).map(({ subject }) => subject);
    expect(await subjects('/inbox')).toEqual(['no. 0', 'no. 1', 'no. 2', 'no. 3', 'no. 4']);
    expect(await subjects('/inbox LIMIT 2')).toEqual(['no. 3', 'no. 4']);
    expect(await subjects('/inbox LIMIT 2 OFFSET 2')).toEqual(['no. 1', 'no. 2']);
    expect(await subjects('/inbox OFFSET 9')).toEqual([]);
    const [first] = await bob.json('MBOX INDEX /inbox LIMIT 1 OFFSET 4 +JSON');
    await bob.ask(`MBOX FLAG /inbox#${first?.['uuid']} SET read,flagged`);
    expect(await subjects('/inbox::unread')).toEqual(['no. 1', 'no. 2', 'no. 3', 'no. 4']);
    expect(await subjects('/inbox:read')).toEqual(['no. 0']);
    expect(await subjects('/inbox::flagged')).toEqual(['no. 0']);
    expect(await subjects(`/inbox::since-${first?.['q']}`)).toHaveLength(5);
    expect(await subjects(`/inbox::since-99999999999999999999`)).toEqual([]);
    const plain = await bob.ask('MBOX INDEX /inbox LIMIT 1');
    expect(plain[0]).toMatch(new RegExp(`^253 ${ANY_UUID} - \\d+ 2026-11-22T00:00:00Z alice@b\\.com "no\\. 4"$`));
    expect(plain[1]).toBe('252 1 messages');
    expect(await bob.ask('MBOX INDEX /sent')).toEqual(['252 0 messages']);
    expect(await bob.ask('MBOX INDEX /sent +JSON')).toEqual(['250 ']);
  });

  // spec: immp 2.9
  test('gives messages out and marks them as read, unless it is told not to', async () => {
    await alice.deliver('bob@b.com', 'Grüße', `SUBJECT "Über" ID ${UUID}`);
    const bob = open('bob');
    const flags = async () => (await bob.json('MBOX INDEX /inbox +JSON'))[0]?.['flags'];
    await bob.json(`FETCH /inbox#${UUID} +JSON -READ`);
    expect(await flags()).toEqual([]);
    const lines = await bob.ask(`FETCH /inbox#${UUID} +JSON +PRETTY +HEADERS`);
    const pretty = lines.slice(0, -1).map((line) => line.slice('250- '.length));
    expect(JSON.parse(pretty.join('\n'))).toMatchObject({ envelope: { subject: 'Über' }, parts: [{ data: null }] });
    expect(await flags()).toEqual(['read']);
    const [mime] = await bob.raw(`FETCH /inbox#${UUID}`);
    expect(String(mime)).toContain('Subject: =?utf-8?B?w5xiZXI=?=\r\n');
    expect(String(mime)).toContain(Buffer.from('Grüße').toString('base64'));
    expect(await bob.ask(`FETCH /inbox#${UUID} PART 9`)).toEqual(['404 Not found']);
    expect(await bob.ask('FETCH /inbox#00000000-0000-0000-0000-000000000000')).toEqual(['404 Not found']);
    expect(await bob.ask('FETCH /inbox PART 1')).toEqual(['406 Bad parameter or switch']);
  });

  // spec: immp 2.9
  test('is put in order: folders, moves, copies, flags, deletions', async () => {
    await alice.deliver('bob@b.com', 'x', `ID ${UUID}`);
    const bob = open('bob');
    const ask = async (line: string) => (await bob.ask(line))[0];
    expect(await ask('MBOX CREATE /Keep/Safe')).toBe('241 1 created');
    expect(await ask('MBOX CREATE /keep')).toBe('409 Exists already');
    expect(await ask('MBOX CREATE /push/x')).toBe('403 Not allowed');
    expect(await ask('MBOX CREATE /..')).toBe('406 Bad parameter or switch');
    expect(await ask(`MBOX COPY /inbox#${UUID} TO /keep/safe`)).toBe('241 1 copied');
    expect(await ask('MBOX COPY /inbox TO /inbox')).toBe('241 1 copied');
    expect(await ask('MBOX DELETE /inbox')).toBe('241 2 deleted');
    expect(await ask('MBOX COPY /keep/safe TO /inbox')).toBe('241 1 copied');
    expect(await ask(`MBOX MOVE /inbox TO /keep`)).toBe('241 1 moved');
    expect(await bob.json(`MBOX INDEX /#${UUID} +JSON`)).toHaveLength(2);
    expect(await ask(`MBOX FLAG /keep#${UUID} SET answered CLEAR read`)).toBe('241 1 flagged');
    expect(await ask(`MBOX FLAG /keep SET nonsense`)).toBe('406 Bad parameter or switch');
    expect(await ask('MBOX REMOVE /keep')).toMatch(/^403 /);
    expect(await ask('MBOX REMOVE /inbox')).toMatch(/^403 /);
    expect(await ask(`MBOX FLAG /keep#${UUID} SET spam`)).toBe('241 1 flagged');
    expect(await ask('MBOX DELETE /junk')).toBe('241 1 deleted');
    expect(await ask(`MBOX DELETE /keep/safe#${UUID}`)).toBe('241 1 deleted');
    expect(await ask('MBOX REMOVE /keep/safe')).toBe('241 1 removed');
    expect(await ask('MBOX REMOVE /keep')).toBe('241 1 removed');
    expect(await ask('MBOX MOVE /inbox TO /keep')).toBe('440 No such folder');
  });

  test('takes a draft', async () => {
    expect(await alice.ask('MBOX STORE /drafts')).toEqual(['270 Ok, ready to store. Give me your DATA.']);
    await alice.data('DATA text LENGTH 5 +CONTENT', 'hello');
    expect((await alice.ask('DONE'))[0]).toMatch(new RegExp(`^241 1 stored ${ANY_UUID}$`));
    expect(await alice.json('MBOX INDEX /drafts +JSON')).toMatchObject([{ from: 'alice@b.com', flags: ['read'] }]);
  });

  // spec: immp 2.9
  test('that is watched tells of each change until UNWATCH', async () => {
    const bob = open('bob');
    await bob.ask('MBOX CREATE /Other');
    await bob.type('AS w1 MBOX WATCH /inbox,/other\n');
    expect(await bob.line()).toBe('w1: 250- {"event":"watching"}');
    await alice.deliver('bob@b.com', 'x', `ID ${UUID}`);
    const event = async () => JSON.parse((await bob.line())?.replace('w1: 250- ', '') ?? '');
    expect(await event()).toEqual({ event: 'new', path: '/inbox', uuid: UUID, q: expect.any(Number) });
    const other = open('bob');
    await other.ask(`MBOX FLAG /inbox SET read`);
    expect(await event()).toMatchObject({ event: 'flags', path: '/inbox', uuid: UUID, flags: ['read'] });
    await other.ask(`MBOX MOVE /inbox TO /other`);
    expect(await event()).toMatchObject({ path: '/other', uuid: UUID });
    await other.ask(`MBOX DELETE /other`);
    expect(await event()).toMatchObject({ event: 'gone', path: '/other', uuid: UUID });
    await bob.type('MBOX UNWATCH w1\n');
    expect([await bob.line(), await bob.line()].sort()).toEqual(['200 Ok', 'w1: 250 ']);
    expect(await bob.ask('MBOX UNWATCH w1')).toEqual(['404 Not found']);
    expect(await bob.ask('MBOX WATCH /inbox')).toEqual(['406 Bad parameter or switch']);
  });

  // spec: immp 2.9
  test('that is shared is its members’ alone, and strangers cannot tell it from none', async () => {
    await house.account('carol');
    await house.ask('shared.add', { name: 'helpdesk', owner: 'alice' });
    await house.ask('member.add', { group: 'helpdesk', member: 'bob', account: 'bob' });
    const bob = open('bob');
    await alice.deliver('helpdesk@b.com', 'x');
    await alice.deliver('helpdesk/bob@b.com', 'x');
    await alice.deliver('helpdesk/nobody@b.com', 'x');
    expect(await bob.json('MBOX INDEX helpdesk@b.com/inbox +JSON')).toHaveLength(2);
    expect(await bob.json('MBOX INDEX helpdesk/bob@b.com/inbox +JSON')).toHaveLength(1);
    expect(await bob.deliver('alice@b.com', 'x', 'FROM helpdesk@b.com')).toMatch(/^273 /);
    const carol = open('carol');
    expect(await carol.ask('MBOX CHECK helpdesk@b.com/inbox')).toEqual(['403 Not allowed']);
    expect(await carol.ask('MBOX CHECK nothing@b.com/inbox')).toEqual(['403 Not allowed']);
    expect(await carol.ask('DELIVER TO alice@b.com FROM helpdesk@b.com')).toEqual(['403 Not allowed']);
    await house.ask('member.remove', { group: 'helpdesk', member: 'bob' });
    expect(await bob.ask('MBOX CHECK helpdesk@b.com/inbox')).toEqual(['403 Not allowed']);
  });

  // spec: immp 2.9
  test('that an account is linked to is used like its own', async () => {
    await house.ask('account.link', { name: 'alice', mailbox: 'bob' });
    expect((await alice.ask('MBOX CHECK bob@b.com/inbox'))[0]).toMatch(/^240 /);
    expect(await alice.deliver('alice@b.com', 'x', 'FROM bob@b.com')).toMatch(/^273 /);
    await house.ask('account.unlink', { name: 'alice', mailbox: 'bob' });
    expect(await alice.ask('MBOX CHECK bob@b.com/inbox')).toEqual(['403 Not allowed']);
  });
});

// spec: immp 2.11
test('settings are shown and set, for the connection and for the account', async () => {
  expect(await alice.ask('SET')).toEqual(['260- COMPRESSION=NONE', '260 INLINE=65536']);
  expect(await alice.ask('SET COMPRESSION')).toEqual(['260- COMPRESSION=NONE', '260 NONE GZIP']);
  expect(await alice.ask('SET inline=100')).toEqual(['260 INLINE=100']);
  for (const line of ['SET COMPRESSION=XZIP', 'SET INLINE=9999999', 'SET INLINE+=1'])
    expect(await alice.ask(line)).toEqual(['406 Bad parameter or switch']);
  expect(await alice.ask('SET NOTHING=1')).toEqual(['404 Not found']);
  expect(await alice.ask('SET GLOBAL TITLE="Alice; of B"')).toEqual(['260 TITLE=Alice; of B']);
  expect(await alice.ask('SET GLOBAL QUOTA=9')).toEqual(['403 Not allowed']);
  expect(await alice.ask('SET GLOBAL')).toEqual([
    '260- TITLE=Alice; of B',
    '260- FORWARD=',
    '260- BLOCK=',
    '260- APPROVE=',
    '260- POSTERS=',
    '260- PUBKEY=',
    '260- SHOW=',
    '260- QUOTA=100000000',
    '260 USED=0',
  ]);
  await clock.advance(6 * MINUTE);
  expect(await alice.ask(`SET GLOBAL SECRET=scrypt:16384:8:1:${'0'.repeat(32)}:${'0'.repeat(64)}`)).toEqual([
    '403 Not allowed',
  ]);
});
