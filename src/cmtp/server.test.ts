import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AUTO, Caller, letter, mailOf, RoomOfTests, seedReplies } from '../../test/support/cmtp-room.ts';
import { HOUR, SECOND } from '../base/time.ts';

const WORDS = ['OHAI', 'MAIL', 'KEYREQUEST', 'NOOP', 'LOGIN', 'OBAI', 'HELP'];
const at = new RoomOfTests();

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
    expect(await at.call().ask(73, word)).toEqual(seedReplies[answer]);
  });

  test('OBAI: SUCCESS, and the end', async () => {
    const caller = at.call();
    expect(await caller.ask(73, 'OBAI')).toEqual(seedReplies['SUCCESS']);
    expect(await caller.rest()).toHaveLength(0);
  });

  test('a lone NUL is nothing, and commands may come all at once', async () => {
    const caller = at.call();
    await caller.raw('\0\0NOOP\0\0NOOP\0HELP\0');
    const answers = Buffer.concat([await caller.read(73), await caller.read(73), await caller.read(73)]);
    expect(answers).toEqual(
      Buffer.concat(['SUCCESS', 'SUCCESS', 'FAILURE'].map((word) => seedReplies[word] ?? Buffer.alloc(0))),
    );
  });

  test('who speaks before two seconds have passed is not greeted', async () => {
    const caller = new Caller(at, AUTO);
    await at.clock.advance(1999);
    expect(await caller.ask(73, 'OHAI')).toEqual(seedReplies['SUCCESS']);
  });

  test('where only the seed is spoken, silence is not greeted either', async () => {
    const caller = at.call();
    await at.clock.advance(HOUR / 20);
    expect(await caller.ask(73, 'OHAI')).toEqual(seedReplies['SUCCESS']);
  });

  test('our own words are unknown where they are switched off', async () => {
    const caller = new Caller(at, AUTO);
    expect(await caller.hear('XLIST')).toBe('FAILURE');
    expect(await caller.hear('NOOP')).toBe('SUCCESS');
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
    const caller = at.call();
    await caller.raw(Buffer.from(octets, 'latin1'));
    const heard = await caller.rest();
    expect(heard.subarray(-73)).toEqual(seedReplies['FAILURE']);
  });

  test('an argument without an end: FAILURE, and the end', async () => {
    const caller = at.call();
    expect(await caller.hear('KEYREQUEST', Buffer.alloc(256, 'x'))).toBe('FAILURE');
    expect(await caller.rest()).toHaveLength(0);
  });

  test('silence between commands is borne for five minutes', async () => {
    const caller = at.call();
    await at.clock.advance(299 * SECOND);
    expect(await caller.hear('NOOP')).toBe('SUCCESS');
    await at.clock.advance(299 * SECOND);
    expect(await caller.hear('NOOP')).toBe('SUCCESS');
    await at.clock.advance(300 * SECOND);
    expect(await caller.rest()).toHaveLength(0);
  });

  test('a word that is not finished is not waited for', async () => {
    const caller = at.call();
    await caller.raw('NOO');
    await at.clock.advance(10 * SECOND);
    expect(await caller.rest()).toHaveLength(0);
  });

  test('any octets at all leave a server that answers the next', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.uint8Array({ maxLength: 60 }), word()), { maxLength: 6 }),
        async (parts) => {
          const noise = at.call();
          await noise.raw(Buffer.concat(parts)).catch(() => {});
          noise.hangUp();
          await noise.forgotten(at.clock);
          expect(await at.call().hear('NOOP')).toBe('SUCCESS');
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
  await at.reopen({ login_rate: '1000/s' });
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
  const expected = Buffer.concat(parts.map((name) => seedReplies[name] ?? Buffer.alloc(0)));
  const cuts = fc.uniqueArray(fc.integer({ min: 1, max: said.length - 1 }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(cuts, async (places) => {
      const caller = at.call();
      const borders = [0, ...places.sort((a, b) => a - b), said.length];
      for (const [at, from] of borders.slice(0, -1).entries()) {
        await caller.raw(said.subarray(from, borders[at + 1]));
        await new Promise(setImmediate);
      }
      expect((await caller.rest()).toString('hex')).toBe(expected.toString('hex'));
    }),
    { numRuns: 40 },
  );
  expect(await mailOf(at.post, 'bob')).toEqual([message]);
});
