import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { cmtpVectors, hex, type KeyVectors } from '../../../test/support/cmtp.ts';
import {
  type Exchange,
  openReference,
  openReplayServer,
  type ReplayServer,
} from '../../../test/support/cmtp-server.ts';
import { openTestPost, type TestPost } from '../../../test/support/post.ts';
import { systemRandom } from '../../base/random.ts';
import { HOUR, MINUTE, SECOND, VirtualClock } from '../../base/time.ts';
import { fixedResolver } from '../../net/resolver.ts';
import { Pins } from '../../post/pins.ts';
import type { Post } from '../../post/post.ts';
import { openMessage } from '../client/open-message.ts';
import { keyPairOf, makeKeyPair, sign } from '../crypto/keys.ts';
import { formatMessage, parseMessage } from '../wire/message.ts';
import { zeroEnded } from '../wire/names.ts';
import { makeReplies, u32 } from '../wire/replies.ts';
import { Forwarding } from './forwarding.ts';
import type { Asker, HomeServer, Passing } from './passing.ts';
import { forwardSettings } from './settings.ts';

const keys = cmtpVectors<KeyVectors>('keys');
const farServer = keyPairOf(hex(keys.server.ed25519_secret64));
const replies = makeReplies(farServer);
const alice = keyPairOf(hex(keys.users.alice.ed25519_secret64));
const bob = keyPairOf(hex(keys.users.bob.ed25519_secret64));
const own: Asker = { address: '127.0.0.1', account: 'alice' };
const stranger: Asker = { address: '127.0.0.1', account: undefined };
const [HOME, FAR] = ['home.example', 'far.example'];
const TEXT = 'my disk is being changed';
const toBob = { to: { account: 'bob', domain: FAR }, from: { account: 'alice', domain: HOME } };

let clock: VirtualClock;
let shared: TestPost;
let post: Post;
let stack: AsyncDisposableStack;
let delivered: { account: string; message: Uint8Array }[];
beforeAll(async () => {
  shared = await openTestPost();
  return () => shared[Symbol.asyncDispose]();
});
beforeEach(() => {
  clock = new VirtualClock(1_790_000_000 * SECOND);
  stack = new AsyncDisposableStack();
  post = { ...shared, clock, resolver: fixedResolver({ 'broken.example': { fails: true } }) };
  delivered = [];
  return async () => {
    await stack.disposeAsync();
    await post.store.mailboxes.remove('cmtp/(forwarding)');
    await forgetJobs();
    await new Pins(post, 'cmtp').forget(FAR);
  };
});
async function forgetJobs(): Promise<void> {
  const all = { now: clock.now() + 100 * HOUR, leaseUntil: 0, limit: 100 };
  for (const { id } of await post.store.queues.lease('cmtp/forward', all)) {
    await post.store.queues.finish('cmtp/forward', id);
  }
}

const home: HomeServer = {
  domain: HOME,
  keyOf: async (account) => (account === 'alice' ? alice.publicKey : undefined),
  async deliver(account, message) {
    delivered.push({ account, message });
    return true;
  },
};

async function forwarding(port: number, changes: Record<string, unknown> = {}): Promise<Forwarding> {
  const settings = z.strictObject(forwardSettings).parse({ forward_hosts: [`${FAR}=127.0.0.1:${port}`], ...changes });
  const open = await Forwarding.open(post, home, settings);
  stack.defer(() => open.close(0));
  return open;
}

const says = (send: string | Uint8Array, reply: Uint8Array, closes = false): Exchange => ({
  send: Buffer.from(send),
  reply,
  closes,
});
const manners = [says('OHAI\0', replies.success), says('OBAI\0', replies.success, true)];
const ownKey = says('KEYREQUEST\0\0\0', replies.key(farServer.publicKey));
const mail = (message: Uint8Array, reply: Uint8Array) => says(Buffer.concat([Buffer.from('MAIL\0'), message]), reply);
async function farSide(...exchanges: Exchange[]): Promise<ReplayServer> {
  return stack.use(await openReplayServer([...manners, ...exchanges, ownKey]));
}

