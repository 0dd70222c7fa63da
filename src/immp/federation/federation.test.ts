// Two and three domains on loopback: mail from one to the other, what keeps it from arriving, and what its sender hears.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '../../../test/support/cmtp-office.ts';
import { hostsOf, type ImmpDomain, openImmpDomains } from '../../../test/support/immp-domains.ts';
import { openSilentServer } from '../../../test/support/silent-server.ts';
import { DAY, HOUR, MINUTE, SECOND, VirtualClock } from '../../base/time.ts';
import { makeSelfSigned, makeTlsKey } from '../../net/tls-identity.ts';
import { decrypt, makeKey, readOwnKey } from './openpgp.ts';

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

const arrival = (at: ImmpDomain, name: string) => eventually(async () => (await at.index(name))[0]);
const waiting = (at: ImmpDomain) => at.post.store.queues.count('immp-out');

async function twoDomains(): Promise<[ImmpDomain, ImmpDomain]> {
  const [here, there] = await openImmpDomains(stack, ['here.test', 'there.test']);
  await here.account('alice');
  await there.account('bob');
  return [here, there];
}

describe('mail to another domain', () => {
  // spec: immp 2.8
  test('is queued, carried and stored there, with its files and what its sender says', async () => {
    const [here, there] = await twoDomains();
    const alice = here.as('alice');
    const large = Buffer.alloc(300_000, 7);
    expect(await alice.ask('DELIVER TO bob+lists@there.test SUBJECT Tonight +MULTIPART +IMPORTANT')).toEqual([
      '270 Ok, ready to deliver. Give me your DATA.',
    ]);
    await alice.data('DATA words TYPE text/plain LENGTH 8 +CONTENT', 'At nine.');
    await alice.data(`DATA map.png TYPE image/png LENGTH ${large.length}`, large);
    const about = '{"cc":["carol@here.test"],"date":"2026-11-22T10:00:00Z"}';
    await alice.data(`DATA envelope TYPE application/vnd.immp.envelope+json LENGTH ${about.length}`, about);
    expect(await alice.ask('DONE')).toEqual([expect.stringMatching(/^274 [0-9a-f-]{36} Queued for there\.test$/)]);

    const row = await arrival(there, 'bob');
    expect(row).toMatchObject({
      from: 'alice@here.test',
      origin: 'here.test',
      to: 'bob+lists@there.test',
      subject: 'Tonight',
      flags: ['important'],
      parts: [
        { class: 'content', type: 'text/plain', name: 'words', length: 8 },
        { class: 'attachment', type: 'image/png', name: 'map.png', length: large.length },
      ],
    });
    const { envelope, parts } = await there.open('bob', row['uuid']);
    expect(envelope).toMatchObject({
      cc: ['carol@here.test'],
      date: '2026-11-22T10:00:00Z',
      'received-from': { domain: 'here.test' },
      'received-via': [{ domain: 'here.test' }],
    });
    expect(parts[0]?.data).toBe('At nine.');
    expect(await eventually(async () => ((await waiting(here)) === 0 ? 'empty' : undefined))).toBe('empty');
    expect((await here.post.store.usage()).messages).toBe(0);
  });

  // spec: immp 2.8 (3)
  test('does not name a sender who stays anonymous, and tells him when it fails', async () => {
    const [here, there] = await twoDomains();
    const alice = here.as('alice');
    expect(await alice.deliver('bob@there.test', 'Guess who.', '-FROM')).toMatch(/^274 /);
    const row = await arrival(there, 'bob');
    expect(row).toMatchObject({ from: null, origin: 'here.test' });
    expect(JSON.stringify(await there.open('bob', row['uuid']))).not.toContain('alice');

    expect(await alice.deliver('nobody@there.test', 'Anybody?', '-FROM SUBJECT Hello')).toMatch(/^274 /);
    const notice = await arrival(here, 'alice');
    expect(notice).toMatchObject({ from: 'mailer-daemon@here.test', subject: 'Not delivered: Hello' });
    const { parts } = await here.open('alice', notice['uuid']);
    expect(parts.map(({ name }) => name)).toEqual(['words', 'report.json']);
    expect(JSON.parse(Buffer.from(parts[1]?.data ?? '', 'base64').toString())).toMatchObject({
      recipient: 'nobody@there.test',
      code: '450',
    });
  });

  test('to a domain without a server comes back', async () => {
    const [here] = await twoDomains();
    expect(await here.as('alice').deliver('bob@nowhere.test', 'Hello?')).toMatch(/^274 /);
    expect(await arrival(here, 'alice')).toMatchObject({ subject: 'Not delivered: bob@nowhere.test' });
  });

  test('that is delivered twice under one id is stored once', async () => {
    const [here, there] = await twoDomains();
    const alice = here.as('alice');
    const id = '5f0b9c2e-6a0e-4c3b-9d55-0d1f6a1b2c3d';
    for (let times = 0; times < 3; times += 1) {
      expect(await alice.deliver('bob@there.test', 'Once.', `ID ${id}`)).toBe(`274 ${id} Queued for there.test`);
    }
    await eventually(async () => ((await waiting(here)) === 0 ? true : undefined));
    expect(await there.index('bob')).toHaveLength(1);
  });

  // spec: immp 2.6
  test('goes over one conversation, however much there is, so that the other side asks back once', async () => {
    const [here, there] = await twoDomains();
    const prove = there.federation.far.prove.bind(there.federation.far);
    const proved: string[] = [];
    there.federation.far.prove = (cookie, issuer) => {
      proved.push(issuer);
      return prove(cookie, issuer);
    };
    const alice = here.as('alice');
    for (let count = 0; count < 25; count += 1) {
      expect(await alice.deliver(`${count % 5 === 4 ? 'nobody' : 'bob'}@there.test`, 'Hello.')).toMatch(/^274 /);
    }
    await eventually(async () => ((await waiting(here)) === 0 ? true : undefined));
    expect(await there.index('bob')).toHaveLength(20);
    expect(await here.index('alice')).toHaveLength(5);
    expect(proved).toEqual(['here.test']);
  });

  // spec: immp 2.4
  test('does not wait for what is for a domain that does not answer', async () => {
    const clock = new VirtualClock(Date.UTC(2026, 10, 22));
    const [here, there] = await openImmpDomains(stack, ['here.test', 'there.test'], clock);
    const silent = { domain: 'silent.test', port: await openSilentServer(stack) };
    await here.use(hostsOf([here, there, silent]));
    await here.account('alice');
    await there.account('bob');
    const [alice, began] = [here.as('alice'), clock.now()];
    for (let count = 0; count < 40; count += 1) await alice.deliver('x@silent.test', 'Hello?');
    await alice.deliver('bob@there.test', 'Hello!');
    await arrival(there, 'bob');
    expect(clock.now()).toBe(began);
    expect(await waiting(here)).toBeGreaterThanOrEqual(40);
  });

  // spec: immp 2.6, 2.8
  test('is sent on for a user who wants it so: from him, and without the folder that its sender gave', async () => {
    const [here, there] = await twoDomains();
    await here.account('helpdesk');
    await here.room.accounts.change('helpdesk@here.test', () => ({ forward: 'bob@there.test' }));
    const alice = here.as('alice');
    expect(await alice.deliver('helpdesk+secret@here.test', 'Help.', 'FROM alice+private@here.test')).toMatch(/^273 /);
    const row = await arrival(there, 'bob');
    expect(row).toMatchObject({ from: 'helpdesk@here.test', to: 'bob@there.test' });
    const shown = await there.open('bob', row['uuid']);
    expect(shown.envelope).toMatchObject({ 'reply-to': 'alice@here.test' });
    expect(JSON.stringify(shown)).not.toMatch(/secret|private/);
  });

  // spec: immp 2.11
  test('is sealed before it is sent on for a user with a key, and shows no more than his mailbox does', async () => {
    const [here, there] = await twoDomains();
    await here.account('helpdesk');
    const own = await readOwnKey(await makeKey('helpdesk@here.test', Date.now()));
    const pubkey = Buffer.from(own.toPublic().armor()).toString('base64');
    await here.room.accounts.change('helpdesk@here.test', () => ({ forward: 'bob@there.test', pubkey }));
    expect(await here.as('alice').deliver('helpdesk@here.test', 'Only for you.', 'SUBJECT Tonight')).toMatch(/^273 /);
    const row = await arrival(there, 'bob');
    expect(row).toMatchObject({ from: 'helpdesk@here.test', parts: [{ type: 'application/pgp-encrypted' }] });
    const shown = await there.open('bob', row['uuid']);
    const octets = Buffer.from(shown.parts[0]?.data ?? '', 'base64');
    const chunks = async function* () {
      yield octets;
    };
    const opened = Buffer.concat(await Array.fromAsync(decrypt(chunks(), own, 1e6))).toString();
    expect(opened).toMatch(/"subject":"Tonight".*alice@here\.test.*\nOnly for you\.$/s);
    expect(JSON.stringify(shown)).not.toMatch(/alice|Tonight|Only for you/);
  });
});

