// XCHAL and XAUTH, our extension: a user proves that an account is his by signing what the server has drawn.   spec: cmtp 9 D13

import { MINUTE } from '../../base/time.ts';
import { failed } from '../answers.ts';
import { SIGNATURE_LENGTH, verify } from '../crypto/keys.ts';
import { setQuota } from '../mailbox.ts';
import { quotaOf } from '../settings.ts';
import { readName } from '../wire/names.ts';
import { authProof, CHALLENGE_LENGTH } from '../wire/proofs.ts';
import type { Command } from './command.ts';

const CHALLENGE_LIFE = MINUTE;

/** Whether there is such an account is not told by this. */
export const xchal: Command = async (session) => {
  const { post, replies } = session.room;
  const account = readName(await session.argument());
  if (!account) throw failed('no-account');
  const octets = post.random.bytes(CHALLENGE_LENGTH);
  session.challenge = { account, octets, until: post.clock.now() + CHALLENGE_LIFE };
  await session.send(replies.signed(octets));
};

export const xauth: Command = async (session) => {
  const { room, challenge } = session;
  const signature = await session.block(SIGNATURE_LENGTH);
  session.ration('login');
  session.challenge = undefined;
  session.account = undefined;
  if (challenge === undefined || challenge.until <= room.post.clock.now()) throw failed('no-challenge');
  const account = await room.accounts.get(challenge.account);
  const of = { server: room.server.publicKey, account: challenge.account, domain: room.domain };
  if (account === undefined || !verify(signature, authProof(of, challenge.octets), account.publicKey)) {
    throw failed('identification');
  }
  await setQuota(room.post, account.name, quotaOf(room.settings));
  session.account = account.name;
  await session.answer('success');
};
