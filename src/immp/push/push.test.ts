// Who may push to whom, what is held, and what the mailbox shows of it.

import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ImmpTypist, openImmpRoom, type TestRoom } from '../../../test/support/immp.ts';
import { openTestPost, type TestPost } from '../../../test/support/post.ts';
import { DAY, VirtualClock } from '../../base/time.ts';

const ID = '33af50bc-4841-4426-b27f-793186b52171';
const OTHER_ID = '44af50bc-4841-4426-b27f-793186b52171';
const NODE = 'newsletter/updates@website.com';

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

const website = () => new ImmpTypist(house.room, { state: 'remote', domain: 'website.com' });
const stranger = () => new ImmpTypist(house.room, { state: 'unauthenticated' });
const held = () => alice.json('MBOX INDEX /push::pending +JSON');

/** Pushes a text, and gives the last line of the answer. */
async function push(who: ImmpTypist, line: string, text = 'News.'): Promise<string | undefined> {
  return who.data(`PUSH ${line} LENGTH ${Buffer.byteLength(text)}`, text);
}

/** As if alice had subscribed there, and the publisher had said so. */
async function subscribed(node = NODE, id = ID): Promise<void> {
  await house.room.push.subscriptions.begin('alice@b.com', node, id, clock.now());
  await house.room.push.subscriptions.confirm('alice@b.com', id, 'News');
}

