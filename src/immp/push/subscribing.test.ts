// Nodes, who is subscribed to them, and what reaches whom: in one domain and across domains.

import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { ImmpTypist } from '../../../test/support/immp.ts';
import { type ImmpDomain, openImmpDomains } from '../../../test/support/immp-domains.ts';
import { refused } from '../client/errors.ts';
import { isRefusal } from '../client/exchange.ts';
import type { FarServers } from '../federation/far-servers.ts';
import { writeCommand } from '../wire/command.ts';
import type { Command } from '../wire/forms.ts';
import { parseReply } from '../wire/reply.ts';

const ID = '33af50bc-4841-4426-b27f-793186b52171';
const NODE = 'newsletter/updates@website.test';
const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

let stack: AsyncDisposableStack;
let website: ImmpDomain;
let home: ImmpDomain;
let publisher: ImmpTypist;
let alice: ImmpTypist;

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  [website, home] = await openImmpDomains(stack, ['website.test', 'home.test']);
  for (const name of ['newsletter', 'carol']) await website.account(name);
  for (const name of ['alice', 'bob']) await home.account(name);
  publisher = website.as('newsletter');
  alice = home.as('alice');
  await publisher.ask(`PUBLISH NODE ${NODE} TITLE "Updates from Website"`);
  return () => stack.disposeAsync();
});

async function publish(text: string, more = ''): Promise<string | undefined> {
  return publisher.data(`PUBLISH TO ${NODE} LENGTH ${Buffer.byteLength(text)} ${more}`.trimEnd(), text);
}

/** The subjects or texts that lie in a folder, once there are so many. */
async function arrived(domain: ImmpDomain, name: string, count: number, folder = 'push') {
  return expect.poll(() => domain.index(name, folder), { timeout: 15_000 }).toHaveLength(count);
}

