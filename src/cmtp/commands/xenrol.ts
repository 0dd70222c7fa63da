// XENROL: makes an account with an invitation.   spec: cmtp 9 D23

import { failed } from '../answers.ts';
import { enrol } from '../invitations.ts';
import { quotaOf } from '../settings.ts';
import { readName } from '../wire/names.ts';
import { enrolProof } from '../wire/proofs.ts';
import type { Command } from './command.ts';
import { changeAccount, checkProof, readUserKeys } from './user-keys.ts';

export const xenrol: Command = async (session) => {
  const { post, settings } = session.room;
  const token = readName(await session.argument());
  const account = readName(await session.argument());
  const keys = await readUserKeys(session);
  session.ration('login');
  if (!token || !account) throw failed('no-account');
  checkProof(session, account, keys, (of, brought) => enrolProof(of, token, brought));
  await changeAccount(enrol(post, token, account, keys, quotaOf(settings)));
  await session.answer('success');
};
