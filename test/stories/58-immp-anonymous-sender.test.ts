// Alice writes without her name, through a proxy. Whatever becomes of her letters she hears, and nobody but her own server learns that
// it was she.

import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { DAY, MINUTE, SECOND, VirtualClock } from '../../src/base/time.ts';
import type { Delivery } from '../../src/immp/mail/delivery.ts';
import { hostsOf, type ImmpDomain, openImmpDomains } from '../support/immp-domains.ts';

const EVENING = Date.UTC(2026, 10, 22, 20);

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Everything that a server is given to carry or to keep, as text. */
function eavesdrop({ federation, post }: ImmpDomain): () => string {
  const seen: string[] = [];
  const carry = federation.carry.bind(federation);
  federation.carry = async (delivery: Delivery) => {
    seen.push(inspect(delivery, { depth: 8 }));
    for (const { data } of delivery.parts) seen.push(Buffer.concat(await Array.fromAsync(data.chunks())).toString());
    return carry(delivery);
  };
  const { messages } = post.store;
  const append = messages.append.bind(messages);
  messages.append = (mailbox, draft) => {
    seen.push(inspect(draft, { depth: 8, maxStringLength: null }));
    for (const octets of [draft.body, draft.index]) if (octets instanceof Uint8Array) seen.push(octets.toString());
    return append(mailbox, draft);
  };
  return () => seen.join('\n');
}

async function threeDomains(stack: AsyncDisposableStack, seal: 'routes' | 'never') {
  const clock = new VirtualClock(EVENING);
  const domains = await openImmpDomains(stack, ['here.test', 'there.test', 'proxy.test'], clock);
  const [here, there, proxy] = domains;
  const hosts = hostsOf(domains);
  await here.use({ ...hosts, routes: ['there.test=proxy.test'], seal });
  await proxy.use({ ...hosts, relay_for: ['there.test'], seal, queue_time: '30 min' });
  await there.use({ ...hosts, trusted_proxies: seal === 'never' ? ['proxy.test'] : [] });
  await here.account('alice');
  await there.account('bob');
  return { clock, here, there, proxy, alice: here.as('alice'), overheard: [proxy, there].map(eavesdrop) };
}

const notices = async (here: ImmpDomain) =>
  Promise.all(
    (await here.index('alice')).map(async ({ uuid, from }) => {
      const { parts } = await here.open('alice', uuid);
      return { from, ...JSON.parse(Buffer.from(parts[1]?.data ?? '', 'base64').toString()) };
    }),
  );

// spec: immp 2.6, 2.8
test.each(['routes', 'never'] as const)('what fails behind a proxy comes back to her (sealed: %s)', async (seal) => {
  await using stack = new AsyncDisposableStack();
  const { here, there, proxy, alice, overheard } = await threeDomains(stack, seal);
  expect(await alice.deliver('bob@there.test', 'Guess who.', '-FROM')).toMatch(/^274 /);
  expect(await alice.deliver('nobody@there.test', 'Anybody?', '-FROM SUBJECT Hello')).toMatch(/^274 /);

  await expect.poll(() => here.index('alice'), { timeout: 15_000 }).toHaveLength(1);
  expect(await notices(here)).toMatchObject([
    { from: 'mailer-daemon@here.test', recipient: 'nobody@there.test', code: '450' },
  ]);
  await expect.poll(() => there.index('bob'), { timeout: 15_000 }).toMatchObject([{ from: null, origin: 'here.test' }]);
  // Each failure is told once, and nobody else has anything to say.
  await expect.poll(() => proxy.post.store.queues.count('immp-out'), { timeout: 15_000 }).toBe(0);
  expect(await here.index('alice')).toHaveLength(1);
  for (const text of overheard) {
    expect(text()).toContain('here.test');
    expect(text()).not.toContain('alice');
  }
});

// spec: immp 2.8
test('of one message for two readers only the failure of the one comes back, also to a sender with a name', async () => {
  await using stack = new AsyncDisposableStack();
  const { here, there, proxy, alice } = await threeDomains(stack, 'routes');
  const id = crypto.randomUUID();
  for (const name of ['bob', 'nobody']) await alice.deliver(`${name}@there.test`, 'Hello.', `ID ${id}`);
  await expect.poll(() => there.index('bob'), { timeout: 15_000 }).toHaveLength(1);
  await expect.poll(() => here.index('alice'), { timeout: 15_000 }).toHaveLength(1);
  await expect.poll(() => proxy.post.store.queues.count('immp-out'), { timeout: 15_000 }).toBe(0);
  expect(await notices(here)).toMatchObject([{ from: 'mailer-daemon@there.test', recipient: 'nobody@there.test' }]);
});