describe('a push', () => {
  // spec: immp 2.10
  test('for a live subscription is taken from anybody, and never lies in the inbox', async () => {
    await subscribed();
    expect(await push(stranger(), `TO alice@b.com FROM newsletter@website.com/updates ID ${ID} +IMPORTANT`)).toMatch(
      /^275 [0-9a-f-]{36} Push delivered$/,
    );
    expect(await push(website(), `TO alice@b.com FROM ${NODE} ID ${ID} TITLE "No. 2"`)).toMatch(/^275 /);
    expect(await alice.json('MBOX INDEX /inbox +JSON')).toEqual([]);
    expect(await alice.json('MBOX INDEX /push +JSON')).toMatchObject([
      { from: 'newsletter@website.com/updates', flags: ['important'], origin: 'website.com' },
      { from: NODE, subject: 'No. 2', flags: [] },
    ]);
  });

  // spec: immp 2.10
  test.each([
    ['without a subscription', `TO alice@b.com FROM ${NODE}`],
    ['with a guessed one', `TO alice@b.com FROM ${NODE} ID ${OTHER_ID}`],
    ['with that of another node', `TO alice@b.com FROM newsletter/other@website.com ID ${ID}`],
    ['with that of another user', `TO bob@b.com FROM ${NODE} ID ${ID}`],
    ['to nobody', `TO nobody@b.com FROM ${NODE} ID ${ID}`],
    ['to another domain', `TO alice@c.com FROM ${NODE} ID ${ID}`],
  ])('of a stranger %s is refused in the same words, and he is shown the door', async (_what, line) => {
    await subscribed();
    const client = stranger();
    const words = '431 A push needs a subscription or authentication';
    expect(await push(client, line)).toBe(words);
    expect(await push(client, line)).toBe(words);
    expect(await push(client, line)).toBe('711 Too many errors, closing');
    expect(await client.line()).toBeUndefined();
    expect(await alice.json('MBOX INDEX /push +JSON')).toEqual([]);
  });

  // spec: immp 2.10
  test('for a subscription that ended is told so', async () => {
    await subscribed();
    await house.room.push.subscriptions.end('alice@b.com', NODE);
    expect(await push(stranger(), `TO alice@b.com FROM ${NODE} ID ${ID}`)).toBe('481 Not subscribed');
    expect(await push(website(), `TO alice@b.com FROM ${NODE} ID ${ID}`)).toBe('481 Not subscribed');
    expect(await push(website(), `TO alice@b.com FROM ${NODE} ID ${OTHER_ID}`)).toBe('481 Not subscribed');
  });

  // spec: immp 2.7, 2.10
  test('is taken from approved sources, and waits when it comes from others', async () => {
    expect(await push(website(), `TO alice@b.com FROM ${NODE} TITLE Confirm`)).toMatch(
      /^276 \S+ Push held for approval$/,
    );
    expect(await held()).toMatchObject([{ from: NODE, subject: 'Confirm', flags: ['pending'] }]);
    expect(await alice.ask('SET GLOBAL APPROVE+=newsletter@website.com')).toEqual([
      '260 APPROVE=newsletter@website.com',
    ]);
    expect(await held()).toEqual([]); // it was let out
    expect(await push(website(), `TO alice@b.com FROM ${NODE}`)).toMatch(/^275 /);
    expect(await push(website(), 'TO alice@b.com FROM shop/sale@website.com')).toMatch(/^276 /);
    await alice.ask('SET GLOBAL APPROVE+=@website.com');
    expect(await push(website(), 'TO alice@b.com FROM shop/sale@website.com')).toMatch(/^275 /);
    expect(await alice.json('MBOX INDEX /push +JSON')).toHaveLength(4);
  });

  // spec: immp 2.10
  test('waits in small numbers: five of a source in a day, fifty in all', async () => {
    const line = (name: string) => `TO alice@b.com FROM ${name}/x@website.com`;
    for (let count = 0; count < 5; count += 1) expect(await push(website(), line(`n${count}`))).toMatch(/^276 /);
    expect(await push(website(), line('n5'))).toMatch(/^429 /);
    for (let count = 5; count < 50; count += 1) {
      const other = new ImmpTypist(house.room, { state: 'remote', domain: `d${count}.com` });
      expect(await push(other, `TO alice@b.com FROM a/x@d${count}.com`)).toMatch(/^276 /);
    }
    const late = new ImmpTypist(house.room, { state: 'remote', domain: 'late.com' });
    expect(await push(late, 'TO alice@b.com FROM a/x@late.com')).toMatch(/^429 /);
    expect(await held()).toHaveLength(50);
    await alice.ask('MBOX DELETE /push::pending');
    expect(await push(late, 'TO alice@b.com FROM a/x@late.com')).toMatch(/^276 /);
    expect(await push(website(), line('n6'))).toMatch(/^429 /);
    await clock.advance(DAY + 1);
    expect(await push(website(), line('n6'))).toMatch(/^276 /);
  });

  // spec: immp 2.10, 2.11
  test('is refused from who is blocked, subscribed or not', async () => {
    await subscribed();
    await alice.ask(`SET GLOBAL BLOCK+=newsletter@website.com/updates`);
    expect(await push(website(), `TO alice@b.com FROM ${NODE} ID ${ID}`)).toBe('430 Blocked');
    expect(await push(website(), `TO alice@b.com FROM ${NODE}`)).toBe('430 Blocked');
    expect(await push(website(), 'TO alice@b.com FROM newsletter/other@website.com')).toMatch(/^276 /);
  });

  // spec: immp 2.6, 2.10
  test('names a node of the sender’s own', async () => {
    expect(await push(website(), 'TO alice@b.com FROM a/x@elsewhere.com')).toBe('403 Not allowed');
    const bob = ImmpTypist.as(house.room, 'bob');
    expect(await push(bob, 'TO alice@b.com FROM alice/x@b.com')).toBe('403 Not allowed');
    expect(await push(bob, 'TO alice@b.com FROM bob/alarms@b.com')).toMatch(/^276 /);
    expect(await push(bob, 'TO bob@b.com FROM bob@b.com')).toMatch(/^275 /);
    expect(await push(bob, 'TO nobody@b.com FROM bob/alarms@b.com')).toBe('450 No such recipient');
    expect(await push(website(), `TO alice@elsewhere.com FROM ${NODE}`)).toMatch(/^422 /);
  });

  // spec: immp 2.8, 2.10
  test.each([
    ['LENGTH 65537', '413 Too large'],
    ['TYPE text/html LENGTH 5', '406 Bad parameter or switch: that is no type of a push'],
    ['TYPE application/vnd.immp.action+json', '406 Bad parameter or switch'],
    ['LENGTH 5 +CONTENT', '406 Bad parameter or switch'],
    ['LENGTH 5 +IMPORTANT -IMPORTANT', '406 Bad parameter or switch'],
  ])('with %s is refused before its block: %s', async (more, answer) => {
    expect(await website().ask(`PUSH TO alice@b.com FROM ${NODE} ${more}`)).toEqual([answer]);
  });

  // spec: immp 2.10
  test('is what its type says', async () => {
    const line = `PUSH TO alice@b.com FROM ${NODE} TYPE application/vnd.immp.action+json +BASE64`;
    const block = (value: unknown) => `${Buffer.from(JSON.stringify(value)).toString('base64')}\n\n\n`;
    const confirm = { text: 'Is it you?', actions: [{ label: 'Confirm', url: 'https://website.com/c?x=1' }] };
    await alice.ask('SET GLOBAL APPROVE+=@website.com');
    expect(await website().data(line, block(confirm))).toMatch(/^275 /);
    expect(await website().data(line, block({ ...confirm, text: 1 }))).toBe('471 Bad data block');
    expect(await website().data(line, block({ text: '', actions: [{ label: 'x', url: 'javascript:1' }] }))).toMatch(
      /^471/,
    );
    const text = `PUSH TO alice@b.com FROM ${NODE} TYPE text/plain`;
    expect(await website().data(`${text} LENGTH 1`, Buffer.from([0xff]))).toBe('471 Bad data block');
    expect(
      await website().data(
        `${text} +BASE64`,
        `${Buffer.alloc(70_000, 65).toString('base64').replace(/.{76}/g, '$&\n')}\n\n\n`,
      ),
    ).toBe('413 Too large');
    expect(
      await website().data(
        `PUSH TO alice@b.com FROM newsletter@website.com/updates +IMPORTANT`,
        'As the draft has it.\n\n\n',
      ),
    ).toMatch(/^275 /);
  });

  // spec: immp 2.10
  test('whose block is named by a UUID is stored once', async () => {
    await subscribed();
    const line = `TO alice@b.com FROM ${NODE} ID ${ID} NAME ${OTHER_ID}`;
    for (let times = 0; times < 3; times += 1) {
      expect(await push(stranger(), line)).toBe(`275 ${OTHER_ID} Push delivered`);
    }
    expect(await alice.json('MBOX INDEX /push +JSON')).toHaveLength(1);
  });

  // spec: immp 2.9
  test('reaches whoever watches, with all that he is to see', async () => {
    await alice.type('AS w1 MBOX WATCH /push\n');
    expect(await alice.line()).toBe('w1: 250- {"event":"watching"}');
    await push(website(), `TO alice@b.com FROM ${NODE} TITLE "Your account"`, 'Is it you?');
    const line = (await alice.line()) ?? '';
    expect(JSON.parse(line.replace('w1: 250- ', ''))).toMatchObject({
      event: 'push',
      path: '/push',
      from: NODE,
      title: 'Your account',
      text: 'Is it you?',
      type: 'text/plain',
      pending: true,
    });
  });
});
