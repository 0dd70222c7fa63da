// The nymserver as the office opens it: closed by default, offering its exit to the remailer, and asked by its operator.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { TestHolder } from '../../test/support/nym.ts';
import { openTestPost, type TestPost } from '../../test/support/post.ts';
import { MINUTE, VirtualClock } from '../base/time.ts';
import { exitOffer, mixService, type ReplyWay } from '../mixminion/node/service.ts';
import { PAYLOAD_LENGTH } from '../mixminion/packet/layout.ts';
import { makeSelfSigned, makeTlsKey, type TlsIdentity } from '../net/tls-identity.ts';
import type { Controls } from '../post/control.ts';
import type { House } from '../post/counter.ts';
import { nym } from './counter.ts';
import { type NymSettings, settings as schema } from './server/settings.ts';

let post: TestPost;
let clock: VirtualClock;
let identity: TlsIdentity;
beforeEach(async () => {
  clock = new VirtualClock();
  post = await openTestPost(clock);
  identity = await makeSelfSigned('localhost', makeTlsKey(), Date.now());
});
afterEach(async () => await post[Symbol.asyncDispose]());

const house = (): House => ({ post, identity, folder: post.folder, hostname: 'localhost' });
const DOMAIN = 'nym.test';
const settings = (changes: Record<string, unknown> = {}): NymSettings => schema.parse({ domain: DOMAIN, ...changes });

test('gives out no nyms until the operator names a domain', async () => {
  const open = await nym.open(house(), schema.parse({}));
  expect(post.services.get(exitOffer)).toBeUndefined();
  expect(await post.local.owns(`nymserver@${DOMAIN}`)).toBe(false);
  expect(schema.safeParse({ domain: 'not a domain' }).success).toBe(false);
  expect(schema.safeParse({ reply_path: 'Amber:Birch' }).success).toBe(false);

  await open.reload(house(), settings({ domain: 'Nym.Test' }));
  expect(post.services.get(exitOffer)).toMatchObject({
    module: { type: 0xf033 },
    nym: { domain: DOMAIN, maximumSize: 1024 },
    mbox: { name: 'nymserver', address: `nymserver@${DOMAIN}` },
  });
  expect(await post.local.owns(`nymserver@${DOMAIN}`)).toBe(true);
  await open.reload(house(), schema.parse({}));
  expect(post.services.get(exitOffer)).toBeUndefined();
  await open.close(0);
});

// spec: mixminion-nym 9
test('says so when nobody could reach it', () => {
  const warned = (given: NymSettings, ...beside: string[]) =>
    nym.warnings?.(given, new Set(beside)).map(({ message }) => /remailer|gateway/.exec(message)?.[0]);
  expect(warned(settings())).toEqual(['remailer', 'gateway']);
  expect(warned(settings(), 'nym', 'smtp')).toEqual(['remailer']);
  expect(warned(settings(), 'nym', 'mix')).toEqual(['gateway']);
  expect(warned(settings(), 'nym', 'mix', 'smtp')).toEqual([]);
  expect(warned(schema.parse({}))).toEqual([]);
  expect([nym.rests?.(settings()), nym.rests?.(schema.parse({}))]).toEqual([false, true]);
});

test('answers by way of the remailer, spends nothing when it is closed, and does what its operator says', async () => {
  const sent: Buffer[] = [];
  const open = await nym.open(house(), settings({ approval: true }));
  const offer = post.services.get(exitOffer);
  const ask = (name: string, argument: object) => {
    const known: Controls<NymSettings> = { ...nym.controls, ...open.controls };
    return known[name]?.run({ ...house(), settings: settings() }, argument);
  };
  const alice = new TestHolder({ clock });
  const say = (name: string, ...commands: Parameters<TestHolder['message']>[1]) => {
    const delivery = { kind: 'plain' as const, headers: new Map(), body: alice.message(name, commands) };
    const message = { id: Buffer.alloc(20), tag: Buffer.alloc(20), address: Buffer.from(DOMAIN), delivery };
    return offer?.module.deliver(message, new AbortController().signal);
  };
  const failed = vi.spyOn(post.log, 'warn');
  /** Lets time go by until it holds: the office works at its own pace. */
  const until = (holds: () => void) =>
    vi.waitFor(
      async () => {
        await clock.advance(5 * MINUTE);
        holds();
      },
      { interval: 5, timeout: 20_000 },
    );

  await say('', { word: 'CREATE', candidates: ['alice'] }, alice.keys(), { word: 'SURB', surbs: alice.surbs(5) });
  await until(() => expect(failed).toHaveBeenCalledWith('outbound.attempt-failed', expect.anything()));
  expect(await ask('show', { nym: 'alice' })).toMatchObject({ state: 'reserved', surbs: 5 });
  expect(await ask('stats', {})).toMatchObject({ nyms: { reserved: 1 }, surbs: 5 });

  const way: ReplyWay = async (_surb, payload) => void sent.push(payload);
  post.services.provide(mixService, { replyWays: (count) => Array.from({ length: count }, () => way) });
  await say('', { word: 'CREATE', candidates: ['alice'] }, alice.keys(), { word: 'SURB', surbs: alice.surbs(3) });
  await until(() => expect(sent).not.toEqual([]));
  expect(sent.map(({ length }) => length)).toContain(PAYLOAD_LENGTH);
  expect(await ask('refuse', { nym: 'alice' })).toEqual({ nym: 'alice' });
  expect(await ask('list', { after: '' })).toEqual([]);
  await expect(ask('approve', { nym: 'alice' })).rejects.toThrow('does not wait for approval');
  await Promise.all([open.close(0), clock.advance(MINUTE)]);
});
