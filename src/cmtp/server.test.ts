import { existsSync, readdirSync } from 'node:fs';
import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  cmtpVectors,
  hex,
  type InnerVectors,
  type MessageVectors,
  type ReplyVectors,
} from '../../test/support/cmtp.ts';
import {
  AUTO,
  Caller,
  DOMAIN,
  mailOf,
  openRoom,
  SEED,
  server,
  type TestRoom,
  users,
} from '../../test/support/cmtp-room.ts';
import { openTestPost, type TestPost } from '../../test/support/post.ts';
import { systemRandom } from '../base/random.ts';
import { DAY, HOUR, MINUTE, SECOND, startOfDay, VirtualClock } from '../base/time.ts';
import type { Messages } from '../store/store.ts';
import { seal } from './crypto/box.ts';
import { makeKeyPair, sign, verify } from './crypto/keys.ts';
import { invite } from './invitations.ts';
import { formatHead, formatMessage, type Message, parseMessage } from './wire/message.ts';
import { authProof, enrolProof, rotateProof } from './wire/proofs.ts';

const replies = Object.fromEntries(
  cmtpVectors<ReplyVectors>('seed-replies').replies.map(({ name, hex: octets }) => [name, hex(octets)]),
);
const [fromReference = Buffer.alloc(0), , withLog = Buffer.alloc(0), plaintext = Buffer.alloc(0)] =
  cmtpVectors<MessageVectors>('messages').messages.map(({ message }) => hex(message));
const withAttachments = hex(
  cmtpVectors<InnerVectors>('inner-structures').messages.find(({ attachments }) => attachments.length > 0)?.message ??
    '',
);
const WORDS = ['OHAI', 'MAIL', 'KEYREQUEST', 'NOOP', 'LOGIN', 'OBAI', 'HELP'];

function letter(changes: Partial<Message> = {}, text = 'Hello.'): Buffer {
  const bare = { version: 1, log: Buffer.alloc(0), attachments: [], from: { account: 'alice', domain: DOMAIN } };
  const body = seal(Buffer.from(text), users.bob.publicKey, systemRandom);
  return formatMessage({ ...bare, to: { account: 'bob', domain: DOMAIN }, body, ...changes });
}

let post: TestPost;
let room: TestRoom;
let clock: VirtualClock;
beforeAll(async () => {
  post = await openTestPost();
  return () => post[Symbol.asyncDispose]();
});
beforeEach(async () => {
  clock = new VirtualClock(Date.now());
  room = await openRoom(post, clock);
});
const call = () => new Caller(room);

/** Gives the server a store that does something of its own with messages. */
function useMessages(messages: Messages): void {
  const { post } = room.room;
  Object.assign(room.room, { post: { ...post, store: { ...post.store, messages } } });
}

async function* stallBefore(chunks: AsyncIterable<Uint8Array>, stalled: Promise<void>): AsyncGenerator<Uint8Array> {
  await stalled;
  yield* chunks;
}

