import { describe, expect, test } from 'vitest';
import {
  cmtpVectors,
  hex,
  type KeyVectors,
  type ReplyVectors,
  type TranscriptVectors,
} from '../../../test/support/cmtp.ts';
import {
  type Exchange,
  openReference,
  openReplayServer,
  type ReplayServer,
} from '../../../test/support/cmtp-server.ts';
import { SECOND, VirtualClock } from '../../base/time.ts';
import { dialPlain } from '../../net/dial.ts';
import { connectionPair } from '../../net/memory.ts';
import { keyPairOf, sign } from '../crypto/keys.ts';
import { zeroEnded } from '../wire/names.ts';
import { makeReplies, u32 } from '../wire/replies.ts';
import { ClientError } from './errors.ts';
import { CmtpSession } from './session.ts';

const keys = cmtpVectors<KeyVectors>('keys');
const server = keyPairOf(hex(keys.server.ed25519_secret64));
const alice = hex(keys.users.alice.ed25519_public);
const replies = makeReplies(server);
const { replies: heard, signatures_accepted_by_clients: accepted } = cmtpVectors<ReplyVectors>('seed-replies');
const loginReply = hex(heard.find(({ name }) => name === 'LOGIN-alice')?.hex ?? '');
const transcripts = cmtpVectors<TranscriptVectors>('wire-reference').transcripts;

const sent = (name: string) => hex(transcripts.find((one) => one.name === name)?.exchanges[0]?.send ?? '');
/** A whole message, from a transcript that sends MAIL, the message, and 64 octets more. */
const messageOf = (name: string) => sent(name).subarray(5, -64);
const failing = (code: string) => expect.objectContaining({ name: ClientError.name, code });

const says = (send: string, reply: Uint8Array, closes = false): Exchange => ({
  send: Buffer.from(send),
  reply,
  closes,
});
const seed = [
  says('OHAI\0', replies.success),
  says('NOOP\0', replies.success),
  says('OBAI\0', replies.success, true),
  says('KEYREQUEST\0\0\0', replies.key(server.publicKey)),
];

async function sessionWith(at: ReplayServer): Promise<CmtpSession> {
  return CmtpSession.open(await dialPlain({ to: { host: '127.0.0.1', port: at.port } }));
}
async function seedServer(stack: AsyncDisposableStack, ...more: Exchange[]): Promise<[CmtpSession, ReplayServer]> {
  const at = stack.use(await openReplayServer([...more, ...seed]));
  return [await sessionWith(at), at];
}

// spec: cmtp 9 D1, D6, D11
describe('with the old reference server, octet for octet', () => {
  test('a whole conversation', async () => {
    await using at = await openReference();
    const session = await sessionWith(at);
    expect(session.dialect).toBe('reference');
    expect(session.serverKey).toEqual(server.publicKey);
    expect(await session.keyOf('alice', keys.domain)).toEqual(alice);
    expect(await session.keyOf('ghost', '')).toBeUndefined();
    expect(await session.login('alice')).toEqual(hex(keys.users.alice.xzibit.bytes));
    await session.noop();
    const message = messageOf('mail-with-64-byte-nonce');
    expect(await session.mail({ attachments: 0, chunks: [message] })).toBe('unconfirmed');
    await session.close();
    expect(at.unknown()).toHaveLength(0);
    expect(at.received().includes(Buffer.concat([Buffer.from('MAIL\0'), message, Buffer.alloc(64)]))).toBe(true);
  });

  test('that mail for another domain is refused is heard, though its signature covers something else', async () => {
    await using at = await openReference();
    const session = await sessionWith(at);
    const chunks = [messageOf('mail-foreign-domain')];
    await expect(session.mail({ attachments: 0, chunks })).rejects.toEqual(failing('undeliverable'));
  });

  test('attachments are not sent: it would take them for commands', async () => {
    await using at = await openReference();
    const session = await sessionWith(at);
    await expect(session.mail({ attachments: 1, chunks: [] })).rejects.toEqual(failing('undeliverable'));
    expect(at.received().includes('MAIL')).toBe(false);
  });

  test('an unknown account is found out by its silence', async () => {
    await using stack = new AsyncDisposableStack();
    const at = stack.use(await openReference([says('LOGIN\0gone\0', Buffer.alloc(0), true)]));
    expect(await (await sessionWith(at)).login('gone')).toBeUndefined();
  });

  test('its all-zero key is refused, though it is signed', async () => {
    const zero = Buffer.alloc(32);
    await using at = await openReference([says('KEYREQUEST\0alice\0x\0', replies.key(zero))]);
    const session = await sessionWith(at);
    await expect(session.keyOf('alice', 'x')).rejects.toMatchObject({ code: 'bad-key' });
  });
});