describe('a node', () => {
  // spec: immp 2.10
  test('is its owner’s to make, to name and to remove', async () => {
    const other = 'newsletter@website.test/other';
    expect(await publisher.ask(`PUBLISH TO ${other} LENGTH 1`)).toEqual(['480 No such node']);
    expect(await publisher.ask(`PUBLISH NODE ${other} TITLE x`)).toEqual(['285 Node created']);
    expect(await publisher.ask(`PUBLISH NODE newsletter/other@website.test TITLE y`)).toEqual([
      '285 Node renamed, 0 subscribers',
    ]);
    expect(await website.as('carol').ask(`PUBLISH NODE ${other} TITLE z`)).toEqual(['403 Not allowed']);
    expect(await website.as('carol').ask(`PUBLISH REMOVE ${other}`)).toEqual(['403 Not allowed']);
    expect(await publisher.ask('PUBLISH NODE newsletter@website.test TITLE z')).toEqual(['403 Not allowed']);
    expect(await publisher.ask('PUBLISH NODE newsletter/x@home.test TITLE z')).toEqual(['403 Not allowed']);
    expect(await publisher.ask(`PUBLISH REMOVE ${other}`)).toEqual(['200 Node removed']);
    expect(await publisher.ask(`PUBLISH REMOVE ${other}`)).toEqual(['480 No such node']);
    expect(await publisher.data('PUBLISH TO newsletter/new@website.test +CREATE LENGTH 1', 'x')).toBe(
      '284 Published to 0 subscribers',
    );
  });

  // spec: immp 2.10
  test('is subscribed to from another domain, in the words of the draft', async () => {
    expect(await alice.ask(`SUBSCRIBE TO ${NODE}`)).toEqual([
      '380 Subscribing to publisher',
      '280 Subscribed to: Updates from Website',
    ]);
    const [line, end] = await alice.ask('SUBSCRIBE LIST');
    expect(line).toMatch(new RegExp(`^281 ${UUID.source} newsletter/updates$`));
    expect(end).toBe('282 1 subscriptions.');
    const id = UUID.exec(line ?? '')?.[0];
    expect(await alice.ask('SUBSCRIBE LIST +FULL')).toEqual([`281 ${id} ${NODE} "Updates from Website"`, end]);

    // Again, in the other spelling: the same subscription.
    expect((await alice.ask('SUBSCRIBE TO newsletter@website.test/updates')).at(-1)).toMatch(/^280 /);
    expect(await alice.ask('SUBSCRIBE')).toEqual([line, end]);
    expect(await website.room.push.nodes.count(NODE)).toBe(1);

    expect(await publish('News.', 'TITLE "No. 1" +IMPORTANT')).toBe('284 Published to 1 subscribers');
    await arrived(home, 'alice', 1);
    const [entry] = await home.index('alice', 'push');
    expect(entry).toMatchObject({ from: NODE, subject: 'No. 1', flags: ['important'], origin: 'website.test' });
    expect(await home.index('alice')).toEqual([]);

    expect(await alice.ask(`UNSUBSCRIBE ${id}`)).toEqual(['283 Unsubscribed']);
    expect(await alice.ask(`UNSUBSCRIBE ${id}`)).toEqual(['481 Not subscribed']);
    await expect.poll(() => website.room.push.nodes.count(NODE), { timeout: 15_000 }).toBe(0);
    expect(await publish('More news.')).toBe('284 Published to 0 subscribers');
  });

  // spec: immp 2.10
  test('refuses whom its owner has blocked, and is not there where it is not', async () => {
    await publisher.ask('SET GLOBAL BLOCK+=@home.test');
    expect((await alice.ask(`SUBSCRIBE TO ${NODE}`)).at(-1)).toBe('430 Blocked');
    expect((await alice.ask('SUBSCRIBE TO newsletter/none@website.test')).at(-1)).toBe('480 No such node');
    expect((await alice.ask('SUBSCRIBE TO newsletter@website.test')).at(-1)).toBe('480 No such node');
    expect((await alice.ask('SUBSCRIBE TO alice/x@home.test')).at(-1)).toBe('480 No such node');
    await website.leave();
    expect((await alice.ask(`SUBSCRIBE TO ${NODE}`)).at(-1)).toBe('451 Temporary failure');
    expect(await alice.ask('SUBSCRIBE LIST')).toEqual(['282 0 subscriptions.']);
  });

  // spec: immp 2.7, 2.10
  test('takes from another domain only its own users', async () => {
    const peer = website.asDomain('home.test');
    expect(await peer.ask(`SUBSCRIBE TO ${NODE}`)).toEqual(['406 Bad parameter or switch']);
    expect(await peer.ask(`SUBSCRIBE TO ${NODE} FOR eve@evil.test ID ${ID}`)).toEqual(['403 Not allowed']);
    expect(await peer.ask(`SUBSCRIBE TO ${NODE} FOR alice@home.test ID ${ID}`)).toEqual([
      '280 Subscribed to: Updates from Website',
    ]);
    const evil = website.asDomain('evil.test');
    expect(await evil.ask(`SUBSCRIBE TO ${NODE} FOR eve@evil.test ID ${ID}`)).toEqual(['409 Exists already']);
    expect(await evil.ask(`UNSUBSCRIBE ${ID}`)).toEqual(['481 Not subscribed']);
    expect(await evil.ask(`UNSUBSCRIBE ${NODE}`)).toEqual(['406 Bad parameter or switch']);
    expect(await website.room.push.nodes.count(NODE)).toBe(1);
    expect(await peer.ask(`UNSUBSCRIBE ${ID}`)).toEqual(['283 Unsubscribed']);
    expect(await website.room.push.nodes.count(NODE)).toBe(0);
  });

  // spec: immp 2.10
  test('drops whoever ended the subscription without its hearing of it', async () => {
    await website.asDomain('home.test').ask(`SUBSCRIBE TO ${NODE} FOR alice@home.test ID ${ID}`);
    await website.asDomain('home.test').ask(`SUBSCRIBE TO ${NODE} FOR gone@home.test ID ${ID.replace('33', '44')}`);
    expect(await publish('Is anybody there?')).toBe('284 Published to 2 subscribers');
    await expect.poll(() => website.room.push.nodes.count(NODE), { timeout: 15_000 }).toBe(0);
    expect(await home.index('alice', 'push')).toEqual([]);
  });

  // spec: immp 2.10
  test('of this domain is subscribed to without going out', async () => {
    const carol = website.as('carol');
    expect((await carol.ask(`SUBSCRIBE TO ${NODE}`)).at(-1)).toBe('280 Subscribed to: Updates from Website');
    await publish('News.');
    await arrived(website, 'carol', 1);
    await carol.ask(`UNSUBSCRIBE FROM ${NODE}`);
    expect(await website.room.push.nodes.count(NODE)).toBe(0);
  });
});

