// UPGRADE, NOOP and QUIT: what concerns the connection and nobody's mail.   spec: immp 2.3, 2.7

import { MINUTE } from '../../base/time.ts';
import { Refusal } from '../codes.ts';
import { METHODS } from '../greeting.ts';
import type { Handler } from './command.ts';

const HANDSHAKE_TIME = MINUTE;
const UPGRADE_PATIENCE = 3;

export const upgrade: Handler<'UPGRADE'> = async ({ method }, answers) => {
  const { session } = answers;
  const versions = Object.hasOwn(METHODS, method) ? METHODS[method as keyof typeof METHODS] : undefined;
  if (versions === undefined) {
    session.failures.upgrade += 1;
    if (session.failures.upgrade >= UPGRADE_PATIENCE) throw new Refusal('711', { close: true });
    throw new Refusal('420');
  }
  await answers.send('204', `Upgrading to ${method}.`);
  // Throws, and ends the conversation, when the peer has sent anything in the clear behind its UPGRADE.   spec: immp 2.3
  const { identity } = session.room;
  await session.connection.secure({ side: 'server', identity, timeout: HANDSHAKE_TIME, ...versions });
  session.peer = { state: 'unauthenticated' };
};

export const noop: Handler<'NOOP'> = async (_command, answers) => {
  await answers.send('200', 'Ok');
};

/** Lets what is under way finish. */
export const quit: Handler<'QUIT'> = async (_command, answers) => {
  const { session } = answers;
  session.leaving = true;
  await session.pipelines.drained(true);
  await answers.send('205', 'Bye');
};