// spec: cmtp 9 D2, D4, D5, D18
describe('with a server of the seed', () => {
  test('a whole conversation', async () => {
    await using stack = new AsyncDisposableStack();
    const xzibit = hex(keys.users.alice.xzibit.bytes);
    const message = messageOf('mail-with-64-byte-nonce');
    const [session, at] = await seedServer(
      stack,
      says('KEYREQUEST\0alice\0far.example\0', replies.key(alice)),
      says('KEYREQUEST\0ghost\0\0', replies.keyNotAvailable),
      says('LOGIN\0alice\0', loginReply),
      says('LOGIN\0ghost\0', replies.failure),
      { send: Buffer.concat([Buffer.from('MAIL\0'), message]), reply: replies.success },
    );
    expect(session.dialect).toBe('seed');
    expect(await session.keyOf('alice', 'far.example')).toEqual(alice);
    expect(await session.keyOf('ghost', '')).toBeUndefined();
    expect(await session.login('alice')).toEqual(xzibit);
    expect(await session.login('ghost')).toBeUndefined();
    await session.noop();
    expect(await session.mail({ attachments: 0, chunks: [message] })).toBe('stored');
    await session.close();
    expect(at.unknown()).toHaveLength(0);
  });

  test.each([
    ['DELIVERYFAILURE', replies.deliveryFailure, 'undeliverable'],
    ['FAILURE', replies.failure, 'refused'],
    ['FAILURE behind a version', Buffer.concat([u32(0), replies.failure]), 'refused'],
    ['a text of its own', signedText('the disk is being changed'), 'not-now'],
    ['what is not CMTP', Buffer.from('220 mail.example ESMTP\r\n'), 'protocol'],
    ['a signature that is not its own', Buffer.concat([zeroEnded('SUCCESS'), Buffer.alloc(65, 1)]), 'protocol'],
    ['a key', replies.key(alice), 'protocol'],
    ['a text without an end', Buffer.concat([u32(0), Buffer.alloc(80, 0x61)]), undefined],
  ])('%s in answer to MAIL', async (_, reply, code) => {
    await using stack = new AsyncDisposableStack();
    const [session] = await seedServer(stack, says('MAIL\0message', reply));
    const given = session.mail({ attachments: 0, chunks: [Buffer.from('message')] });
    await expect(given).rejects.toMatchObject(code === undefined ? { code: 'line-too-long' } : { code });
  });

  test('the text of a server that says "not now" is passed on', async () => {
    await using stack = new AsyncDisposableStack();
    const [session] = await seedServer(stack, says('KEYREQUEST\0bob\0\0', signedText('ask me in an hour')));
    await expect(session.keyOf('bob', '')).rejects.toThrow('ask me in an hour');
  });

  test.each(['sig_over_text', 'sig_over_text_and_NUL'] as const)('a text may be signed as %s', async (form) => {
    await using stack = new AsyncDisposableStack();
    const signature = hex(accepted['KEYNOTAVAILABLE']?.[form] ?? '');
    const reply = Buffer.concat([u32(0), zeroEnded('KEYNOTAVAILABLE'), signature, Buffer.of(0)]);
    const [session] = await seedServer(stack, says('KEYREQUEST\0bob\0\0', reply));
    expect(await session.keyOf('bob', '')).toBeUndefined();
  });

  test('a SUCCESS may stand behind a version, and OBAI may be answered by closing', async () => {
    await using at = await openReplayServer([
      says('OHAI\0', Buffer.concat([u32(0), replies.success])),
      says('NOOP\0', Buffer.concat([u32(0), replies.success])),
      says('OBAI\0', Buffer.alloc(0), true),
      says('KEYREQUEST\0\0\0', replies.key(server.publicKey)),
    ]);
    const session = await sessionWith(at);
    await session.noop();
    await session.close();
  });

  test('a server key that did not sign itself is refused', async () => {
    const reply = Buffer.concat([u32(1), alice, Buffer.of(0), sign(alice, server), Buffer.of(0)]);
    await using at = await openReplayServer([says('OHAI\0', replies.success), says('KEYREQUEST\0\0\0', reply)]);
    await expect(sessionWith(at)).rejects.toEqual(failing('protocol'));
  });
});

// spec: cmtp 9 D1
test('a server that answers OHAI late, or never, is taken for one of the seed', async () => {
  for (const late of [replies.success, Buffer.alloc(0)]) {
    const clock = new VirtualClock();
    const [near, far] = connectionPair({ clock });
    const opening = CmtpSession.open(near);
    expect((await far.block(5, SECOND)).toString()).toBe('OHAI\0');
    await clock.advance(6 * SECOND);
    expect((await far.block(13, SECOND)).toString()).toBe('KEYREQUEST\0\0\0');
    await far.write(Buffer.concat([late, replies.key(server.publicKey)]));
    expect((await opening).dialect).toBe('seed');
    near.destroy();
  }
});

function signedText(text: string): Buffer {
  return Buffer.concat([u32(0), zeroEnded(text), sign(Buffer.from(text), server), Buffer.of(0)]);
}
