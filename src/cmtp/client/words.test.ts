import { describe, expect, test } from 'vitest';
import { type Exchange, openReference, openReplayServer } from '../../../test/support/cmtp-server.ts';
import { systemRandom } from '../../base/random.ts';
import { dialPlain } from '../../net/dial.ts';
import { makeKeyPair, sign } from '../crypto/keys.ts';
import { formatAttachmentHead as u64 } from '../wire/message.ts';
import { authProof } from '../wire/proofs.ts';
import { makeReplies, u32 } from '../wire/replies.ts';
import { CmtpSession } from './session.ts';
import { deleteMessage, enrol, fetchMessage, listMessages, prove } from './words.ts';

const server = makeKeyPair(systemRandom);
const own = makeKeyPair(systemRandom);
const replies = makeReplies(server);
const alice = { account: 'alice', domain: 'here.test' };
const id = Buffer.alloc(32, 9);

const says = (send: string | Uint8Array, reply: Uint8Array): Exchange => ({ send: Buffer.from(send), reply });
const join = (...parts: (string | Uint8Array)[]) => Buffer.concat(parts.map((part) => Buffer.from(part)));

async function with_<T>(exchanges: Exchange[], work: (session: CmtpSession) => Promise<T>): Promise<T> {
  const manners = [says('OHAI\0', replies.success), says('KEYREQUEST\0\0\0', replies.key(server.publicKey))];
  await using at = await openReplayServer([...manners, ...exchanges]);
  return await work(await CmtpSession.open(await dialPlain({ to: { host: '127.0.0.1', port: at.port } })));
}

// spec: cmtp 9 D13
describe('a proof', () => {
  const challenge = Buffer.alloc(32, 5);
  const proof = sign(authProof({ server: server.publicKey, ...alice }, challenge), own);
  const xchal = (reply: Uint8Array) => says('XCHAL\0alice\0', reply);

  test('is a signature that names server, account and challenge', async () => {
    const exchanges = [xchal(replies.signed(challenge)), says(join('XAUTH\0', proof), replies.success)];
    await with_(exchanges, (session) => prove(session, alice, own));
  });

  test.each([
    ['signs with another key', Buffer.concat([u32(1), u32(32), challenge, sign(challenge, own)]), 'protocol'],
    ['asks for a signature over something long', Buffer.concat([u32(1), u32(1000), Buffer.alloc(1064)]), 'protocol'],
    ['knows no such word', replies.failure, 'refused'],
  ])('is not given to a server that %s', async (_, reply, code) => {
    await expect(with_([xchal(reply)], (session) => prove(session, alice, own))).rejects.toMatchObject({ code });
  });

  test('is not offered to an old server, nor is an account made there', async () => {
    await using at = await openReference();
    const session = await CmtpSession.open(await dialPlain({ to: { host: '127.0.0.1', port: at.port } }));
    await expect(prove(session, alice, own)).rejects.toMatchObject({ code: 'refused' });
    const making = enrol(session, alice, { token: 'x', own, xzibit: Buffer.alloc(156) });
    await expect(making).rejects.toMatchObject({ code: 'refused' });
    expect(at.received().includes('X')).toBe(false);
  });
});

describe('a mailbox', () => {
  test('is listed with sizes and days', async () => {
    const entry = join(id, u64(1234), u64(1_790_000_000));
    const listed = await with_([says('XLIST\0', join(u32(1), u32(2), entry, entry))], listMessages);
    expect(listed).toEqual(Array(2).fill({ id, size: 1234, arrived: 1_790_000_000 }));
  });

  test.each([
    ['too many messages', join(u32(1), u32(0xffffffff)), 'protocol'],
    ['a size that no message has', join(u32(1), u32(1), id, Buffer.alloc(16, 0xff)), 'oversize'],
    ['nothing, since nobody was proved', replies.failure, 'refused'],
  ])('with %s is not', async (_, reply, code) => {
    await expect(with_([says('XLIST\0', reply)], listMessages)).rejects.toMatchObject({ code });
  });

  const message = Buffer.alloc(200_000, 3);
  const fetched = (reply: Uint8Array) =>
    with_([says(join('XFETCH\0', id), reply)], (session) => fetchMessage(session, { id }));

  test('gives a message as the server signed it', async () => {
    const seen: number[] = [];
    const reply = join(u32(1), u64(message.length), message, sign(message, server));
    const exchanges = [says(join('XFETCH\0', id), reply)];
    const got = await with_(exchanges, (session) => fetchMessage(session, { id }, (done) => seen.push(done)));
    expect(got).toEqual(message);
    expect(seen.at(-1)).toBe(message.length);
    expect(await fetched(replies.failure)).toBeUndefined();
  });

  test.each([
    ['changed', join(u32(1), u64(message.length), Buffer.alloc(message.length, 4), sign(message, server)), 'protocol'],
    ['endless', join(u32(1), u64(2 ** 40)), 'refused'],
  ])('gives no message that is %s', async (_, reply, code) => {
    await expect(fetched(reply)).rejects.toMatchObject({ code });
  });

  test('says whether there was something to delete', async () => {
    const deleted = (reply: Uint8Array) =>
      with_([says(join('XDELETE\0', id), reply)], (session) => deleteMessage(session, id));
    expect(await deleted(replies.success)).toBe(true);
    expect(await deleted(replies.failure)).toBe(false);
  });
});
