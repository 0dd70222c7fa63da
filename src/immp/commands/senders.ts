// In whose name a message comes: who was authenticated, and whom he may name as its sender.   spec: immp 2.6, 2.8

import { Refusal } from '../codes.ts';
import type { Answers, Session } from '../session.ts';
import type { CommandOf } from '../wire/forms.ts';
import { accountName, formatImid, type NodeName } from '../wire/imid.ts';

/** Whose ids are unique: the account's, or the other domain's. */
export function authorityOf({ peer }: Session): string {
  return peer.state === 'local' ? peer.account : peer.state === 'remote' ? `@${peer.domain}` : '';
}

/** The sender that is named, if one is. Throws Refusal 403 for one who is not the peer's to name. */
export async function senderOf(
  { from, switches }: CommandOf<'DELIVER'>,
  { session, room }: Answers,
): Promise<string | undefined> {
  if (session.peer.state === 'remote') {
    if (switches.includes('-FROM')) throw new Refusal('406');
    if (from !== undefined && !mayName(from.domain, session.peer.domain, room)) throw new Refusal('403');
    return from && formatImid(from);
  }
  const account = session.account;
  if (switches.includes('-FROM')) {
    if (from !== undefined) throw new Refusal('406');
    if (!room.settings.anonymous_senders) throw new Refusal('403');
    return undefined;
  }
  if (from === undefined) return account;
  if (!(await maySendAs(from, account, room))) throw new Refusal('403');
  return formatImid(from);
}

/** Another domain names its own users, a trusted proxy those of others; nobody ours. */
function mayName(domain: string, peer: string, { domain: ours, settings }: Answers['room']): boolean {
  const name = domain.toLowerCase();
  return name === peer || (name !== ours && settings.trusted_proxies.includes(peer));
}

/** The account, what is below it, and the mailboxes that it may use. */
async function maySendAs(from: NodeName, account: string, room: Answers['room']): Promise<boolean> {
  const name = accountName(from);
  const [local = '', domain = ''] = account.split('@');
  const [fromLocal = '', fromDomain = ''] = name.split('@');
  if (fromDomain === domain && fromLocal.startsWith(`${local}/`)) return true;
  return room.accounts.mayUse(account, name);
}
