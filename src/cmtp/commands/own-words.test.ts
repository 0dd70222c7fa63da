import { describe, expect, test } from 'vitest';
import { hex } from '../../../test/support/cmtp.ts';
import { type Caller, DOMAIN, letter, RoomOfTests, server, users } from '../../../test/support/cmtp-room.ts';
import { systemRandom } from '../../base/random.ts';
import { DAY, MINUTE, SECOND, startOfDay } from '../../base/time.ts';
import { makeKeyPair, sign, verify } from '../crypto/keys.ts';
import { invite } from '../invitations.ts';
import { authProof, enrolProof, rotateProof } from '../wire/proofs.ts';

const at = new RoomOfTests();

// spec: cmtp 9 D13
describe('reading mail from another machine', () => {
  async function prove(caller: Caller, name: 'alice' | 'bob', pair = users[name], domain = DOMAIN): Promise<string> {
    const reply = await caller.ask(104, 'XCHAL', name);
    const challenge = reply.subarray(8, 40);
    expect(reply.subarray(0, 8)).toEqual(hex('0000000100000020'));
    expect(verify(reply.subarray(40), challenge, server.publicKey)).toBe(true);
    const of = { server: server.publicKey, account: name, domain };
    return caller.hear('XAUTH', sign(authProof(of, challenge), pair));
  }

  async function list(caller: Caller): Promise<{ id: Buffer; size: number; arrived: number }[]> {
    const head = await caller.ask(8, 'XLIST');
    expect(head.readUInt32BE()).toBe(1);
    const entries = await caller.read(48 * head.readUInt32BE(4));
    return Array.from({ length: entries.length / 48 }, (_, place) => {
      const entry = entries.subarray(48 * place, 48 * place + 48);
      const [size, arrived] = [Number(entry.readBigUInt64BE(32)), Number(entry.readBigUInt64BE(40))];
      return { id: entry.subarray(0, 32), size, arrived };
    });
  }

  test('list, fetch, delete', async () => {
    const caller = at.call();
    const sent = [letter({}, 'one'), letter({ attachments: [Buffer.alloc(200_000, 5)] }, 'two')];
    for (const message of sent) await caller.hear('MAIL', message);
    expect(await prove(caller, 'bob')).toBe('SUCCESS');
    const listed = await list(caller);
    expect(listed.map(({ size }) => size)).toEqual(sent.map(({ length }) => length));
    expect(listed.map(({ arrived }) => arrived * SECOND)).toEqual(sent.map(() => startOfDay(at.clock.now())));
    for (const [place, { id, size }] of listed.entries()) {
      const head = await caller.ask(12, 'XFETCH', id);
      expect([head.readUInt32BE(), Number(head.readBigUInt64BE(4))]).toEqual([1, size]);
      const message = await caller.read(size);
      expect(message).toEqual(sent[place]);
      expect(verify(await caller.read(64), message, server.publicKey)).toBe(true);
      expect(await caller.hear('XDELETE', id)).toBe('SUCCESS');
      expect(await caller.hear('XDELETE', id)).toBe('FAILURE');
      expect(await caller.hear('XFETCH', id)).toBe('FAILURE');
    }
    expect(await list(caller)).toEqual([]);
  });

  test('whoever was here has the quota of today', async () => {
    at.room.use({ ...at.room.settings, mailbox_messages: 1 });
    const caller = at.call();
    expect(await prove(caller, 'bob')).toBe('SUCCESS');
    expect(await caller.hear('MAIL', letter())).toBe('SUCCESS');
    expect(await caller.hear('MAIL', letter())).toBe('DELIVERYFAILURE');
  });

  test('one sees one’s own mail alone', async () => {
    const caller = at.call();
    await caller.hear('MAIL', letter());
    expect(await prove(caller, 'bob')).toBe('SUCCESS');
    const [message] = await list(caller);
    expect(await prove(caller, 'alice')).toBe('SUCCESS');
    expect(await list(caller)).toEqual([]);
    expect(await caller.hear('XFETCH', message?.id ?? '')).toBe('FAILURE');
    expect(await caller.hear('XDELETE', message?.id ?? '')).toBe('FAILURE');
  });

  test('nothing without proof, and no proof but by the account’s key over this server’s challenge, once and soon', async () => {
    const caller = at.call();
    for (const word of ['XLIST', 'XFETCH', 'XDELETE']) {
      expect(await caller.hear(word, word === 'XLIST' ? Buffer.alloc(0) : Buffer.alloc(32))).toBe('FAILURE');
    }
    expect(await caller.hear('XAUTH', Buffer.alloc(64))).toBe('FAILURE');
    expect(await prove(caller, 'bob', users.alice)).toBe('FAILURE');
    expect(await prove(caller, 'bob', users.bob, 'far.example')).toBe('FAILURE');
    expect(await prove(caller, 'bob', users.bob, DOMAIN.toUpperCase())).toBe('SUCCESS');
    const challenge = (await caller.ask(104, 'XCHAL', 'bob')).subarray(8, 40);
    const proof = sign(authProof({ server: server.publicKey, account: 'bob', domain: DOMAIN }, challenge), users.bob);
    expect(await caller.hear('XAUTH', proof)).toBe('SUCCESS');
    expect(await caller.hear('XAUTH', proof)).toBe('FAILURE'); // used up
    expect(await caller.hear('XLIST')).toBe('FAILURE'); // and nothing is proved any more
    const late = (await caller.ask(104, 'XCHAL', 'bob')).subarray(8, 40);
    await at.clock.advance(MINUTE);
    const of = { server: server.publicKey, account: 'bob', domain: DOMAIN };
    expect(await caller.hear('XAUTH', sign(authProof(of, late), users.bob))).toBe('FAILURE');
  });

  test('there is a challenge for anybody, so that it tells nothing', async () => {
    const caller = at.call();
    expect((await caller.ask(104, 'XCHAL', 'ghost')).readUInt32BE()).toBe(1);
    expect(await caller.hear('XAUTH', Buffer.alloc(64))).toBe('FAILURE');
    expect(await caller.hear('XCHAL', '')).toBe('FAILURE');
  });

  test('forwarding hears who was proved', async () => {
    const caller = at.call();
    await prove(caller, 'alice');
    await caller.hear('MAIL', letter({ to: { account: 'bob', domain: 'far.example' } }));
    expect(at.forward.askers).toEqual([{ address: undefined, account: 'alice' }]);
  });

  // spec: cmtp 9 D22
  test('another key, and another passphrase for it', async () => {
    const caller = at.call();
    const next = makeKeyPair(systemRandom);
    const rotate = (pair: typeof next, xzibit: Buffer) => {
      const keys = { publicKey: pair.publicKey, xzibit };
      const proof = rotateProof({ server: server.publicKey, account: 'alice', domain: DOMAIN }, keys);
      return caller.hear('XROTATE', pair.publicKey, xzibit, sign(proof, pair));
    };
    expect(await rotate(next, users.bob.xzibit)).toBe('FAILURE'); // nothing proved
    await prove(caller, 'alice');
    expect(await rotate(next, Buffer.alloc(156))).toBe('FAILURE');
    expect(await rotate({ ...next, secretKey: users.bob.secretKey }, users.bob.xzibit)).toBe('FAILURE');
    expect(await rotate(next, users.bob.xzibit)).toBe('SUCCESS');
    expect(await at.room.accounts.get('alice')).toMatchObject({
      publicKey: next.publicKey,
      xzibit: users.bob.xzibit,
      former: [{ publicKey: users.alice.publicKey, xzibit: users.alice.xzibit }],
    });
    expect(await rotate(next, users.alice.xzibit)).toBe('SUCCESS');
    const { former, xzibit } = (await at.room.accounts.get('alice')) ?? {};
    expect([former?.length, xzibit]).toEqual([1, users.alice.xzibit]);
  });
});

