// What is published, on its way: who gets it when, what is tried again, and what is kept.

import { randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import { ImmpTypist, openImmpRoom, type TestRoom } from '../../../test/support/immp.ts';
import { openTestPost, type TestPost } from '../../../test/support/post.ts';
import { DAY, MINUTE, VirtualClock } from '../../base/time.ts';
import { idOf } from '../accounts.ts';

const NODE = 'letters/weekly@b.com';

let post: TestPost;
let clock: VirtualClock;
let house: TestRoom;
let publisher: ImmpTypist;

beforeEach(async () => {
  post = await openTestPost();
  clock = new VirtualClock(Date.UTC(2026, 10, 22));
  house = await openImmpRoom(post, clock);
  await house.account('letters');
  publisher = ImmpTypist.as(house.room, 'letters');
  await publisher.ask(`PUBLISH NODE ${NODE} TITLE Weekly`);
  return () => post[Symbol.asyncDispose]();
});

async function reader(name: string, quota?: number): Promise<void> {
  await house.account(name, quota);
  const id = randomUUID();
  await house.room.push.subscriptions.begin(`${name}@b.com`, NODE, id, clock.now());
  await house.room.push.nodes.subscribe(NODE, `${name}@b.com`, id);
}

const publish = (title: string) => publisher.data(`PUBLISH TO ${NODE} TITLE "${title}" LENGTH 5`, 'Hello');
const pushesOf = async (name: string) =>
  (await post.store.messages.page(idOf(`${name}@b.com`), { folder: 'push', limit: 100 })).messages.length;

/** Does all that is due, and what comes of it. */
async function work(room = house.room): Promise<void> {
  for (let rounds = 0; rounds < 4; rounds += 1) await room.push.out.round();
}

// spec: immp 2.10
test('a reader whose mailbox is full gets it later, one who is gone is forgotten, and nobody gets it twice', async () => {
  for (let count = 0; count < 120; count += 1) await reader(`r${count}`);
  await reader('full', 10);
  await reader('gone');
  await house.room.accounts.remove('gone@b.com');
  expect(await publish('One')).toBe('284 Published to 122 subscribers');
  await work();
  expect(await house.room.push.nodes.count(NODE)).toBe(121);
  expect(await pushesOf('full')).toBe(0);
  expect(await pushesOf('r119')).toBe(1);

  await post.store.mailboxes.change(idOf('full@b.com'), { quota: { bytes: 1e6, messages: 100 } });
  await clock.advance(5 * MINUTE);
  await work();
  expect(await pushesOf('full')).toBe(1);
  for (let count = 0; count < 120; count += 1) expect(await pushesOf(`r${count}`)).toBe(1);
  expect(await post.store.queues.count('immp-push')).toBe(0);
});

// spec: immp 2.10
test('an office that stops after it was published sends it after the next start, and what it had sent is not stored again', async () => {
  for (let count = 0; count < 30; count += 1) await reader(`r${count}`);
  expect(await publish('One')).toBe('284 Published to 30 subscribers');
  const jobs = await post.store.queues.lease('immp-push', { now: clock.now(), leaseUntil: clock.now() + 1, limit: 10 });
  await clock.advance(2);
  await work();
  expect(await pushesOf('r7')).toBe(1);

  // As if it had died before it could say that this was done.
  for (const { id, body, accepted } of jobs) await post.store.queues.push('immp-push', { id, body, accepted });
  const next = await openImmpRoom(post, clock);
  await work(next.room);
  for (let count = 0; count < 30; count += 1) expect(await pushesOf(`r${count}`)).toBe(1);
});

// spec: immp 2.10
test('the newest hundred items are kept, and younger ones while they may be on their way', async () => {
  const items = async () =>
    (await post.store.mailboxes.folders(`immp-node/${NODE}`)).find(({ name }) => name === 'items')?.messages;
  for (let count = 0; count < 103; count += 1) await publish(`No. ${count}`);
  expect(await items()).toBe(103);
  publisher.hangUp();
  await clock.advance(6 * DAY);
  publisher = ImmpTypist.as(house.room, 'letters');
  await publish('The last');
  expect(await items()).toBe(100);
});

// spec: immp 2.10, 2.14
test('an owner has so many nodes and no more', async () => {
  for (let count = 1; count < 100; count += 1) await house.room.push.nodes.create(`letters/n${count}@b.com`, 'x', 1000);
  expect(await publisher.ask('PUBLISH NODE letters/more@b.com TITLE x')).toEqual(['429 Too many nodes']);
  expect(await publisher.ask(`PUBLISH NODE ${NODE} TITLE "Another title"`)).toEqual([
    '285 Node renamed, 0 subscribers',
  ]);
});
