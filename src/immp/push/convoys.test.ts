// Pushes and published items for several domains at once, some of which are slow or do not answer at all.

import { expect, test } from 'vitest';
import { hostsOf, type ImmpDomain, openImmpDomains } from '../../../test/support/immp-domains.ts';
import { openSilentServer } from '../../../test/support/silent-server.ts';
import { VirtualClock } from '../../base/time.ts';

const NODE = 'letters/weekly@press.test';
const PUSHES = 30;

/** Holds back what the domain stores, and knows how much that is, until `open` is called. */
function gated({ post }: ImmpDomain) {
  const gate = Promise.withResolvers<void>();
  const { messages } = post.store;
  const append = messages.append.bind(messages);
  let [waiting, most] = [0, 0];
  messages.append = async (...args) => {
    waiting += 1;
    most = Math.max(most, waiting);
    await gate.promise;
    waiting -= 1;
    return append(...args);
  };
  return { open: gate.resolve, most: () => most };
}

function countLogins({ room }: ImmpDomain): () => number {
  let count = 0;
  const before = room.count.bind(room);
  room.count = (what, outcome, ...more) => {
    if (what === 'AUTH COOKIE' && outcome === 'ok') count += 1;
    before(what, outcome, ...more);
  };
  return () => count;
}

const pushesOf = async (domain: ImmpDomain) => (await domain.index('reader', 'push')).length;

// spec: immp 2.2, 2.10
test('a slow domain and a silent one keep nobody waiting, and each has one conversation with several pushes under way', async () => {
  await using stack = new AsyncDisposableStack();
  const clock = new VirtualClock(Date.UTC(2026, 10, 22));
  const [press, well, slow] = await openImmpDomains(stack, ['press.test', 'well.test', 'slow.test'], clock);
  const silent = { domain: 'silent.test', port: await openSilentServer(stack) };
  await press.use(hostsOf([press, well, slow, silent]));
  await press.account('letters');
  const sender = press.as('letters');
  await sender.ask(`PUBLISH NODE ${NODE} TITLE Weekly`);
  for (const domain of [well, slow]) {
    await domain.account('reader');
    await domain.as('reader').ask(`SET GLOBAL APPROVE+=${NODE}`);
    const id = crypto.randomUUID();
    await domain.room.push.subscriptions.begin(`reader@${domain.domain}`, NODE, id, clock.now());
    await domain.room.push.subscriptions.confirm(`reader@${domain.domain}`, id, 'Weekly');
    await press.room.push.nodes.subscribe(NODE, `reader@${domain.domain}`, id);
  }
  await press.room.push.nodes.subscribe(NODE, 'reader@silent.test', crypto.randomUUID());
  const gate = gated(slow);
  stack.defer(gate.open);
  const logins = [countLogins(well), countLogins(slow)];

  const began = clock.now();
  for (const domain of ['silent.test', 'slow.test', 'well.test']) {
    for (let count = 0; count < PUSHES; count += 1) {
      expect(await sender.data(`PUSH TO reader@${domain} FROM ${NODE} LENGTH 2`, 'Hi')).toMatch(/^274 /);
    }
  }
  expect(await sender.data(`PUBLISH TO ${NODE} LENGTH 5`, 'Hello')).toBe('284 Published to 3 subscribers');

  await expect.poll(() => pushesOf(well), { timeout: 15_000 }).toBe(PUSHES + 1);
  expect(await pushesOf(slow)).toBe(0);
  await expect.poll(() => gate.most(), { timeout: 15_000 }).toBe(8);
  gate.open();
  await expect.poll(() => pushesOf(slow), { timeout: 15_000 }).toBe(PUSHES + 1);
  expect(logins.map((count) => count())).toEqual([1, 1]);
  // Nobody had to wait for the clock, and what is for the silent domain is still there.
  expect(clock.now()).toBe(began);
  await expect.poll(() => press.post.store.queues.count('immp-push'), { timeout: 15_000 }).toBe(PUSHES + 1);
}, 60_000);