// spec: cmtp 4, 9 D1, D5
describe('words', () => {
  test.each([
    ['OHAI', 'SUCCESS'],
    ['NOOP', 'SUCCESS'],
    ['HELP', 'FAILURE'],
    ['noop', 'FAILURE'],
    ['NOOPS', 'FAILURE'],
    ['XAUTHX', 'FAILURE'],
    ['ABCDEFGHIJKLMNOPQRSTUVWXYZ012345', 'FAILURE'],
  ])('%s: %s, as the seed signs it', async (word, answer) => {
    expect(await call().ask(73, word)).toEqual(replies[answer]);
  });

  test('OBAI: SUCCESS, and the end', async () => {
    const caller = call();
    expect(await caller.ask(73, 'OBAI')).toEqual(replies['SUCCESS']);
    expect(await caller.rest()).toHaveLength(0);
  });

  test('a lone NUL is nothing, and commands may come all at once', async () => {
    const caller = call();
    await caller.raw('\0\0NOOP\0\0NOOP\0HELP\0');
    const answers = Buffer.concat([await caller.read(73), await caller.read(73), await caller.read(73)]);
    expect(answers).toEqual(
      Buffer.concat(['SUCCESS', 'SUCCESS', 'FAILURE'].map((word) => replies[word] ?? Buffer.alloc(0))),
    );
  });

  test('who speaks before two seconds have passed is not greeted', async () => {
    const caller = new Caller(room, AUTO);
    await clock.advance(1999);
    expect(await caller.ask(73, 'OHAI')).toEqual(replies['SUCCESS']);
  });

  test('where only the seed is spoken, silence is not greeted either', async () => {
    const caller = call();
    await clock.advance(HOUR / 20);
    expect(await caller.ask(73, 'OHAI')).toEqual(replies['SUCCESS']);
  });

  test('our own words are unknown where they are switched off', async () => {
    const caller = new Caller(room, AUTO);
    expect(await caller.hear('XLIST')).toBe('FAILURE');
    expect(await caller.hear('NOOP')).toBe('SUCCESS');
  });
});

// spec: cmtp 4.1, 9 D8, D9, D10
describe('KEYREQUEST', () => {
  test('the server’s own key comes at the user’s NUL', async () => {
    expect(await call().ask(102, 'KEYREQUEST', '')).toEqual(replies['KEYREQUEST-server']);
  });

  test.each([DOMAIN, DOMAIN.toUpperCase(), ''])('a user’s key, with the domain %j', async (domain) => {
    expect(await call().ask(102, 'KEYREQUEST', 'alice', domain)).toEqual(replies['KEYREQUEST-alice']);
  });

  test.each(WORDS)('the domain left out and %s said behind it', async (word) => {
    const caller = call();
    expect(await caller.ask(102, 'KEYREQUEST', 'alice', word)).toEqual(replies['KEYREQUEST-alice']);
    if (word === 'MAIL') await caller.raw(letter());
    if (word === 'LOGIN') await caller.say('nobody');
    if (word === 'KEYREQUEST') expect(await caller.ask(102, '')).toEqual(replies['KEYREQUEST-server']);
    else expect(await caller.read(73)).toEqual(replies[word === 'HELP' || word === 'LOGIN' ? 'FAILURE' : 'SUCCESS']);
  });

  test('the domain left out and nothing said behind it', async () => {
    const caller = call();
    await caller.say('KEYREQUEST', 'alice');
    const reply = caller.read(102);
    let came = false;
    void reply.then(() => {
      came = true;
    });
    await clock.advance(999);
    expect(came).toBe(false);
    await clock.advance(1);
    expect(await reply).toEqual(replies['KEYREQUEST-alice']);
    expect(await caller.hear('NOOP')).toBe('SUCCESS');
  });

  test.each(['ghost', 'Alice', '..', 'a/b', '../alice', '\x01', 'x'.repeat(255)])('no key of %j', async (user) => {
    expect(await call().ask(85, 'KEYREQUEST', user, DOMAIN)).toEqual(replies['KEYNOTAVAILABLE']);
  });

  test('somebody elsewhere: his key as his server gives it, or none, never that of a namesake here', async () => {
    const caller = call();
    expect(await caller.hear('KEYREQUEST', 'alice', 'far.example')).toBe('KEYNOTAVAILABLE');
    room.forward.keys.set('alice@far.example', users.bob.publicKey);
    const reply = await caller.ask(102, 'KEYREQUEST', 'alice', 'far.example');
    expect(reply.subarray(4, 36)).toEqual(users.bob.publicKey);
    expect(verify(reply.subarray(37, 101), users.bob.publicKey, server.publicKey)).toBe(true);
  });

  test('a bad key from elsewhere is not passed on', async () => {
    room.forward.keys.set('zero@far.example', Buffer.alloc(32));
    const caller = call();
    expect(await caller.hear('KEYREQUEST', 'zero', 'far.example')).toBe('KEYNOTAVAILABLE');
  });

  // spec: cmtp 8
  test('a thousand answers later it is still the right key', async () => {
    const caller = call();
    const descriptors = () => (existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0);
    const before = descriptors();
    for (let asked = 0; asked < 1000; asked += 1) await caller.say('KEYREQUEST', 'alice', DOMAIN);
    for (let asked = 0; asked < 1000; asked += 1) expect(await caller.read(102)).toEqual(replies['KEYREQUEST-alice']);
    expect(descriptors()).toBeLessThan(before + 20);
  });

  test('after a rotation it is the new key', async () => {
    const caller = call();
    await caller.ask(102, 'KEYREQUEST', 'alice', '');
    const next = makeKeyPair(systemRandom);
    await room.room.accounts.rotate('alice', { publicKey: next.publicKey, xzibit: users.alice.xzibit });
    expect((await caller.ask(102, 'KEYREQUEST', 'alice', '')).subarray(4, 36)).toEqual(next.publicKey);
    await room.room.accounts.remove('alice');
    expect(await caller.hear('KEYREQUEST', 'alice', '')).toBe('KEYNOTAVAILABLE');
  });
});

