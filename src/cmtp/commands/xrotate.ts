// XROTATE: another key for the account that was proved, or the same one under another passphrase.   spec: cmtp 9 D22

import { failed } from '../answers.ts';
import { rotateProof } from '../wire/proofs.ts';
import type { Command } from './command.ts';
import { changeAccount, checkProof, readUserKeys } from './user-keys.ts';

export const xrotate: Command = async (session) => {
  const keys = await readUserKeys(session);
  const { account } = session;
  if (account === undefined) throw failed('not-proved');
  checkProof(session, account, keys, rotateProof);
  await changeAccount(session.room.accounts.rotate(account, keys));
  await session.answer('success');
};
