// Peers who mean no good, and an office that closes.

import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ImmpTypist, openImmpRoom, type TestRoom } from '../../test/support/immp.ts';
import { openTestPost, type TestPost } from '../../test/support/post.ts';
import { MINUTE, VirtualClock } from '../base/time.ts';

let post: TestPost;
let clock: VirtualClock;
let house: TestRoom;

beforeAll(async () => {
  post = await openTestPost();
  return () => post[Symbol.asyncDispose]();
});
beforeEach(async () => {
  clock = new VirtualClock(Date.UTC(2026, 10, 22));
  for (const id of await post.store.mailboxes.list({ limit: 1000 })) await post.store.mailboxes.remove(id);
  house = await openImmpRoom(post, clock);
});
const stranger = () => new ImmpTypist(house.room, { state: 'unauthenticated' });

/** Turns the clock until the server has given the client up. */
async function forgotten(client: ImmpTypist): Promise<void> {
  let ended = false;
  void client.ended.then(() => {
    ended = true;
  });
  for (let minutes = 0; !ended && minutes < 60; minutes += 1) {
    await clock.advance(MINUTE);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(ended).toBe(true);
}

describe('a peer who means no good', () => {
  test('is not read beyond a line’s limit', async () => {
    const client = stranger();
    await client.type('x'.repeat(5000));
    expect([await client.line(), await client.line()]).toEqual(['703 Line too long', undefined]);
  });

  test('has patience only for so much nonsense', async () => {
    const client = stranger();
    const lines: (string | undefined)[] = [];
    for (let i = 0; i < 20; i += 1) lines.push((await client.ask(i % 2 ? 'HELO' : 'NOOP "'))[0]);
    expect(new Set(lines.map((line) => line?.slice(0, 3)))).toEqual(new Set(['702', '701']));
    expect([await client.line(), await client.line()]).toEqual(['711 Too many errors, closing', undefined]);
  });

  test('who floods without reading is not read either', async () => {
    await house.account('alice');
    const client = ImmpTypist.as(house.room, 'alice');
    const flood = `${Array.from({ length: 32 }, () => 'NOOP').join(';')}\n`;
    let typed = 0;
    void (async () => {
      for (;;) {
        await client.type(flood);
        typed += 1;
      }
    })().catch(() => {});
    for (let turn = 0; turn < 300; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(typed).toBeLessThan(2000);
    client.hangUp();
    await forgotten(client);
  });

  test('who sends a block too slowly, or goes away in it, leaves nothing', async () => {
    await house.account('alice');
    for (const way of ['slow', 'gone']) {
      const client = ImmpTypist.as(house.room, 'alice');
      await client.ask('DELIVER TO alice@b.com');
      await client.ask('DATA a LENGTH 100000');
      await client.type('x'.repeat(70_000));
      if (way === 'gone') client.hangUp();
      await forgotten(client);
      expect(client.session?.open).toBeUndefined();
    }
    expect((await ImmpTypist.as(house.room, 'alice').ask('MBOX CHECK /inbox'))[0]).toMatch(/t=0/);
  });

  test('who writes base64 lines without end is cut off', async () => {
    await house.account('alice');
    const client = ImmpTypist.as(house.room, 'alice');
    await client.ask('DELIVER TO alice@b.com');
    await client.ask('DATA a +BASE64');
    await client.type('A'.repeat(2000));
    expect([await client.line(), await client.line()]).toEqual(['703 Line too long', undefined]);
  });

  // spec: immp 2.7
  test('from another domain has no mailbox here', async () => {
    await house.account('alice');
    const client = new ImmpTypist(house.room, { state: 'remote', domain: 'a.com' });
    for (const line of ['MBOX CHECK /inbox', 'SET', 'SET GLOBAL', 'PUBLISH REMOVE a@b.c/d', 'SUBSCRIBE'])
      expect(await client.ask(line)).toEqual(['403 Not allowed']);
    expect(await client.ask('AUTH SECRET alice@b.com')).toEqual(['405 Not in this state']);
    expect(await client.ask('DELIVER TO alice@b.com FROM bob@b.com')).toEqual(['403 Not allowed']);
    expect(await client.ask('DELIVER TO x@c.com')).toEqual(['422 No relay, or a loop']);
    expect(await client.deliver('alice@b.com', 'x', 'FROM bob@a.com')).toMatch(/^273 /);
  });

  test('delivers so often and no more', async () => {
    const strict = await openImmpRoom(post, clock, { deliver_rate: '2/h' });
    await strict.account('alice');
    const client = ImmpTypist.as(strict.room, 'alice');
    for (const code of ['273', '273', '429'])
      expect(await client.deliver('alice@b.com', 'x')).toMatch(new RegExp(`^${code} `));
  });
});

test('an office that closes says so, and lets an upload end', async () => {
  await house.account('alice');
  const client = ImmpTypist.as(house.room, 'alice');
  await client.ask('DELIVER TO alice@b.com');
  await client.ask('DATA a LENGTH 4');
  client.session?.connection.leave();
  await client.type('text');
  expect(await client.line()).toBe('272 a Part saved');
  await client.ended;
});