// spec: cmtp 4.2, 9 D6, D22
describe('LOGIN', () => {
  test('an xzibit, as the seed frames it', async () => {
    expect(await call().ask(228, 'LOGIN', 'alice')).toEqual(replies['LOGIN-alice']);
  });

  test.each(['ghost', '', '../alice', 'a\nb'])('%j has none', async (user) => {
    const caller = call();
    expect(await caller.hear('LOGIN', user)).toBe('FAILURE');
    expect(await caller.hear('NOOP')).toBe('SUCCESS');
  });

  test('who asks too often is cut off', async () => {
    room = await openRoom(post, clock, { login_rate: '2/min' });
    const caller = call();
    for (let asked = 0; asked < 2; asked += 1) await caller.ask(228, 'LOGIN', 'alice');
    await caller.say('LOGIN', 'alice');
    expect(await caller.rest()).toHaveLength(0);
    await clock.advance(MINUTE);
    expect(await call().ask(228, 'LOGIN', 'alice')).toEqual(replies['LOGIN-alice']);
  });
});

// spec: cmtp 4.3, 5, 9 D11, D14, D15, D18
describe('MAIL', () => {
  test.each([
    ['of the old client', fromReference],
    ['with a log', withLog],
    ['with attachments', withAttachments],
    ['to the server itself', letter({ to: { account: '', domain: DOMAIN } })],
    ['from nobody', letter({ from: { account: '', domain: '' } })],
    ['to a domain in capitals', letter({ to: { account: 'bob', domain: DOMAIN.toUpperCase() } })],
  ])('a message %s is stored to the octet', async (_name, message) => {
    const caller = call();
    expect(await caller.ask(73, 'MAIL', message)).toEqual(replies['SUCCESS']);
    expect(await mailOf(post, parseMessage(message).to.account)).toEqual([message]);
    expect(await caller.hear('NOOP')).toBe('SUCCESS');
  });

  test('a large message passes through; the same again is one message, whatever its log says', async () => {
    const files = [Buffer.alloc(300_000, 1), Buffer.alloc(0), Buffer.alloc(70_000, 2)];
    const body = seal(Buffer.alloc(200_000, 3), users.bob.publicKey, systemRandom);
    const first = letter({ body, attachments: files });
    const again = letter({ body, attachments: files, log: Buffer.from('hop\0') });
    const caller = call();
    expect(await caller.hear('MAIL', first)).toBe('SUCCESS');
    expect(await caller.hear('MAIL', again)).toBe('SUCCESS');
    expect(await caller.hear('MAIL', letter())).toBe('SUCCESS');
    expect((await mailOf(post, 'bob')).map(({ length }) => length)).toEqual([first.length, letter().length]);
  });

  test('a store that is slow slows its peer: of a long message no more is in memory than is under way', async () => {
    const message = letter({ attachments: [Buffer.alloc(8 * 1024 ** 2)] });
    let goOn = () => {};
    const stalled = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const { store } = room.room.post;
    const receive: Messages['receive'] = (mailbox, chunks, size) =>
      store.messages.receive(mailbox, stallBefore(chunks, stalled), size);
    useMessages({ ...store.messages, receive });
    const caller = call();
    let taken = 0;
    const sending = (async () => {
      await caller.say('MAIL');
      for (const step = 64 * 1024; taken < message.length; taken += step) {
        await caller.raw(message.subarray(taken, taken + step));
      }
    })();
    for (let tries = 0; tries < 500; tries += 1) await new Promise(setImmediate);
    expect(taken).toBeLessThan(1024 ** 2);
    goOn();
    await sending;
    expect(await caller.read(73)).toEqual(replies['SUCCESS']);
    expect((await mailOf(post, 'bob')).map((stored) => stored.equals(message))).toEqual([true]);
  });

  test.each<[string, Buffer, 'FAILURE' | 'DELIVERYFAILURE']>([
    ['to nobody here', letter({ to: { account: 'ghost', domain: DOMAIN } }), 'DELIVERYFAILURE'],
    [
      'to a domain that we do not carry mail to',
      letter({ to: { account: 'bob', domain: 'far.example' } }),
      'DELIVERYFAILURE',
    ],
    ['in the clear', plaintext, 'FAILURE'],
    ['of an unknown version', letter({ version: 2 }), 'FAILURE'],
    ['whose body is too short to be sealed', letter({ body: Buffer.alloc(47) }), 'FAILURE'],
  ])('a message %s is read to its end and answered', async (_name, message, answer) => {
    const caller = call();
    expect(await caller.hear('MAIL', message)).toBe(answer);
    expect(await caller.hear('MAIL', letter())).toBe('SUCCESS');
    expect(await mailOf(post, 'bob')).toHaveLength(1);
  });

  test.each(['../../etc', '..', '.ssh', 'a/b', 'a\\b', 'bob\n', '\xff'])('%j is nobody’s name', async (name) => {
    const message = letter({ to: { account: 'X'.repeat(name.length), domain: DOMAIN } });
    message.write(name, 24, 'latin1');
    const caller = call();
    expect(await caller.hear('MAIL', message)).toBe('FAILURE');
    expect(await caller.hear('NOOP')).toBe('SUCCESS');
  });

  test('in the clear, where that is allowed', async () => {
    room = await openRoom(post, clock, { allow_plaintext: true });
    expect(await call().hear('MAIL', plaintext)).toBe('SUCCESS');
    expect(await mailOf(post, 'bob')).toEqual([plaintext]);
  });

  test('a full mailbox takes no more', async () => {
    room = await openRoom(post, clock, { mailbox_messages: 1 });
    const caller = call();
    expect(await caller.hear('MAIL', letter())).toBe('SUCCESS');
    expect(await caller.hear('MAIL', letter())).toBe('DELIVERYFAILURE');
    expect(await mailOf(post, 'bob')).toHaveLength(1);
  });

  test('for another domain: what forwarding says is what is answered', async () => {
    const caller = call();
    const message = letter({ to: { account: 'bob', domain: 'far.example' }, attachments: [Buffer.alloc(60, 9)] });
    for (const verdict of ['no-host', 'loop', 'not-permitted'] as const) {
      room.forward.verdict = verdict;
      expect(await caller.hear('MAIL', message)).toBe('DELIVERYFAILURE');
    }
    room.forward.verdict = 'ok';
    expect(await caller.hear('MAIL', message)).toBe('SUCCESS');
    const [taken] = room.forward.taken;
    const { body, log } = parseMessage(message);
    const attached = Buffer.concat([Buffer.from('000000000000003c', 'hex'), Buffer.alloc(60, 9)]);
    expect(taken).toMatchObject({ version: 1, attachments: 1, to: { account: 'bob', domain: 'far.example' }, log });
    expect(taken?.rest).toEqual(Buffer.concat([body, attached]));
    room.forward.accepts = 'full';
    await caller.say('MAIL', message);
    expect(await caller.rest()).toHaveLength(0); // not now: to be tried again
  });

  const small = { log_size: '10 B', body_size: '100 B', attachments: 2, attachments_size: '100 B' };
  const to = { account: 'bob', domain: DOMAIN };
  const lengths = { version: 1, attachments: 0, logLength: 0, bodyLength: 48, to, from: to };
  const attachment = (...octets: Buffer[]) =>
    Buffer.concat([formatHead({ ...lengths, attachments: octets.length }), Buffer.alloc(48), ...octets]);
  test.each<[string, Buffer]>([
    ['a log too long', formatHead({ ...lengths, logLength: 11 })],
    ['a body too long', formatHead({ ...lengths, bodyLength: 101 })],
    ['too many attachments', formatHead({ ...lengths, attachments: 3 })],
    ['an attachment too long', attachment(hex('0000000000000065'))],
    ['attachments too long together', attachment(hex(`0000000000000033${'00'.repeat(51)}`), hex('0000000000000032'))],
    ['a length beyond 2^53', Buffer.concat([hex('000000010000000000200000000000000000000000000000')])],
    ['a length beyond 2^63', Buffer.concat([hex('0000000100000000ffffffffffffffffffffffffffffffff')])],
    ['an envelope without an end', Buffer.concat([formatHead(lengths).subarray(0, 24), Buffer.alloc(256, 'x')])],
  ])('%s: FAILURE, and the end', async (_name, octets) => {
    room = await openRoom(post, clock, small);
    const caller = call();
    expect(await caller.hear('MAIL', octets)).toBe('FAILURE');
    expect(await caller.rest()).toHaveLength(0);
    expect(await mailOf(post, 'bob')).toEqual([]);
  });

  test('a message that breaks off is dropped whole; one that stands still is given up after a minute', async () => {
    const message = letter({ attachments: [Buffer.alloc(100)] });
    for (let cut = 0; cut < message.length; cut += 37) {
      const caller = call();
      await caller.say('MAIL', message.subarray(0, cut));
      caller.hangUp();
      await caller.ended;
    }
    const caller = call();
    await caller.say('MAIL', message.subarray(0, -1));
    await clock.advance(MINUTE - 1);
    await caller.raw(message.subarray(-1));
    expect(await caller.read(73)).toEqual(replies['SUCCESS']);
    await caller.say('MAIL', message.subarray(0, -1));
    await clock.advance(MINUTE);
    await clock.advance(MINUTE);
    expect(await caller.rest()).toHaveLength(0);
    expect(await mailOf(post, 'bob')).toHaveLength(1);
  });

  test('when the disk fails nothing is said, so that it is sent again', async () => {
    useMessages({ ...room.room.post.store.messages, receive: () => Promise.reject(new Error('no disk')) });
    const caller = call();
    await caller.say('MAIL', letter());
    expect(await caller.rest()).toHaveLength(0);
  });
});

