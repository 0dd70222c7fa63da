// AUTH COOKIE and AUTH VERIFY: another domain shows who it is, and asks whether we are who we said.   spec: immp 2.6

import { MINUTE } from '../../base/time.ts';
import { Refusal } from '../codes.ts';
import type { Session } from '../session.ts';
import { accepted } from '../wire/texts.ts';
import type { Handler } from './command.ts';

const PATIENCE = 3;
/** Call-backs for one claimed domain. */
export const CALLBACKS = { count: 10, per: MINUTE };
/** Call-backs under way at once. */
const MAX_ASKING = 64;

export const cookie: Handler<'AUTH COOKIE'> = async (command, answers) => {
  const { session, room } = answers;
  const domain = command.domain.toLowerCase();
  if (room.far === undefined) throw new Refusal('400');
  if (domain === room.domain) throw failed(session); // no call-back to ourselves
  if (!room.mayCallBack(domain) || room.callingBack >= MAX_ASKING) throw new Refusal('429');
  await answers.send('301', 'Cookie authentication request initiated.');
  room.callingBack += 1;
  const proof = await room.far.prove(command.cookie, domain).finally(() => {
    room.callingBack -= 1;
  });
  if (proof === 'unknown-now') throw failed(session, '412');
  if (proof === 'invalid') throw failed(session);
  const leave = room.enter(`@${domain}`);
  if (leave === undefined) throw new Refusal('429');
  session.atEnd(leave);
  session.peer = { state: 'remote', domain };
  await answers.send('210', accepted.write({ local: 'mailer-daemon', domain }));
};

/** Answered without asking anybody, so that no question leads to another. */
export const verify: Handler<'AUTH VERIFY'> = async (command, answers) => {
  const { session, room } = answers;
  if (!room.far?.cookies.redeem(command.cookie, command.domain)) throw failed(session, '411');
  await answers.send('211', `Cookie valid for ${command.domain}`);
};

function failed({ failures }: Session, code: '410' | '411' | '412' = '410'): Refusal {
  failures.authentication += 1;
  return failures.authentication >= PATIENCE ? new Refusal('711', { close: true }) : new Refusal(code);
}
