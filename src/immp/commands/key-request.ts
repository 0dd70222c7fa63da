// KEY REQUEST: the OpenPGP key of a domain, or of an account.   spec: immp 1.9, 2.11

import { Refusal } from '../codes.ts';
import { sendKey } from '../federation/key-request.ts';
import { fingerprintOf, readKey } from '../federation/openpgp.ts';
import { armourOf } from '../mail/sealing.ts';
import type { Answers } from '../session.ts';
import { accountName, type Imid } from '../wire/imid.ts';
import type { Handler } from './command.ts';

export const keyRequest: Handler<'KEY REQUEST'> = async ({ of }, answers) => {
  const armoured = await keyOf(of, answers);
  if (armoured === undefined) throw new Refusal('404');
  const key = await readKey(armoured, answers.room.post.clock.now()).catch(() => undefined);
  if (key === undefined) throw new Refusal('404');
  await sendKey(answers, of, fingerprintOf(key), armoured);
};

/** Users may ask for any key; other domains for ours, and for those of the domains whose mail goes through us. */
async function keyOf(of: Imid | string, { room, session }: Answers): Promise<string | undefined> {
  const domain = (typeof of === 'string' ? of : of.domain).toLowerCase();
  if (domain !== room.domain) {
    if (session.peer.state === 'remote' && !room.settings.relay_for.includes(domain)) return undefined;
    return room.carrier?.keyElsewhere(domain, of);
  }
  if (typeof of === 'string') return room.carrier?.ownKey();
  const account = await room.accounts.get(accountName(of));
  return account === undefined || account.pubkey === '' ? undefined : armourOf(account.pubkey);
}
