// The recorded conversations of the old reference server, had with ours.

import { expect, test } from 'vitest';
import {
  cmtpVectors,
  hex,
  type MessageVectors,
  type SessionVectors,
  type TranscriptVectors,
} from '../../test/support/cmtp.ts';
import { AUTO, Caller, mailOf, RoomOfTests, server } from '../../test/support/cmtp-room.ts';
import { MINUTE, SECOND } from '../base/time.ts';
import { verify } from './crypto/keys.ts';

const { transcripts } = cmtpVectors<TranscriptVectors>('wire-reference');
const NOOP = '4f5f4f0a00';

/** Where we do not do as it did, by transcript and exchange, and why. `undefined`: the reply is looked at elsewhere. */
const OURS: Readonly<Record<string, Readonly<Record<number, string | undefined>>>> = {
  'keyrequest-unknown-user': { 0: undefined }, // its stale memory is not ours
  'keyrequest-user-foreign-domain': { 0: undefined }, // never a local key under a foreign name
  'mail-without-nonce': { 1: NOOP, 3: NOOP }, // nothing behind a message is swallowed
  'mail-foreign-domain': { 0: '' }, // its client would read it as its next key
};
const CLOSING = 'login-unknown-user'; // there it leaves a dead thread

const at = new RoomOfTests();

async function greeted(): Promise<Caller> {
  const caller = new Caller(at, AUTO);
  expect(await caller.greeted(at.clock)).toBe('Welcome to CMTP version < 1\n\0');
  return caller;
}

// spec: cmtp 4, 4.1, 4.2, 4.3, 9 D1, D5
test.each(transcripts.filter(({ name }) => name !== CLOSING))('$name', async ({ name, exchanges }) => {
  const caller = await greeted();
  for (const [place, { send, reply, closed_by_server }] of exchanges.entries()) {
    await caller.raw(hex(send));
    const expected = place in (OURS[name] ?? {}) ? OURS[name]?.[place] : reply;
    const heard = await caller.read((expected ?? reply).length / 2);
    if (expected !== undefined) expect(heard.toString('hex')).toBe(expected);
    else expect(saysNoKey(heard)).toBe(true);
    if (closed_by_server) expect(await caller.rest()).toHaveLength(0);
  }
  caller.hangUp();
  await caller.ended;
});

/** As a reader of the old reply looks at it.   spec: cmtp 9 D2 */
function saysNoKey(block: Buffer): boolean {
  const [word, signature] = [block.toString('latin1', 16, 20), block.subarray(20, 84)];
  const signed = verify(signature, Buffer.from('KEYNOTAVAILABLE\0'), server.publicKey);
  return block.length === 102 && block.readUInt32BE() === 1 && word === 'KEYN' && signed;
}

// spec: cmtp 4.2, 9 D6
test('whoever logs in as nobody is not left with a dead connection', async () => {
  const caller = await greeted();
  await caller.say('LOGIN', 'ghost');
  expect(await caller.rest()).toHaveLength(0);
});

test('the recorded session of its own client', async () => {
  const { turns } = cmtpVectors<SessionVectors>('reference-client-session');
  const caller = new Caller(at, AUTO);
  await at.clock.advance(2 * SECOND);
  for (const { from, hex: octets = '' } of turns) {
    if (from === 'client') await caller.raw(hex(octets));
    else expect((await caller.read(octets.length / 2)).toString('hex')).toBe(octets);
  }
  // Its OBAI, which the old server took for a part of the message, is answered.
  expect((await caller.read(10)).toString('latin1')).toBe('Good bye\n\0');
  expect(await caller.rest()).toHaveLength(0);
  const [sent] = cmtpVectors<MessageVectors>('messages').messages;
  expect((await mailOf(at.post, 'bob')).map((message) => message.toString('hex'))).toEqual([sent?.message]);
});

// spec: cmtp 4.3, 8, 9 D11
test('two messages in one session both arrive, and what is not delivered is told in a message', async () => {
  const caller = await greeted();
  const [first, , second] = cmtpVectors<MessageVectors>('messages').messages.map(({ message }) => hex(message));
  const toGhost = Buffer.from(first ?? '');
  toGhost.write('gho', 24);
  const nonce = Buffer.alloc(64);
  await caller.say('MAIL', first ?? '', nonce, 'MAIL', second ?? '', nonce, 'MAIL', toGhost, nonce);
  expect((await caller.ask(5, 'NOOP')).toString('hex')).toBe(NOOP);
  expect(await mailOf(at.post, 'bob')).toEqual([first, second]);
  expect(at.forward.bounced).toEqual([
    {
      sender: { account: 'alice', domain: 'cmtp-a.example' },
      about: { account: 'gho', domain: 'cmtp-a.example' },
      reason: 'There is no such account.',
    },
  ]);
  caller.hangUp();
});

// spec: cmtp 9 D11
test('nobody elsewhere is told of what he may never have written', async () => {
  const caller = await greeted();
  const [first] = cmtpVectors<MessageVectors>('messages').messages;
  const foreign = Buffer.from(first?.message ?? '', 'hex');
  foreign.write('gho', 24);
  foreign.write('CMTP-b', foreign.indexOf('alice') + 6);
  await caller.say('MAIL', foreign);
  expect((await caller.ask(5, 'NOOP')).toString('hex')).toBe(NOOP);
  expect(at.forward.bounced).toEqual([]);
  caller.hangUp();
});

// spec: cmtp 9 D14
test('what is no word at all ends the conversation without an answer', async () => {
  for (const octets of ['x'.repeat(33), 'NO\xffP\0']) {
    const caller = await greeted();
    await caller.raw(Buffer.from(octets, 'latin1'));
    expect(await caller.rest()).toHaveLength(0);
  }
  const smtp = await greeted();
  await smtp.raw('EHLO me\r\n');
  await at.clock.advance(MINUTE);
  expect(await smtp.rest()).toHaveLength(0);
});
