// WORK in its two forms: asking what work would be taken, and showing it done.   spec: smallmail 2.10

import { refused, switchedOff } from '../answers.ts';
import type { CommandOf } from './command.ts';

export const work: CommandOf<'WORK'> = async (_line, session) => {
  const bits = session.room.settings.work_bits;
  if (bits === 0) throw switchedOff();
  await session.send({ word: 'WORK', bits, token: session.work.offer() });
};

export const proof: CommandOf<'PROOF'> = async ({ token, nonce }, session) => {
  const bits = session.room.settings.work_bits;
  if (bits === 0) throw switchedOff();
  if (!session.work.claim(token, nonce, bits)) throw refused('work');
  await session.send({ word: 'WRKD' });
};
