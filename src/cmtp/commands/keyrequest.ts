// KEYREQUEST: the key of the server, of a user here, or of one elsewhere for those who may ask.   spec: cmtp 4.1, 9 D8, D9, D10

import { noKey } from '../answers.ts';
import { checkPublicKey } from '../crypto/keys.ts';
import type { Session } from '../session.ts';
import { readName } from '../wire/names.ts';
import type { Command } from './command.ts';

export const keyrequest: Command = async (session) => {
  const { room } = session;
  const user = await session.argument();
  if (user.length === 0) {
    session.ration('key');
    return session.send(room.serverKey); // at once: an old client sends no more
  }
  const account = readName(user);
  const octets = await session.optionalArgument();
  const domain = octets === undefined ? '' : readName(octets);
  session.ration('key');
  const reply = account && domain !== undefined ? await find(session, account, domain) : undefined;
  if (reply !== undefined) return session.send(reply);
  if (session.dialect === 'reference') return session.send(room.replies.referenceNoKey);
  throw noKey('no-key');
};

async function find(session: Session, account: string, domain: string): Promise<Buffer | undefined> {
  const { room } = session;
  if (domain === '' || room.isHere(domain)) {
    const found = await room.accounts.get(account);
    return found && room.keyOf(found);
  }
  // Never a key of our own under a foreign name.   spec: cmtp 9 D9
  const key = await room.forward.keyOf({ account, domain }, session.asker);
  return key && isUsable(key) ? room.replies.key(key) : undefined;
}

/** What nobody should seal anything to is as good as no key, whoever signed it.   spec: cmtp 9 D10 */
function isUsable(key: Uint8Array): boolean {
  try {
    checkPublicKey(key);
    return true;
  } catch {
    return false;
  }
}
