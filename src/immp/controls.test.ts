import { beforeAll, beforeEach, expect, test } from 'vitest';
import { openImmpRoom, PASSWORD, type TestRoom } from '../../test/support/immp.ts';
import { openTestPost, type TestPost } from '../../test/support/post.ts';
import { codeOf } from '../base/errors.ts';
import { DAY, VirtualClock } from '../base/time.ts';
import { Vault } from './auth/vault.ts';
import { QUEUE, Queue } from './federation/queue.ts';

let post: TestPost;
let house: TestRoom;

beforeAll(async () => {
  post = await openTestPost();
  return () => post[Symbol.asyncDispose]();
});
beforeEach(async () => {
  for (const id of await post.store.mailboxes.list({ limit: 1000 })) await post.store.mailboxes.remove(id);
  house = await openImmpRoom(post, new VirtualClock());
});

const refused = (name: string, argument: unknown) =>
  house.ask(name, argument).then(
    () => 'no error',
    (error: unknown) => codeOf(error),
  );

test('an operator makes accounts, changes and removes them', async () => {
  expect(await house.ask('account.add', { name: 'Alice', password: PASSWORD, quota: 1000 })).toEqual({
    account: 'alice@b.com',
  });
  expect(await refused('account.add', { name: 'alice@B.COM', password: PASSWORD })).toBe('exists');
  expect(await refused('account.add', { name: 'alice@c.com', password: PASSWORD })).toBe('account');
  expect(await refused('account.add', { name: 'a b', password: PASSWORD })).toBe('account');
  await expect(house.ask('account.add', { name: 'bob', password: 'short' })).rejects.toThrow();
  await house.ask('account.passwd', { name: 'alice', password: 'another password' });
  expect(await house.room.secrets.checkPassword('alice@b.com', 'another password', house.room.settings)).toBe(true);
  expect(await house.room.secrets.checkPassword('nobody@b.com', 'another password', house.room.settings)).toBe(false);
  await house.ask('account.quota', { name: 'alice', bytes: 5000 });
  expect(await house.ask('account.list', {})).toMatchObject({
    accounts: [{ account: 'alice@b.com', quota: { bytes: 5000 }, used: { messages: 0 } }],
  });
  await house.ask('account.remove', { name: 'alice' });
  expect(await refused('account.passwd', { name: 'alice', password: PASSWORD })).toBe('no-account');
});

test('shared mailboxes and members are made in their order', async () => {
  await house.account('alice');
  expect(await refused('member.add', { group: 'desk', member: 'alice', account: 'alice' })).toBe('no-account');
  expect(await refused('member.add', { group: 'alice', member: 'x', account: 'alice' })).toBe('account');
  await house.ask('shared.add', { name: 'desk', owner: 'alice' });
  expect(await house.ask('member.add', { group: 'desk', member: 'Ali', account: 'alice' })).toMatchObject({
    mailbox: 'desk/ali@b.com',
  });
  expect(await refused('member.remove', { group: 'desk', member: 'bob' })).toBe('no-member');
  expect(await house.ask('account.list', {})).toMatchObject({
    accounts: [{ account: 'alice@b.com' }, { account: 'desk/ali@b.com' }, { members: { ali: 'alice@b.com' } }],
  });
});

test('secrets open with the key they were sealed with, for their owner alone', async () => {
  await using other = await openTestPost();
  const [vault, again] = [await Vault.open(post.folder, post.random), await Vault.open(post.folder, post.random)];
  const foreign = await Vault.open(other.folder, post.random);
  const sealed = vault.seal('alice', Buffer.from('secret'));
  expect(String(again.open('alice', sealed))).toBe('secret');
  expect(() => again.open('bob', sealed)).toThrow('does not open');
  expect(() => foreign.open('alice', sealed)).toThrow('does not open');
  expect(() => vault.open('alice', sealed.subarray(0, 20))).toThrow('does not open');
});

// spec: immp 2.10
test('nodes are listed with how many read them, and go with the account', async () => {
  await house.account('alice');
  const { nodes } = house.room.push;
  await nodes.create('alice/news@b.com', 'News', 1e6);
  await nodes.create('alice/news/old@b.com', 'Another’s', 1e6);
  await nodes.subscribe('alice/news@b.com', 'bob@c.com', '33af50bc-4841-4426-b27f-793186b52171');
  expect(await house.ask('node.list', {})).toEqual({
    nodes: [
      { node: 'alice/news/old@b.com', title: 'Another’s', subscribers: 0 },
      { node: 'alice/news@b.com', title: 'News', subscribers: 1 },
    ],
    next: undefined,
  });
  await house.ask('account.remove', { name: 'alice' });
  expect(await house.ask('node.list', {})).toMatchObject({ nodes: [{ node: 'alice/news/old@b.com' }] });
  expect(await nodes.unsubscribe('33af50bc-4841-4426-b27f-793186b52171', 'c.com')).toBe(false);
});

// spec: immp 2.8
test('what waits for other domains is counted, and nobody is named', async () => {
  expect(await house.ask('queue.list', {})).toEqual([]);
  const queue = new Queue(post);
  await queue.prepare(1e6);
  const received = '2026-11-22T08:00:00Z';
  for (const to of ['bob@c.com', 'eve@C.com', 'dave@a.com']) {
    const envelope = { uuid: '33af50bc-4841-4426-b27f-793186b52171', from: null, origin: 'b.com', to, received };
    expect(await queue.keep({ to, secure: false }, envelope, [])).toBeDefined();
  }
  expect(await house.ask('queue.list', {})).toEqual([
    { domain: 'a.com', messages: 1 },
    { domain: 'c.com', messages: 2 },
  ]);
});

test('what waits for a domain, or all of it, is made due', async () => {
  const queue = new Queue(post);
  await queue.prepare(1e6);
  const later = post.clock.now() + DAY;
  for (const to of ['bob@c.com', 'eve@C.com', 'dave@a.com']) {
    const envelope = { uuid: '33af50bc-4841-4426-b27f-793186b52171', from: null, origin: 'b.com', to, received: '' };
    const job = await queue.keep({ to, secure: false }, envelope, []);
    const body = Buffer.from('{}');
    await post.store.queues.push(QUEUE, { id: job?.message ?? '', body, accepted: 0, notBefore: later });
  }
  expect(await house.ask('queue.retry', { domain: 'C.COM' })).toEqual({ due: 2 });
  const due = await post.store.queues.lease(QUEUE, { now: post.clock.now(), leaseUntil: later, limit: 10 });
  expect(due).toHaveLength(2);
  expect(await house.ask('queue.retry', {})).toEqual({ due: 3 });
});