// spec: cmtp 2, 9 D14
describe('strangers', () => {
  test.each([
    'EHLO me\r\n',
    'HELO me\n',
    'x'.repeat(33),
    '\x16\x03\x01\x02\x00\x01\xfc\x03\0',
    'NO\xffP\0',
    'GET / HTTP/1.1\r\n\r\n',
  ])('%j: FAILURE, and the end', async (octets) => {
    const caller = call();
    await caller.raw(Buffer.from(octets, 'latin1'));
    const heard = await caller.rest();
    expect(heard.subarray(-73)).toEqual(replies['FAILURE']);
  });

  test('an argument without an end: FAILURE, and the end', async () => {
    const caller = call();
    expect(await caller.hear('KEYREQUEST', Buffer.alloc(256, 'x'))).toBe('FAILURE');
    expect(await caller.rest()).toHaveLength(0);
  });

  test('silence between commands is borne for five minutes', async () => {
    const caller = call();
    await clock.advance(299 * SECOND);
    expect(await caller.hear('NOOP')).toBe('SUCCESS');
    await clock.advance(299 * SECOND);
    expect(await caller.hear('NOOP')).toBe('SUCCESS');
    await clock.advance(300 * SECOND);
    expect(await caller.rest()).toHaveLength(0);
  });

  test('a word that is not finished is not waited for', async () => {
    const caller = call();
    await caller.raw('NOO');
    await clock.advance(10 * SECOND);
    expect(await caller.rest()).toHaveLength(0);
  });

  test('any octets at all leave a server that answers the next', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.uint8Array({ maxLength: 60 }), word()), { maxLength: 6 }),
        async (parts) => {
          const noise = call();
          await noise.raw(Buffer.concat(parts)).catch(() => {});
          noise.hangUp();
          await noise.forgotten(clock);
          expect(await call().hear('NOOP')).toBe('SUCCESS');
        },
      ),
      { numRuns: 60 },
    );
  });
});