// spec: immp 2.4, 2.8
test('what the proxy cannot get rid of in its time comes back, though it cannot read it', async () => {
  await using stack = new AsyncDisposableStack();
  const { clock, here, there, proxy, alice } = await threeDomains(stack, 'routes');
  expect(await alice.deliver('bob@there.test', 'First.', '-FROM')).toMatch(/^274 /); // now the keys are known
  await expect.poll(() => there.index('bob'), { timeout: 15_000 }).toHaveLength(1);
  await there.leave();
  await alice.deliver('bob@there.test', 'Second.', '-FROM');
  await expect.poll(() => proxy.post.store.queues.count('immp-out'), { timeout: 15_000 }).toBe(1);
  await expect.poll(() => here.post.store.queues.count('immp-out'), { timeout: 15_000 }).toBe(0);
  let ended = 0;
  const { far } = proxy.federation;
  const converse = far.converse.bind(far);
  far.converse = (...args) =>
    converse(...args).finally(() => {
      ended += 1;
    });
  let told = false;
  const carry = proxy.federation.carry.bind(proxy.federation);
  proxy.federation.carry = (notice) => {
    told = true;
    return carry(notice);
  };
  // From one attempt to the next, as slow as they may be today; then gently, as the notice must not find time leaping.
  while (!told && clock.now() < EVENING + DAY) {
    const before = ended;
    const due = (await proxy.post.store.queues.nextDue('immp-out')) ?? 0;
    await clock.advance(Math.max(0, due - clock.now()));
    for (let tries = 0; tries < 20 && ended === before; tries += 1) await pause(25);
    if (ended === before)
      await clock.advance(10 * MINUTE); // a worker that slept through a leap looks again then
    else await pause(200);
  }
  for (let tries = 0; tries < 400 && (await here.index('alice')).length === 0; tries += 1) {
    await clock.advance(5 * SECOND);
    await pause(25);
  }
  expect(await notices(here)).toMatchObject([{ from: 'mailer-daemon@here.test', recipient: 'bob@there.test' }]);
  expect(clock.now()).toBeGreaterThanOrEqual(EVENING + 20 * MINUTE);
}, 60_000);

// spec: immp 2.8
test('nobody else can tell her tales, and what she hears is her own server’s words', async () => {
  await using stack = new AsyncDisposableStack();
  const { here, there, alice } = await threeDomains(stack, 'routes');
  const [, id] = /^274 (\S+)/.exec((await alice.deliver('bob@there.test', 'Guess who.', '-FROM')) ?? '') ?? [];
  await expect.poll(() => there.index('bob'), { timeout: 15_000 }).toHaveLength(1);
  const report = (recipient: string) => JSON.stringify({ id, recipient, code: '450', text: 'Gone' });
  const tell = async (domain: string, octets: string) => {
    const peer = here.asDomain(domain);
    await peer.ask(`DELIVER TO mailer-daemon@here.test FROM mailer-daemon@${domain} +MULTIPART`);
    await peer.data('DATA words TYPE text/plain LENGTH 5 +CONTENT', 'Click');
    await peer.data(`DATA report.json TYPE application/json LENGTH ${octets.length}`, octets);
    return (await peer.ask('DONE'))[0]?.slice(0, 3);
  };
  expect(await tell('elsewhere.test', report('bob@there.test'))).toBe('450');
  expect(await tell('proxy.test', report('carol@there.test'))).toBe('450');
  expect(await tell('proxy.test', 'no report')).toBe('450');
  expect(await tell('proxy.test', report('bob@there.test'))).toBe('273');
  expect(await tell('proxy.test', report('there.test'))).toBe('273');
  const [notice, ...more] = await here.index('alice');
  expect(more).toEqual([]);
  expect(JSON.stringify(await here.open('alice', notice?.['uuid']))).not.toContain('Click');
});