// spec: cmtp 9 D23
describe('making an account with an invitation', () => {
  const carol = makeKeyPair(systemRandom);
  const { xzibit } = users.bob; // its shape is all that the server can judge
  const enrol = (caller: Caller, token: string, name: string, pair = carol) => {
    const keys = { publicKey: pair.publicKey, xzibit };
    const proof = enrolProof({ server: server.publicKey, account: name, domain: DOMAIN }, token, keys);
    return caller.hear('XENROL', token, name, pair.publicKey, xzibit, sign(proof, pair));
  };
  const invitation = (account?: string) => invite(at.room.post, { until: at.clock.now() + DAY, account });

  test('one invitation makes one account', async () => {
    const caller = at.call();
    const token = await invitation();
    expect(await enrol(caller, token, 'carol')).toBe('SUCCESS');
    expect((await caller.ask(102, 'KEYREQUEST', 'carol', '')).subarray(4, 36)).toEqual(carol.publicKey);
    expect(await enrol(caller, token, 'dave')).toBe('FAILURE');
  });

  test('a name that is taken, or is none, leaves the invitation as it was', async () => {
    const caller = at.call();
    const token = await invitation();
    for (const name of ['alice', '.x', '', 'x'.repeat(201)]) {
      expect(await caller.hear('NOOP')).toBe('SUCCESS');
      expect(await enrol(caller, token, name === '' ? 'alice' : name)).toBe('FAILURE');
    }
    expect(await enrol(caller, token, 'erin', { ...carol, secretKey: users.bob.secretKey })).toBe('FAILURE');
    expect(await enrol(caller, token, 'erin')).toBe('SUCCESS');
  });

  test('an invitation for one name, a wrong one, an old one', async () => {
    const caller = at.call();
    const token = await invitation('frank');
    expect(await enrol(caller, token, 'grace')).toBe('FAILURE');
    expect(await enrol(caller, `${token.slice(1)}0`, 'frank')).toBe('FAILURE');
    expect(await enrol(caller, token, 'frank')).toBe('SUCCESS');
    const late = await invitation();
    await at.clock.advance(DAY);
    expect(await enrol(at.call(), late, 'heidi')).toBe('FAILURE');
  });

  test('two at once make one account', async () => {
    const token = await invitation();
    const answers = await Promise.all(['ivan', 'judy'].map((name) => enrol(at.call(), token, name)));
    expect(answers.sort()).toEqual(['FAILURE', 'SUCCESS']);
  });
});