describe('another domain', () => {
  // spec: immp 2.6
  test('names its own users, and no others', async () => {
    const [, there] = await twoDomains();
    const peer = there.asDomain('here.test');
    expect(await peer.ask('DELIVER TO bob@there.test FROM eve@else.test')).toEqual(['403 Not allowed']);
    expect(await peer.ask('DELIVER TO bob@there.test FROM bob@there.test')).toEqual(['403 Not allowed']);
    expect(await peer.ask('DELIVER TO carol@else.test FROM alice@here.test')).toEqual(['422 No relay, or a loop']);
    expect(await peer.deliver('bob@there.test', 'Hello.', 'FROM alice@here.test')).toMatch(/^273 /);
  });

  test('does not send in circles', async () => {
    const [, there] = await twoDomains();
    const peer = there.asDomain('here.test');
    const deliverVia = async (...domains: string[]) => {
      const via = domains.map((domain) => ({ domain, timestamp: '2026-11-22T10:00:00Z' }));
      const about = JSON.stringify({ 'received-via': via });
      await peer.ask('DELIVER TO bob@there.test +MULTIPART');
      await peer.data(`DATA envelope TYPE application/vnd.immp.envelope+json LENGTH ${about.length}`, about);
      await peer.data('DATA TYPE text/plain LENGTH 2 +CONTENT', 'Hi');
      return (await peer.ask('DONE'))[0]?.slice(0, 3);
    };
    expect(await deliverVia('a.test', 'there.test', 'b.test')).toBe('273');
    expect(await deliverVia('there.test', 'a.test', 'there.test')).toBe('422');
    expect(await deliverVia(...Array.from({ length: 20 }, (_, at) => `d${at}.test`))).toBe('422');
  });

  test('passes mail of others on where it is trusted, through a proxy that serves the domain', async () => {
    const [here, there, proxy] = await openImmpDomains(stack, ['here.test', 'there.test', 'proxy.test']);
    await here.account('alice');
    await there.account('bob');
    const hosts = hostsOf([here, there, proxy]);
    await here.use({ ...hosts, routes: ['there.test=proxy.test'], seal: 'never' });
    await proxy.use({ ...hosts, relay_for: ['there.test'], seal: 'never' });
    await there.use({ ...hosts, trusted_proxies: ['proxy.test'] });
    expect(await here.as('alice').deliver('bob@there.test', 'By the way.')).toMatch(/^274 /);
    const row = await arrival(there, 'bob');
    expect(row).toMatchObject({ from: 'alice@here.test', origin: 'here.test' });
    const { envelope } = await there.open('bob', row['uuid']);
    expect(envelope['received-via']).toMatchObject([{ domain: 'here.test' }, { domain: 'proxy.test' }]);
    expect(envelope['received-from']).toMatchObject({ domain: 'proxy.test' });

    // What the proxy cannot deliver goes back to its sender.
    expect(await here.as('alice').deliver('nobody@there.test', 'Hello?')).toMatch(/^274 /);
    expect(await arrival(here, 'alice')).toMatchObject({ from: 'mailer-daemon@proxy.test', origin: 'proxy.test' });
  });
});

