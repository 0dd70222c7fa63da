// Does what `tending.ts` finds due for a nym. Every step is kept before the next begins, so all of it can be cut off and begun again.
// spec: mixminion-nym 10

import { DAY } from '../../base/time.ts';
import type { ServerCommand } from '../messages/to-server.ts';
import { ask } from './asking.ts';
import { policyCommand } from './closing-phrase.ts';
import { type Desk, makeKey } from './desk.ts';
import { dispatch, queue } from './outbox.ts';
import type { HeldMail } from './record.ts';
import { CONFIRMATION, dutiesOf } from './tending.ts';

/** Ids of mail that was thrown away are known so long. */
const REMEMBERED = 60 * DAY;

/** Says whatever is to be said now; resolves to how many messages that were. */
export async function say(desk: Desk): Promise<number> {
  const now = desk.parts.clock.now();
  if (dutiesOf(desk.record, now).rotate) await wantKeys(desk, 'encryption');
  const duties = dutiesOf(desk.record, now);
  await forget(desk, duties.expiredKeys, now);
  if (duties.confirm) await confirm(desk);
  if (duties.change) await sendChange(desk);
  if (duties.drop.length > 0) await sendDeletions(desk, duties.drop);
  for (const asking of duties.ask) await ask(desk, asking);
  let sent = duties.ask.length;
  for (const { seqno } of dutiesOf(desk.record, now).repeat) {
    await dispatch(desk, seqno);
    sent += 1;
  }
  return sent;
}

/** New keys, when the changes before are acknowledged. */
export function wantKeys(desk: Desk, keys: 'encryption' | 'both'): Promise<void> {
  return desk.change({ changes: [...desk.record.changes, { keys }] });
}

/** spec: mixminion-nym 2.2 */
async function confirm(desk: Desk): Promise<void> {
  const command: ServerCommand = { word: 'CREATE2', response: Buffer.from(desk.record.challenge, 'hex') };
  await queue(desk, command, CONFIRMATION, { confirmed: true, asked: desk.parts.clock.now() });
}

async function sendChange(desk: Desk): Promise<void> {
  const [change] = desk.record.changes;
  if (change === undefined) return;
  if ('keys' in change) await sendKeys(desk, change.keys);
  else await queue(desk, policyCommand(change), `policy ${change.option}`, {}, { change: true });
}

/** Signed by the old identity key until the new one is acknowledged.   spec: mixminion-nym 2.4 */
async function sendKeys(desk: Desk, kind: 'encryption' | 'both'): Promise<void> {
  const { parts, record } = desk;
  const { keys } = record;
  const next = { identity: kind === 'both' ? keys.identity + 1 : keys.identity, encryption: keys.encryption + 1 };
  const encryption = await makeKey(parts, 'encryption', next.encryption);
  if (kind === 'both') await makeKey(parts, 'identity', next.identity);
  const identity = (await parts.folder.key('identity', next.identity)).publicKey;
  const command: ServerCommand = { word: 'NEWPK', identity, encryption: encryption.publicKey };
  const what = kind === 'both' ? 'new keys' : 'new encryption key';
  await queue(desk, command, what, { nextKeys: next }, { change: true });
}

async function sendDeletions(desk: Desk, ids: readonly string[]): Promise<void> {
  const command: ServerCommand = { word: 'DELETE', ids: ids.map((id) => Buffer.from(id, 'hex')) };
  const mails = desk.record.mails.map((mail) =>
    ids.includes(mail.id) ? { ...mail, copy: 'deleting' as const } : mail,
  );
  await queue(desk, command, `deletion of ${ids.length}`, { mails }, { deletes: ids });
}

async function forget(desk: Desk, expiredKeys: readonly number[], now: number): Promise<void> {
  const { mails, oldKeys } = desk.record;
  const isOld = ({ state, copy, since }: HeldMail) =>
    state === 'deleted' && copy === 'gone' && now - since > REMEMBERED;
  if (expiredKeys.length === 0 && !mails.some(isOld)) return;
  for (const number of expiredKeys) await desk.parts.folder.removeKey('encryption', number);
  await desk.change({
    mails: mails.filter((mail) => !isOld(mail)),
    oldKeys: oldKeys.filter(({ encryption }) => !expiredKeys.includes(encryption)),
  });
}
