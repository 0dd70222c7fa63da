// How one domain shows another who it is: cookies, the call-back, where it goes, and whom it trusts. And peers who mean no good.
// spec: immp 2.4, 2.5, 2.6

import { createServer, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ImmpTypist } from '../../../test/support/immp.ts';
import { type ImmpDomain, openImmpDomain, openImmpDomains } from '../../../test/support/immp-domains.ts';
import { memoryDocuments } from '../../../test/support/memory-documents.ts';
import { silentLog } from '../../base/log.ts';
import { systemRandom } from '../../base/random.ts';
import { MINUTE, SECOND, systemClock, VirtualClock } from '../../base/time.ts';
import { fixedResolver } from '../../net/resolver.ts';
import { Pins } from '../../post/pins.ts';
import { settings as schema } from '../settings.ts';
import { Cookies } from './cookies.ts';
import { placesFor } from './places.ts';
import { judge, type Purpose } from './trust.ts';

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

const COOKIE = 'c2a9ff172404b21391cbaffbd9aa01f3';
const stranger = ({ room }: ImmpDomain) => new ImmpTypist(room, { state: 'unauthenticated' });

describe('a cookie', () => {
  const make = () => {
    const clock = new VirtualClock();
    return { clock, cookies: new Cookies({ clock, random: systemRandom }) };
  };

  test('is good once, for the domain that it was made for, for two minutes', async () => {
    const { clock, cookies } = make();
    const cookie = cookies.make('B.com');
    expect(cookie).toMatch(/^[0-9a-f]{32}$/);
    expect(cookies.redeem(cookie, 'evil.com')).toBe(false);
    expect(cookies.redeem(COOKIE, 'b.com')).toBe(false);
    expect(cookies.redeem(cookie.toUpperCase(), 'b.COM')).toBe(true);
    expect(cookies.redeem(cookie, 'b.com')).toBe(false);
    const late = cookies.make('b.com');
    await clock.advance(120 * SECOND);
    expect(cookies.redeem(late, 'b.com')).toBe(false);
  });

  test('is dropped when it will not be asked for', () => {
    const { cookies } = make();
    const cookie = cookies.make('b.com');
    cookies.drop(cookie);
    expect(cookies.redeem(cookie, 'b.com')).toBe(false);
  });
});

test('a server is looked for in the table, then by SRV, then at the domain itself', async () => {
  const resolver = fixedResolver({
    '_immp._tcp.srv.example': {
      srv: [
        { host: 'second.example', port: 1026, priority: 20, weight: 0 },
        { host: 'first.example', port: 1027, priority: 10, weight: 0 },
      ],
    },
    'first.example': { addresses: ['1.1.1.1', '2606:4700::1111'] },
    'second.example': { addresses: ['8.8.8.8'] },
    '_immp._tcp.none.example': { srv: [{ host: '', port: 0, priority: 0, weight: 0 }] },
    'none.example': { addresses: ['9.9.9.9'] },
    'bare.example': { addresses: ['9.9.9.10'] },
    'inside.example': { addresses: ['10.0.0.1', '127.0.0.1', '169.254.1.1', '::1', '0.0.0.0', '9.9.9.12'] },
    '_immp._tcp.broken.example': { fails: true },
  });
  const places = async (domain: string, changes = {}) =>
    (await placesFor(domain, schema.parse(changes), { resolver, random: systemRandom })).map(
      ({ host, port }) => `${host} ${port}`,
    );
  expect(await places('SRV.example')).toEqual(['1.1.1.1 1027', '2606:4700::1111 1027', '8.8.8.8 1026']);
  expect(await places('bare.example')).toEqual(['9.9.9.10 1025']);
  expect(await places('none.example')).toEqual([]);
  expect(await places('unknown.example')).toEqual([]);
  expect(await places('inside.example')).toEqual(['9.9.9.12 1025']);
  expect(await places('inside.example', { allow_private: true })).toHaveLength(6);
  expect(await places('bare.example', { hosts: ['bare.example=10.1.2.3', 'bare.example=10.1.2.4:99'] })).toEqual([
    '10.1.2.3 1025',
    '10.1.2.4 99',
  ]);
  await expect(places('broken.example')).rejects.toMatchObject({ code: 'dns' });
});

