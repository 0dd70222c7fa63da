// LOGIN: a user's xzibit, for anybody who asks: its passphrase is all that guards it.   spec: cmtp 4.2, 9 D6, D22

import { failed, gone } from '../answers.ts';
import { readName } from '../wire/names.ts';
import type { Command } from './command.ts';

/** The old reference server has no version and length in front. */
const REFERENCE_SKIPS = 8;

export const login: Command = async (session) => {
  const { room, dialect } = session;
  const name = readName(await session.argument());
  session.ration('login');
  const account = name ? await room.accounts.get(name) : undefined;
  if (account === undefined) throw dialect === 'seed' ? failed('no-account') : gone();
  const reply = room.xzibitOf(account);
  await session.send(dialect === 'seed' ? reply : reply.subarray(REFERENCE_SKIPS));
};