describe('a mailing list', () => {
  // spec: immp 2.10
  test('is a node that takes messages, from its owner and from whom he admits, and hands them to each subscriber', async () => {
    await alice.ask('MBOX CREATE /inbox/Lists');
    await alice.ask(`SUBSCRIBE TO ${NODE} FOR alice+lists@home.test ID ${ID}`);
    const carol = website.as('carol');
    await carol.ask(`SUBSCRIBE TO ${NODE}`);
    const bob = home.as('bob');

    expect(await publisher.deliver(NODE, 'Dear readers,', 'SUBJECT Issue')).toBe('284 Published to 2 subscribers');
    await arrived(home, 'alice', 1, 'inbox/lists');
    await arrived(website, 'carol', 1, 'inbox');
    expect(await home.index('alice', 'push')).toEqual([]);
    const [entry] = await home.index('alice', 'inbox/lists');
    expect(entry).toMatchObject({ from: NODE, subject: 'Issue', origin: 'website.test', to: 'alice+lists@home.test' });
    const shown = await home.open('alice', entry?.['uuid']);
    expect(shown.parts).toMatchObject([{ class: 'content', data: 'Dear readers,' }]);
    expect(shown.envelope).toMatchObject({ 'reply-to': 'newsletter@website.test' });

    expect(await carol.deliver(NODE, 'May I?')).toBe('430 Blocked');
    await publisher.ask('SET GLOBAL POSTERS+=carol@website.test');
    expect(await carol.deliver(NODE, 'May I?')).toBe('284 Published to 2 subscribers');
    await arrived(home, 'alice', 2, 'inbox/lists');

    // From another domain, through the queue.
    expect(await bob.deliver(NODE, 'I too')).toMatch(/^274 /);
    await arrived(home, 'bob', 1, 'inbox'); // a notice: he may not
    expect(await home.index('bob', 'inbox')).toMatchObject([{ from: 'mailer-daemon@home.test' }]);
  });

  // spec: immp 2.10
  test('has ended for whoever unsubscribed, although the publisher could not be told', async () => {
    await alice.ask(`SUBSCRIBE TO ${NODE} FOR alice@home.test ID ${ID}`);
    await home.room.push.subscriptions.end('alice@home.test', NODE);
    expect(await publisher.deliver(NODE, 'Dear readers,')).toBe('284 Published to 1 subscribers');
    await expect.poll(() => website.room.push.nodes.count(NODE), { timeout: 15_000 }).toBe(0);
    expect(await home.index('alice')).toEqual([]);
  });
});

// spec: immp 2.10
test('however people subscribe and unsubscribe at once, each has one subscription or none, and the publisher the same', async () => {
  // Between the two nothing but words, each of which may take its time.
  let delay = 0;
  const converse = async (_domain: string, work: (session: unknown) => Promise<unknown>) => {
    const peer = website.asDomain('home.test');
    const ask = async (command: Command) => {
      delay = (delay * 7 + 3) % 11;
      await new Promise((resolve) => setTimeout(resolve, delay));
      const replies = (await peer.ask(writeCommand(command))).map((line) => parseReply(Buffer.from(line)));
      const [last] = replies.slice(-1);
      if (last && isRefusal(last)) throw refused(last);
      return replies;
    };
    return work({ ask }).finally(() => peer.hangUp());
  };
  home.room.far = { converse } as unknown as FarServers;
  const steps = fc.array(fc.record({ who: fc.nat({ max: 1 }), on: fc.boolean(), plain: fc.boolean() }), {
    maxLength: 8,
  });
  const users = ['alice', 'bob'];
  const asked = async (user: string, line: string) => {
    const typist = home.as(user);
    const answer = (await typist.ask(line)).at(-1);
    typist.hangUp();
    return answer;
  };
  const settled = () =>
    expect.poll(() => home.post.store.queues.count('immp-push'), { timeout: 15_000, interval: 5 }).toBe(0);
  await fc.assert(
    fc.asyncProperty(steps, async (course) => {
      await Promise.all(
        course.map(({ who, on, plain }) => {
          const node = plain ? NODE : 'newsletter@website.test/updates';
          return asked(users[who] ?? '', on ? `SUBSCRIBE TO ${node}` : `UNSUBSCRIBE FROM ${node}`);
        }),
      );
      await settled();
      const ends = await Promise.all(users.map((user) => asked(user, 'SUBSCRIBE LIST')));
      const count = ends.filter((end) => end === '282 1 subscriptions.').length;
      expect(ends.every((end) => /^282 [01] subscriptions\.$/.test(end ?? ''))).toBe(true);
      expect(await website.room.push.nodes.count(NODE)).toBe(count);
      for (const user of users) await asked(user, `UNSUBSCRIBE FROM ${NODE}`);
      await settled();
      expect(await website.room.push.nodes.count(NODE)).toBe(0);
    }),
    { numRuns: 15 },
  );
});