describe('a key that is shown', () => {
  const [ours, known, other, third] = [0, 1, 2, 3].map((octet) => Buffer.alloc(32, octet)) as [
    Buffer,
    Buffer,
    Buffer,
    Buffer,
  ];

  async function judging(changes: object = {}) {
    const pins = new Pins({ store: memoryDocuments(), clock: systemClock }, 'immp');
    const told: string[] = [];
    const ask = (key: Buffer, purpose: Purpose = 'mail', vouched = false) =>
      judge({ domain: 'b.com', key, vouched }, purpose, {
        pins,
        settings: schema.parse(changes),
        own: ours,
        log: silentLog,
        changed: async (domain) => void told.push(domain),
      }).catch((error: { code: string }) => error.code);
    return { pins, told, ask };
  }

  test('is taken at first sight for mail, and as a proof only from whom an authority vouches for', async () => {
    const { ask, pins } = await judging();
    expect(await ask(known, 'proof')).toBe('untrusted');
    expect(await pins.get('b.com')).toBeUndefined();
    expect(await ask(known, 'mail')).toBe(true);
    expect(await ask(known, 'proof')).toBe(true);
    const believing = await judging({ cookie: { accept_tofu: true } });
    expect(await believing.ask(known, 'proof')).toBe(true);
    const strict = await judging({ pin: { require_ca: true } });
    expect(await strict.ask(known, 'mail')).toBe('untrusted');
    expect(await strict.ask(known, 'mail', true)).toBe(true);
    expect(await strict.ask(known, 'mail', false)).toBe(true);
  });

  test('and is another than before serves for what is not secret if an authority vouches for it, else for nothing', async () => {
    const { ask, told, pins } = await judging();
    await ask(known);
    expect(await ask(other)).toBe('changed-key');
    expect(await ask(other, 'proof')).toBe('changed-key');
    expect(await ask(other, 'secure-mail', true)).toBe('changed-key');
    expect(await ask(other, 'mail', true)).toBe(false);
    expect(told).toEqual(['b.com']);
    expect(await ask(third)).toBe('changed-key');
    expect(told).toHaveLength(2);
    await pins.accept('b.com');
    expect(await ask(third, 'secure-mail')).toBe(true);
  });

  test('replaces the pinned one when it was announced, or when an authority may', async () => {
    const { ask, pins, told } = await judging();
    await ask(known);
    await pins.announce('b.com', other);
    expect(await ask(known, 'secure-mail')).toBe(true);
    expect(await ask(other, 'secure-mail')).toBe(true);
    expect(await pins.get('b.com')).toMatchObject({ origin: 'announced' });
    expect(await ask(known)).toBe('changed-key');
    expect(told).toHaveLength(1);
    const trusting = await judging({ pin: { roll: 'ca' } });
    await trusting.ask(known);
    expect(await trusting.ask(other, 'secure-mail', true)).toBe(true);
    expect(await trusting.ask(third, 'secure-mail', false)).toBe('changed-key');
  });

  test('is not ours', async () => {
    const { ask } = await judging();
    expect(await ask(ours, 'mail', true)).toBe('self');
  });
});

