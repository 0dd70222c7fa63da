import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { DOMAIN, letter, RoomOfTests, seedReplies, server, users } from '../../../test/support/cmtp-room.ts';
import { systemRandom } from '../../base/random.ts';
import { MINUTE } from '../../base/time.ts';
import { makeKeyPair, verify } from '../crypto/keys.ts';

const WORDS = ['OHAI', 'MAIL', 'KEYREQUEST', 'NOOP', 'LOGIN', 'OBAI', 'HELP'];
const at = new RoomOfTests();

// spec: cmtp 4.1, 9 D8, D9, D10
describe('KEYREQUEST', () => {
  test('the server’s own key comes at the user’s NUL', async () => {
    expect(await at.call().ask(102, 'KEYREQUEST', '')).toEqual(seedReplies['KEYREQUEST-server']);
  });

  test.each([DOMAIN, DOMAIN.toUpperCase(), ''])('a user’s key, with the domain %j', async (domain) => {
    expect(await at.call().ask(102, 'KEYREQUEST', 'alice', domain)).toEqual(seedReplies['KEYREQUEST-alice']);
  });

  test.each(WORDS)('the domain left out and %s said behind it', async (word) => {
    const caller = at.call();
    expect(await caller.ask(102, 'KEYREQUEST', 'alice', word)).toEqual(seedReplies['KEYREQUEST-alice']);
    if (word === 'MAIL') await caller.raw(letter());
    if (word === 'LOGIN') await caller.say('nobody');
    if (word === 'KEYREQUEST') expect(await caller.ask(102, '')).toEqual(seedReplies['KEYREQUEST-server']);
    else
      expect(await caller.read(73)).toEqual(seedReplies[word === 'HELP' || word === 'LOGIN' ? 'FAILURE' : 'SUCCESS']);
  });

  test('the domain left out and nothing said behind it', async () => {
    const caller = at.call();
    await caller.say('KEYREQUEST', 'alice');
    const reply = caller.read(102);
    let came = false;
    void reply.then(() => {
      came = true;
    });
    await at.clock.advance(999);
    expect(came).toBe(false);
    await at.clock.advance(1);
    expect(await reply).toEqual(seedReplies['KEYREQUEST-alice']);
    expect(await caller.hear('NOOP')).toBe('SUCCESS');
  });

  test.each(['ghost', 'Alice', '..', 'a/b', '../alice', '\x01', 'x'.repeat(255)])('no key of %j', async (user) => {
    expect(await at.call().ask(85, 'KEYREQUEST', user, DOMAIN)).toEqual(seedReplies['KEYNOTAVAILABLE']);
  });

  test('somebody elsewhere: his key as his server gives it, or none, never that of a namesake here', async () => {
    const caller = at.call();
    expect(await caller.hear('KEYREQUEST', 'alice', 'far.example')).toBe('KEYNOTAVAILABLE');
    at.forward.keys.set('alice@far.example', users.bob.publicKey);
    const reply = await caller.ask(102, 'KEYREQUEST', 'alice', 'far.example');
    expect(reply.subarray(4, 36)).toEqual(users.bob.publicKey);
    expect(verify(reply.subarray(37, 101), users.bob.publicKey, server.publicKey)).toBe(true);
  });

  test('a bad key from elsewhere is not passed on', async () => {
    at.forward.keys.set('zero@far.example', Buffer.alloc(32));
    const caller = at.call();
    expect(await caller.hear('KEYREQUEST', 'zero', 'far.example')).toBe('KEYNOTAVAILABLE');
  });

  // spec: cmtp 8
  test('a thousand answers later it is still the right key', async () => {
    const caller = at.call();
    const descriptors = () => (existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0);
    const before = descriptors();
    for (let asked = 0; asked < 1000; asked += 1) await caller.say('KEYREQUEST', 'alice', DOMAIN);
    for (let asked = 0; asked < 1000; asked += 1)
      expect(await caller.read(102)).toEqual(seedReplies['KEYREQUEST-alice']);
    expect(descriptors()).toBeLessThan(before + 20);
  });

  test('after a rotation it is the new key', async () => {
    const caller = at.call();
    await caller.ask(102, 'KEYREQUEST', 'alice', '');
    const next = makeKeyPair(systemRandom);
    await at.room.accounts.rotate('alice', { publicKey: next.publicKey, xzibit: users.alice.xzibit });
    expect((await caller.ask(102, 'KEYREQUEST', 'alice', '')).subarray(4, 36)).toEqual(next.publicKey);
    await at.room.accounts.remove('alice');
    expect(await caller.hear('KEYREQUEST', 'alice', '')).toBe('KEYNOTAVAILABLE');
  });
});

// spec: cmtp 4.2, 9 D6, D22
describe('LOGIN', () => {
  test('an xzibit, as the seed frames it', async () => {
    expect(await at.call().ask(228, 'LOGIN', 'alice')).toEqual(seedReplies['LOGIN-alice']);
  });

  test.each(['ghost', '', '../alice', 'a\nb'])('%j has none', async (user) => {
    const caller = at.call();
    expect(await caller.hear('LOGIN', user)).toBe('FAILURE');
    expect(await caller.hear('NOOP')).toBe('SUCCESS');
  });

  test('who asks too often is cut off', async () => {
    await at.reopen({ login_rate: '2/min' });
    const caller = at.call();
    for (let asked = 0; asked < 2; asked += 1) await caller.ask(228, 'LOGIN', 'alice');
    await caller.say('LOGIN', 'alice');
    expect(await caller.rest()).toHaveLength(0);
    await at.clock.advance(MINUTE);
    expect(await at.call().ask(228, 'LOGIN', 'alice')).toEqual(seedReplies['LOGIN-alice']);
  });
});