describe('a server', () => {
  /** Turns the clock from one attempt to the next, and lets it stand while that is under way. Ends after `ms`. */
  async function pass(clock: VirtualClock, ms: number, { post }: ImmpDomain): Promise<void> {
    const end = clock.now() + ms;
    for (;;) {
      const due = await post.store.queues.nextDue('immp-out');
      await clock.advance(Math.max(0, Math.min(end, due ?? end) - clock.now()));
      if (due === undefined || due > end) return;
      const underWay = async () => [due, clock.now() + 65 * MINUTE].includes(await dueAt(post));
      while (await underWay()) await clock.advance(0);
    }
  }
  const dueAt = async (post: ImmpDomain['post']) => (await post.store.queues.nextDue('immp-out')) ?? 0;

  // spec: immp 2.4
  test('that is away for two days gets its mail then; one that never comes back costs the sender five', async () => {
    const clock = new VirtualClock();
    const [here, there] = await openImmpDomains(stack, ['here.test', 'there.test'], clock);
    await here.account('alice');
    await there.account('bob');
    await there.leave();
    expect(await here.as('alice').deliver('bob@there.test', 'At nine.')).toMatch(/^274 /);
    await pass(clock, 2 * DAY, here);
    expect(await waiting(here)).toBe(1);
    await there.comeBack();
    await pass(clock, 8 * HOUR, here);
    expect(await there.index('bob')).toMatchObject([{ from: 'alice@here.test' }]);

    await there.leave();
    expect(await here.as('alice').deliver('bob@there.test', 'And ten.')).toMatch(/^274 /);
    await pass(clock, 5 * DAY - 8 * HOUR, here);
    expect(await here.index('alice')).toEqual([]);
    await pass(clock, 8 * HOUR, here);
    expect(await here.index('alice')).toMatchObject([{ subject: 'Not delivered: bob@there.test' }]);
    expect(await waiting(here)).toBe(0);
  }, 30_000);

  // spec: immp 1.8, 2.4
  test('with another key than before gets nothing, its administrator is told once, and he lets it pass', async () => {
    const [here, there] = await twoDomains();
    await here.account('admin');
    const alice = here.as('alice');
    await alice.deliver('bob@there.test', 'First.');
    await arrival(there, 'bob');
    there.show(await makeSelfSigned('there.test', makeTlsKey(), Date.now()));
    await there.restart();
    expect(await alice.deliver('bob@there.test', 'Second.', '+SECURE')).toMatch(/^274 /);
    expect(await alice.deliver('bob@there.test', 'Third.')).toMatch(/^274 /);
    const warning = await arrival(here, 'admin');
    expect(warning).toMatchObject({ subject: 'The server of there.test shows another key', flags: ['important'] });
    expect(await there.index('bob')).toHaveLength(1);
    expect(await waiting(here)).toBe(2);

    await here.federation.far.pins.accept('there.test');
    expect(await alice.deliver('bob@there.test', 'Fourth.', '+SECURE')).toMatch(/^274 /);
    await eventually(async () => ((await there.index('bob')).length === 2 ? true : undefined));
    const [, fourth] = await there.index('bob');
    expect((await there.open('bob', fourth?.['uuid'])).envelope).toMatchObject({ secure: true });
    expect(await here.index('admin')).toHaveLength(1);
  });

  test('that has said which key it will show next changes it without anybody’s help', async () => {
    const [here, there] = await twoDomains();
    const alice = here.as('alice');
    const now = there.room.identity;
    const next = await makeSelfSigned('there.test', makeTlsKey(), Date.now());
    there.show({ ...now, next: next.serverKey });
    await there.restart();
    await alice.deliver('bob@there.test', 'First.');
    await arrival(there, 'bob'); // cut off in the middle, it would wait for its next try
    await eventually(async () => (await here.federation.far.pins.get('there.test'))?.next);
    there.show(next);
    await there.restart();
    await alice.deliver('bob@there.test', 'Second.', '+SECURE');
    await eventually(async () => ((await there.index('bob')).length === 2 ? true : undefined));
    expect(await here.federation.far.pins.get('there.test')).toMatchObject({ origin: 'announced' });
    there.show(now);
    await there.restart();
    await alice.deliver('bob@there.test', 'Third.');
    await eventually(async () => (await here.federation.far.pins.get('there.test'))?.offered);
    expect(await there.index('bob')).toHaveLength(2);
  });

  test('keeps the pin when its certificate is renewed over the same key', async () => {
    const [here, there] = await twoDomains();
    const alice = here.as('alice');
    await alice.deliver('bob@there.test', 'First.');
    await arrival(there, 'bob');
    there.show(await makeSelfSigned('there.test', there.room.identity.key, Date.now() + 60 * SECOND));
    await there.restart();
    await alice.deliver('bob@there.test', 'Second.', '+SECURE');
    await eventually(async () => ((await there.index('bob')).length === 2 ? true : undefined));
  });
});
