// AUTH SECRET and AUTH RESPONSE: a user shows that he knows his password.   spec: immp 2.6

import { toHex } from '../../base/bytes.ts';
import { MINUTE } from '../../base/time.ts';
import { Refusal } from '../codes.ts';
import type { Session } from '../session.ts';
import { accountName } from '../wire/imid.ts';
import { accepted } from '../wire/texts.ts';
import type { Handler } from './command.ts';

const CHALLENGE_LIVES = MINUTE;
const MAX_DEVICE = 128;
const PATIENCE = 3;

export const secret: Handler<'AUTH SECRET'> = async ({ account, device }, answers) => {
  const { session, room } = answers;
  if (Buffer.byteLength(device ?? '') > MAX_DEVICE) throw new Refusal('406');
  const name = accountName(account);
  if (room.secrets.tooManyFailures(name, room.settings.failures)) throw new Refusal('429');
  session.challenge = await room.secrets.challenge(name, room.settings);
  session.shownAs = account;
  await answers.send('302', 'Shared secret authentication request initiated.');
  await answers.send('303', session.challenge.line);
};

export const response: Handler<'AUTH RESPONSE'> = async ({ digits }, answers) => {
  const { session, room } = answers;
  const { challenge, shownAs } = session;
  session.challenge = undefined; // a pair of nonces serves once
  const now = room.post.clock.now();
  if (challenge === undefined || shownAs === undefined) throw new Refusal('405');
  if (now - challenge.asked > CHALLENGE_LIVES) throw failed(session);
  if (room.secrets.tooManyFailures(challenge.account, room.settings.failures)) throw new Refusal('429');
  const { right, proof } = await room.secrets.check(challenge, digits, room.settings, room.identity.serverKey);
  if (!right) {
    room.secrets.failed(challenge.account);
    throw failed(session);
  }
  const leave = room.enter(challenge.account);
  if (leave === undefined) throw new Refusal('429');
  session.atEnd(leave);
  session.peer = { state: 'local', account: challenge.account, since: now };
  if (proof) await answers.send('304', `v=${toHex(proof)}`);
  await answers.send('210', accepted.write(shownAs));
};

function failed({ failures }: Session): Refusal {
  failures.authentication += 1;
  return failures.authentication >= PATIENCE ? new Refusal('711', { close: true }) : new Refusal('410');
}