describe('AUTH COOKIE', () => {
  test('leads to state 4 when the domain says that the cookie is its own', async () => {
    const [here, there] = await openImmpDomains(stack, ['here.test', 'there.test']);
    const cookie = here.federation.far.cookies.make('there.test');
    const client = stranger(there);
    expect(await client.ask(`AUTH COOKIE ${cookie} here.test`)).toEqual([
      '301 Cookie authentication request initiated.',
      '210 Authentication accepted for mailer-daemon@here.test',
    ]);
    expect(client.session?.peer).toEqual({ state: 'remote', domain: 'here.test' });
    expect(await client.ask('MBOX CHECK /inbox')).toEqual(['403 Not allowed']);
    expect(await client.ask(`AUTH COOKIE ${cookie} here.test`)).toEqual(['405 Not in this state']);
    expect((await stranger(there).ask(`AUTH COOKIE ${cookie} here.test`)).at(-1)).toBe('410 Authentication failed');
  });

  test('that another domain caught is worth nothing elsewhere', async () => {
    const [here, there] = await openImmpDomains(stack, ['here.test', 'there.test']);
    const meant = here.federation.far.cookies.make('evil.test');
    expect((await stranger(there).ask(`AUTH COOKIE ${meant} here.test`)).at(-1)).toBe('410 Authentication failed');
  });

  test('of our own domain, or of one that leads back to us, leads nowhere', async () => {
    const here = stack.use(await openImmpDomain('here.test'));
    await here.use({ hosts: [`mirror.test=127.0.0.1:${here.port}`] });
    const client = stranger(here);
    expect(await client.ask(`AUTH COOKIE ${COOKIE} HERE.test`)).toEqual(['410 Authentication failed']);
    expect(await client.ask(`AUTH COOKIE ${COOKIE} mirror.test`)).toEqual([
      '301 Cookie authentication request initiated.',
      '410 Authentication failed',
    ]);
    expect((await client.ask(`AUTH COOKIE ${COOKIE} mirror.test`)).at(-1)).toBe('711 Too many errors, closing');
    expect(await client.line()).toBeUndefined();
    expect(await here.federation.far.pins.list()).toEqual([]);
  });

  test('never goes to an address inside, nor to the peer', async () => {
    const here = stack.use(await openImmpDomain('here.test'));
    const dialed: string[] = [];
    Object.assign(here.room.post, {
      resolver: {
        ...fixedResolver({}),
        addresses: async (host: string) => {
          dialed.push(host);
          return ['127.0.0.1', '192.168.1.1'];
        },
      },
    });
    expect((await stranger(here).ask(`AUTH COOKIE ${COOKIE} inside.test`)).at(-1)).toBe('410 Authentication failed');
    expect(dialed).toEqual(['inside.test']);
  });

  test('is asked back ten times a minute for one domain', async () => {
    const clock = new VirtualClock();
    const here = stack.use(await openImmpDomain('here.test', {}, clock));
    const answers: (string | undefined)[] = [];
    const ask = async () => (await stranger(here).ask(`AUTH COOKIE ${COOKIE} nowhere.test`)).at(-1)?.slice(0, 3);
    for (let times = 0; times < 12; times += 1) answers.push(await ask());
    expect(answers).toEqual([...Array.from({ length: 10 }, () => '410'), '429', '429']);
    await clock.advance(MINUTE);
    expect(await ask()).toBe('410');
  });

  test('waits for a server that says nothing for half a minute', async () => {
    const silent: Server = createServer(() => {}).listen(0, '127.0.0.1');
    stack.defer(() => void silent.close());
    await new Promise((resolve) => silent.once('listening', resolve));
    const at = silent.address();
    const port = typeof at === 'object' && at !== null ? at.port : 0;
    const clock = new VirtualClock();
    const here = stack.use(await openImmpDomain('here.test', { hosts: [`mute.test=127.0.0.1:${port}`] }, clock));
    const client = stranger(here);
    await client.type(`AUTH COOKIE ${COOKIE} mute.test\n`);
    expect(await client.line()).toMatch(/^301 /);
    await new Promise((resolve) => silent.once('connection', resolve));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await clock.advance(30 * SECOND);
    expect(await client.line()).toBe('412 Cookie could not be verified now');
  });

  test('is not asked about for ever: three cookies that nobody knows end the conversation', async () => {
    const here = stack.use(await openImmpDomain('here.test', {}, systemClock));
    const client = stranger(here);
    expect(await client.ask(`AUTH VERIFY ${COOKIE} b.com`)).toEqual(['411 Cookie unknown']);
    expect(await client.ask(`AUTH VERIFY ${COOKIE} b.com`)).toEqual(['411 Cookie unknown']);
    expect(await client.ask(`AUTH VERIFY ${COOKIE} b.com`)).toEqual(['711 Too many errors, closing']);
  });
});