function word(): fc.Arbitrary<Uint8Array> {
  return fc.constantFrom(...WORDS, 'XCHAL', 'XAUTH', 'XENROL').map((text) => Buffer.from(`${text}\0`));
}

// spec: cmtp 2, 5
test('any cut of the stream gives the same answers, binary fields with NULs and all', async () => {
  room = await openRoom(post, clock, { login_rate: '1000/s' });
  const message = letter({
    log: Buffer.from('a\0\0b\0'),
    attachments: [Buffer.alloc(50), Buffer.from('MAIL\0NOOP\0')],
  });
  const said = Buffer.concat([
    Buffer.from('OHAI\0\0KEYREQUEST\0\0KEYREQUEST\0alice\0\0MAIL\0'),
    message,
    Buffer.from('LOGIN\0alice\0'),
    Buffer.from('HELP\0OBAI\0'),
  ]);
  const parts = ['SUCCESS', 'KEYREQUEST-server', 'KEYREQUEST-alice', 'SUCCESS', 'LOGIN-alice', 'FAILURE', 'SUCCESS'];
  const expected = Buffer.concat(parts.map((name) => replies[name] ?? Buffer.alloc(0)));
  const cuts = fc.uniqueArray(fc.integer({ min: 1, max: said.length - 1 }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(cuts, async (places) => {
      const caller = call();
      const borders = [0, ...places.sort((a, b) => a - b), said.length];
      for (const [at, from] of borders.slice(0, -1).entries()) {
        await caller.raw(said.subarray(from, borders[at + 1]));
        await new Promise(setImmediate);
      }
      expect((await caller.rest()).toString('hex')).toBe(expected.toString('hex'));
    }),
    { numRuns: 40 },
  );
  expect(await mailOf(post, 'bob')).toEqual([message]);
});

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
    const caller = call();
    const sent = [letter({}, 'one'), letter({ attachments: [Buffer.alloc(200_000, 5)] }, 'two')];
    for (const message of sent) await caller.hear('MAIL', message);
    expect(await prove(caller, 'bob')).toBe('SUCCESS');
    const listed = await list(caller);
    expect(listed.map(({ size }) => size)).toEqual(sent.map(({ length }) => length));
    expect(listed.map(({ arrived }) => arrived * SECOND)).toEqual(sent.map(() => startOfDay(clock.now())));
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
    room.room.use({ ...room.room.settings, mailbox_messages: 1 });
    const caller = call();
    expect(await prove(caller, 'bob')).toBe('SUCCESS');
    expect(await caller.hear('MAIL', letter())).toBe('SUCCESS');
    expect(await caller.hear('MAIL', letter())).toBe('DELIVERYFAILURE');
  });

  test('one sees one’s own mail alone', async () => {
    const caller = call();
    await caller.hear('MAIL', letter());
    expect(await prove(caller, 'bob')).toBe('SUCCESS');
    const [message] = await list(caller);
    expect(await prove(caller, 'alice')).toBe('SUCCESS');
    expect(await list(caller)).toEqual([]);
    expect(await caller.hear('XFETCH', message?.id ?? '')).toBe('FAILURE');
    expect(await caller.hear('XDELETE', message?.id ?? '')).toBe('FAILURE');
  });

  test('nothing without proof, and no proof but by the account’s key over this server’s challenge, once and soon', async () => {
    const caller = call();
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
    await clock.advance(MINUTE);
    const of = { server: server.publicKey, account: 'bob', domain: DOMAIN };
    expect(await caller.hear('XAUTH', sign(authProof(of, late), users.bob))).toBe('FAILURE');
  });

  test('there is a challenge for anybody, so that it tells nothing', async () => {
    const caller = call();
    expect((await caller.ask(104, 'XCHAL', 'ghost')).readUInt32BE()).toBe(1);
    expect(await caller.hear('XAUTH', Buffer.alloc(64))).toBe('FAILURE');
    expect(await caller.hear('XCHAL', '')).toBe('FAILURE');
  });

  test('forwarding hears who was proved', async () => {
    const caller = call();
    await prove(caller, 'alice');
    await caller.hear('MAIL', letter({ to: { account: 'bob', domain: 'far.example' } }));
    expect(room.forward.askers).toEqual([{ address: undefined, account: 'alice' }]);
  });

  // spec: cmtp 9 D22
  test('another key, and another passphrase for it', async () => {
    const caller = call();
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
    expect(await room.room.accounts.get('alice')).toMatchObject({
      publicKey: next.publicKey,
      xzibit: users.bob.xzibit,
      former: [{ publicKey: users.alice.publicKey, xzibit: users.alice.xzibit }],
    });
    expect(await rotate(next, users.alice.xzibit)).toBe('SUCCESS');
    const { former, xzibit } = (await room.room.accounts.get('alice')) ?? {};
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
  const invitation = (account?: string) => invite(room.room.post, { until: clock.now() + DAY, account });

  test('one invitation makes one account', async () => {
    const caller = call();
    const token = await invitation();
    expect(await enrol(caller, token, 'carol')).toBe('SUCCESS');
    expect((await caller.ask(102, 'KEYREQUEST', 'carol', '')).subarray(4, 36)).toEqual(carol.publicKey);
    expect(await enrol(caller, token, 'dave')).toBe('FAILURE');
  });

  test('a name that is taken, or is none, leaves the invitation as it was', async () => {
    const caller = call();
    const token = await invitation();
    for (const name of ['alice', '.x', '', 'x'.repeat(201)]) {
      expect(await caller.hear('NOOP')).toBe('SUCCESS');
      expect(await enrol(caller, token, name === '' ? 'alice' : name)).toBe('FAILURE');
    }
    expect(await enrol(caller, token, 'erin', { ...carol, secretKey: users.bob.secretKey })).toBe('FAILURE');
    expect(await enrol(caller, token, 'erin')).toBe('SUCCESS');
  });

  test('an invitation for one name, a wrong one, an old one', async () => {
    const caller = call();
    const token = await invitation('frank');
    expect(await enrol(caller, token, 'grace')).toBe('FAILURE');
    expect(await enrol(caller, `${token.slice(1)}0`, 'frank')).toBe('FAILURE');
    expect(await enrol(caller, token, 'frank')).toBe('SUCCESS');
    const late = await invitation();
    await clock.advance(DAY);
    expect(await enrol(new Caller(room, SEED), late, 'heidi')).toBe('FAILURE');
  });

  test('two at once make one account', async () => {
    const token = await invitation();
    const answers = await Promise.all(['ivan', 'judy'].map((name) => enrol(call(), token, name)));
    expect(answers.sort()).toEqual(['FAILURE', 'SUCCESS']);
  });
});