function passing(changes: Partial<Passing> = {}, body = Buffer.alloc(60, 7)): Passing {
  const rest = async function* () {
    yield body.subarray(0, 10);
    yield body.subarray(10);
  };
  const bare = { version: 1, attachments: 0, bodyLength: body.length, log: Buffer.alloc(0), rest: rest() };
  return { ...bare, ...toBob, ...changes };
}
/** `passing()` as it must go on when it was accepted at the start. */
function onward(log = '1790000000 home.example forwarded\0'): Buffer {
  return formatMessage({ version: 1, ...toBob, log: Buffer.from(log), body: Buffer.alloc(60, 7), attachments: [] });
}

const waiting = () => post.store.queues.count('cmtp/forward');
const kept = async () => (await post.store.usage()).messages;
/** Turns the clock in small steps, which leave sockets and the store time, until it is done or `ms` are over. */
async function pass(ms: number, until: () => boolean | Promise<boolean>): Promise<void> {
  for (let step = 0; step < 400; step += 1) {
    if (await until()) return;
    await clock.advance(ms / 400);
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
  expect(await until()).toBe(true);
}
const isSettled = async () => (await waiting()) === 0;

// spec: cmtp 9 D12
describe('a message for another domain', () => {
  test('goes on with one line more in its log, and all else as it was', async () => {
    const far = await farSide(mail(onward('earlier\x001790000000 home.example forwarded\0'), replies.success));
    const forward = await forwarding(far.port);
    const message = passing({ log: Buffer.from('earlier\0') });
    expect(await forward.judge(message, own)).toBe('ok');
    expect(await forward.accept(message)).toBe('queued');
    await pass(MINUTE, isSettled);
    expect(far.unknown()).toHaveLength(0);
    expect(await kept()).toBe(0);
    expect(delivered).toEqual([]);
  });

  test('is taken from permitted senders alone', async () => {
    const forward = await forwarding(1, { forward_from: ['192.0.2.0/24'] });
    const judge = (asker: Asker, changes: Partial<Passing> = {}) => forward.judge(passing(changes), asker);
    expect(await judge(stranger)).toBe('not-permitted');
    expect(await judge({ address: undefined, account: undefined })).toBe('not-permitted');
    expect(await judge({ address: '192.0.2.9', account: undefined })).toBe('ok');
    expect(await judge(own)).toBe('ok');
    expect(await judge(own, { from: { account: 'alice', domain: 'HOME.example' } })).toBe('ok');
    expect(await judge(own, { from: { account: 'carol', domain: HOME } })).toBe('not-permitted');
    expect(await judge(own, { from: { account: 'alice', domain: FAR } })).toBe('not-permitted');
    expect(await judge(own, { to: { account: 'x', domain: 'nowhere.example' } })).toBe('no-host');
    expect(await judge(own, { to: { account: 'x', domain: '10.1.2.3' } })).toBe('no-host');
    expect(await judge(own, { to: { account: 'x', domain: 'broken.example' } })).toBe('ok');
  });

  test('that goes in a circle is not passed on', async () => {
    const forward = await forwarding(1);
    const log = (lines: number) => Buffer.from('hop\0'.repeat(lines));
    expect(await forward.judge(passing({ log: log(32) }), own)).toBe('ok');
    expect(await forward.judge(passing({ log: log(33) }), own)).toBe('loop');
    expect(await forward.judge(passing({ log: Buffer.alloc(64 * 1024 - 10, 0x61) }), own)).toBe('loop');
  });

  test('is kept as a whole or not at all', async () => {
    const forward = await forwarding(1, { forward_size: '200 B' });
    const broken = async function* () {
      yield Buffer.alloc(10);
      throw new Error('the peer is gone');
    };
    await expect(forward.accept(passing({ rest: broken() }))).rejects.toThrow('the peer is gone');
    expect(await forward.accept(passing({}, Buffer.alloc(300)))).toBe('full');
    expect([await waiting(), await kept()]).toEqual([0, 0]);
  });

  test('that was kept before a crash, and had no job yet, gets one', async () => {
    const forward = await forwarding(1);
    await forward.accept(passing());
    await forward.close(0);
    await forgetJobs();
    const far = await farSide(mail(onward(), replies.success));
    await forwarding(far.port);
    await pass(MINUTE, isSettled);
    expect(await kept()).toBe(0);
    expect(far.received().includes(onward())).toBe(true);
  });

  test('waits while the server is away, and while it says: not now', async () => {
    let reply: Uint8Array = Buffer.concat([u32(0), zeroEnded(TEXT), sign(Buffer.from(TEXT), farServer), Buffer.of(0)]);
    const exchange = {
      send: Buffer.concat([Buffer.from('MAIL\0'), onward()]),
      get reply() {
        return reply;
      },
    };
    const far = await farSide(exchange);
    const forward = await forwarding(1);
    await forward.accept(passing());
    await pass(5 * MINUTE, async () => ((await post.store.queues.nextDue('cmtp/forward')) ?? 0) > clock.now());
    await forward.use(z.strictObject(forwardSettings).parse({ forward_hosts: [`${FAR}=127.0.0.1:${far.port}`] }));
    await pass(2 * HOUR, () => far.received().includes(onward()));
    expect(await waiting()).toBe(1);
    reply = replies.success;
    await pass(9 * HOUR, isSettled);
    expect(delivered).toEqual([]);
  });
});

// spec: cmtp 9 D11
describe('toward an old reference server', () => {
  test('64 octets and NOOP follow the message', async () => {
    const far = stack.use(
      await openReference([mail(onward(), Buffer.alloc(0)), says(Buffer.alloc(64), Buffer.alloc(0))]),
    );
    const forward = await forwarding(far.port);
    await forward.accept(passing());
    await pass(MINUTE, isSettled);
    expect(far.received().includes(Buffer.concat([onward(), Buffer.alloc(64), Buffer.from('NOOP\0')]))).toBe(true);
    expect(delivered).toEqual([]);
  });

  test('attachments come back to their sender', async () => {
    const far = stack.use(await openReference());
    const forward = await forwarding(far.port);
    await forward.accept(passing({ attachments: 1 }));
    await pass(MINUTE, () => delivered.length > 0);
    expect(far.received().includes('MAIL')).toBe(false);
  });
});

describe('a notice', () => {
  const refusing = () => farSide(mail(onward(), replies.deliveryFailure));
  const read = async (at: number) =>
    openMessage(delivered[at]?.message ?? Buffer.alloc(0), [alice], async () => undefined);

  test('tells the sender, sealed to him, that nobody there can have it', async () => {
    const forward = await forwarding((await refusing()).port);
    await forward.accept(passing());
    await pass(MINUTE, () => delivered.length > 0);
    expect(delivered[0]?.account).toBe('alice');
    const notice = await read(0);
    expect(notice).toMatchObject({
      from: { account: '', domain: HOME },
      to: toBob.from,
      subject: 'Not delivered: bob@far.example',
    });
    expect(notice.text).toContain('knows no such account');
    await pass(MINUTE, isSettled);
    expect(await kept()).toBe(0);
  });

  test('tells that the server there wants no such message', async () => {
    const far = await farSide(mail(onward(), replies.failure));
    const forward = await forwarding(far.port);
    await forward.accept(passing());
    await pass(MINUTE, () => delivered.length > 0);
    expect((await read(0)).text).toContain('takes no such message');
  });

  test('comes after 48 hours without a server, and not before', async () => {
    const forward = await forwarding(1);
    const start = clock.now();
    await forward.accept(passing());
    await pass(50 * HOUR, () => delivered.length > 0);
    expect(clock.now() - start).toBeGreaterThan(40 * HOUR);
    expect((await read(0)).text).toContain('could not be reached');
    await pass(MINUTE, isSettled);
    expect(await kept()).toBe(0);
  });

  test('never answers a message of a server', async () => {
    const from = { account: '', domain: HOME };
    const whole = formatMessage({ ...parseMessage(onward()), from });
    const far = await farSide(mail(whole, replies.deliveryFailure));
    const forward = await forwarding(far.port);
    await forward.accept(passing({ from }));
    await forward.bounce(from, toBob.to, 'No.');
    await pass(MINUTE, isSettled);
    expect([delivered.length, await kept()]).toEqual([0, 0]);
  });

  test('to a sender elsewhere is sealed to the key that his server gives', async () => {
    const far = await farSide(
      says('KEYREQUEST\0bob\0far.example\0', replies.key(bob.publicKey)),
      says('MAIL\0', Buffer.alloc(0)),
    );
    const forward = await forwarding(far.port);
    await forward.bounce(toBob.to, toBob.from, 'There is no such account.');
    await pass(MINUTE, () => far.received().includes('MAIL\0') && far.unknown().length > 0);
    const opened = await openMessage(far.unknown(), [bob], async () => undefined);
    expect(opened).toMatchObject({ from: { account: '', domain: HOME }, to: toBob.to });
    expect(opened.text).toContain('There is no such account.');
  });

  test('to a sender elsewhere waits while his server is away', async () => {
    const forward = await forwarding(1);
    await forward.bounce(toBob.to, toBob.from, 'No.');
    await pass(
      10 * MINUTE,
      async () => ((await post.store.queues.nextDue('cmtp/forward')) ?? 0) > clock.now() + MINUTE,
    );
    expect(await waiting()).toBe(1);
  });

  test('to nobody is dropped', async () => {
    const forward = await forwarding(1);
    await forward.bounce({ account: 'gone', domain: HOME }, toBob.to, 'No.');
    await pass(MINUTE, isSettled);
    expect(delivered).toEqual([]);
  });
});

// spec: cmtp 9 D21
test('a server with another key than before gets nothing until the operator says so', async () => {
  const far = await farSide(mail(onward(), replies.success));
  const pins = new Pins(post, 'cmtp');
  await pins.replace(FAR, makeKeyPair(systemRandom).publicKey, 'first-use');
  const forward = await forwarding(far.port);
  await forward.accept(passing());
  await pass(HOUR, async () => (await pins.get(FAR))?.offered !== undefined);
  expect(far.received().includes('MAIL')).toBe(false);
  await pins.accept(FAR);
  await pass(9 * HOUR, isSettled);
  expect(far.received().includes(onward())).toBe(true);
});

// spec: cmtp 9 D9, D10
describe('the key of somebody elsewhere', () => {
  const asked = (far: ReplayServer) => far.received().toString('latin1').split('KEYREQUEST\0bob').length - 1;

  test('is asked of his server, and remembered for ten minutes', async () => {
    const far = await farSide(says('KEYREQUEST\0bob\0far.example\0', replies.key(bob.publicKey)));
    const forward = await forwarding(far.port);
    expect(await forward.keyOf(toBob.to, own)).toEqual(bob.publicKey);
    await clock.advance(9 * MINUTE);
    expect(await forward.keyOf(toBob.to, own)).toEqual(bob.publicKey);
    expect(asked(far)).toBe(1);
    await clock.advance(2 * MINUTE);
    expect(await forward.keyOf(toBob.to, own)).toEqual(bob.publicKey);
    expect(asked(far)).toBe(2);
  });

  test('is not there for a minute when it is not there', async () => {
    const far = await farSide(says('KEYREQUEST\0bob\0far.example\0', replies.keyNotAvailable));
    const forward = await forwarding(far.port);
    for (const wait of [50 * SECOND, 20 * SECOND, 0]) {
      expect(await forward.keyOf(toBob.to, own)).toBeUndefined();
      await clock.advance(wait);
    }
    expect(asked(far)).toBe(2);
  });

  test('is not given to strangers, and not taken from a server with another key or a bad one', async () => {
    const far = await farSide(
      says('KEYREQUEST\0bob\0far.example\0', replies.key(bob.publicKey)),
      says('KEYREQUEST\0zero\0far.example\0', replies.key(Buffer.alloc(32))),
    );
    const forward = await forwarding(far.port);
    expect(await forward.keyOf(toBob.to, stranger)).toBeUndefined();
    expect(far.received()).toHaveLength(0);
    expect(await forward.keyOf({ account: 'zero', domain: FAR }, own)).toBeUndefined();
    await new Pins(post, 'cmtp').replace(FAR, alice.publicKey, 'operator');
    expect(await forward.keyOf(toBob.to, own)).toBeUndefined();
  });
});
