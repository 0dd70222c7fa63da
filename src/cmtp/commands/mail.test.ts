import { describe, expect, test } from 'vitest';
import { cmtpVectors, hex, type InnerVectors, type MessageVectors } from '../../../test/support/cmtp.ts';
import { DOMAIN, letter, mailOf, RoomOfTests, seedReplies, users } from '../../../test/support/cmtp-room.ts';
import { systemRandom } from '../../base/random.ts';
import { MINUTE } from '../../base/time.ts';
import type { Messages } from '../../store/store.ts';
import { seal } from '../crypto/box.ts';
import { formatHead, parseMessage } from '../wire/message.ts';

const [fromReference = Buffer.alloc(0), , withLog = Buffer.alloc(0), plaintext = Buffer.alloc(0)] =
  cmtpVectors<MessageVectors>('messages').messages.map(({ message }) => hex(message));
const withAttachments = hex(
  cmtpVectors<InnerVectors>('inner-structures').messages.find(({ attachments }) => attachments.length > 0)?.message ??
    '',
);
const at = new RoomOfTests();

async function* stallBefore(chunks: AsyncIterable<Uint8Array>, stalled: Promise<void>): AsyncGenerator<Uint8Array> {
  await stalled;
  yield* chunks;
}

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
    const caller = at.call();
    expect(await caller.ask(73, 'MAIL', message)).toEqual(seedReplies['SUCCESS']);
    expect(await mailOf(at.post, parseMessage(message).to.account)).toEqual([message]);
    expect(await caller.hear('NOOP')).toBe('SUCCESS');
  });

  test('a large message passes through; the same again is one message, whatever its log says', async () => {
    const files = [Buffer.alloc(300_000, 1), Buffer.alloc(0), Buffer.alloc(70_000, 2)];
    const body = seal(Buffer.alloc(200_000, 3), users.bob.publicKey, systemRandom);
    const first = letter({ body, attachments: files });
    const again = letter({ body, attachments: files, log: Buffer.from('hop\0') });
    const caller = at.call();
    expect(await caller.hear('MAIL', first)).toBe('SUCCESS');
    expect(await caller.hear('MAIL', again)).toBe('SUCCESS');
    expect(await caller.hear('MAIL', letter())).toBe('SUCCESS');
    expect((await mailOf(at.post, 'bob')).map(({ length }) => length)).toEqual([first.length, letter().length]);
  });

  test('a store that is slow slows its peer: of a long message no more is in memory than is under way', async () => {
    const message = letter({ attachments: [Buffer.alloc(8 * 1024 ** 2)] });
    let goOn = () => {};
    const stalled = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const { store } = at.room.post;
    const receive: Messages['receive'] = (mailbox, chunks, size) =>
      store.messages.receive(mailbox, stallBefore(chunks, stalled), size);
    at.useMessages({ ...store.messages, receive });
    const caller = at.call();
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
    expect(await caller.read(73)).toEqual(seedReplies['SUCCESS']);
    expect((await mailOf(at.post, 'bob')).map((stored) => stored.equals(message))).toEqual([true]);
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
    const caller = at.call();
    expect(await caller.hear('MAIL', message)).toBe(answer);
    expect(await caller.hear('MAIL', letter())).toBe('SUCCESS');
    expect(await mailOf(at.post, 'bob')).toHaveLength(1);
  });

  test.each(['../../etc', '..', '.ssh', 'a/b', 'a\\b', 'bob\n', '\xff'])('%j is nobody’s name', async (name) => {
    const message = letter({ to: { account: 'X'.repeat(name.length), domain: DOMAIN } });
    message.write(name, 24, 'latin1');
    const caller = at.call();
    expect(await caller.hear('MAIL', message)).toBe('FAILURE');
    expect(await caller.hear('NOOP')).toBe('SUCCESS');
  });

  test('in the clear, where that is allowed', async () => {
    await at.reopen({ allow_plaintext: true });
    expect(await at.call().hear('MAIL', plaintext)).toBe('SUCCESS');
    expect(await mailOf(at.post, 'bob')).toEqual([plaintext]);
  });

  test('a full mailbox takes no more', async () => {
    await at.reopen({ mailbox_messages: 1 });
    const caller = at.call();
    expect(await caller.hear('MAIL', letter())).toBe('SUCCESS');
    expect(await caller.hear('MAIL', letter())).toBe('DELIVERYFAILURE');
    expect(await mailOf(at.post, 'bob')).toHaveLength(1);
  });

  test('for another domain: what forwarding says is what is answered', async () => {
    const caller = at.call();
    const message = letter({ to: { account: 'bob', domain: 'far.example' }, attachments: [Buffer.alloc(60, 9)] });
    for (const verdict of ['no-host', 'loop', 'not-permitted'] as const) {
      at.forward.verdict = verdict;
      expect(await caller.hear('MAIL', message)).toBe('DELIVERYFAILURE');
    }
    at.forward.verdict = 'ok';
    expect(await caller.hear('MAIL', message)).toBe('SUCCESS');
    const [taken] = at.forward.taken;
    const { body, log } = parseMessage(message);
    const attached = Buffer.concat([Buffer.from('000000000000003c', 'hex'), Buffer.alloc(60, 9)]);
    expect(taken).toMatchObject({ version: 1, attachments: 1, to: { account: 'bob', domain: 'far.example' }, log });
    expect(taken?.rest).toEqual(Buffer.concat([body, attached]));
    at.forward.accepts = 'full';
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
    await at.reopen(small);
    const caller = at.call();
    expect(await caller.hear('MAIL', octets)).toBe('FAILURE');
    expect(await caller.rest()).toHaveLength(0);
    expect(await mailOf(at.post, 'bob')).toEqual([]);
  });

  test('a message that breaks off is dropped whole; one that stands still is given up after a minute', async () => {
    const message = letter({ attachments: [Buffer.alloc(100)] });
    for (let cut = 0; cut < message.length; cut += 37) {
      const caller = at.call();
      await caller.say('MAIL', message.subarray(0, cut));
      caller.hangUp();
      await caller.ended;
    }
    const caller = at.call();
    await caller.say('MAIL', message.subarray(0, -1));
    await at.clock.advance(MINUTE - 1);
    await caller.raw(message.subarray(-1));
    expect(await caller.read(73)).toEqual(seedReplies['SUCCESS']);
    await caller.say('MAIL', message.subarray(0, -1));
    await at.clock.advance(MINUTE);
    await at.clock.advance(MINUTE);
    expect(await caller.rest()).toHaveLength(0);
    expect(await mailOf(at.post, 'bob')).toHaveLength(1);
  });

  test('when the disk fails nothing is said, so that it is sent again', async () => {
    at.useMessages({ ...at.room.post.store.messages, receive: () => Promise.reject(new Error('no disk')) });
    const caller = at.call();
    await caller.say('MAIL', letter());
    expect(await caller.rest()).toHaveLength(0);
  });
});
