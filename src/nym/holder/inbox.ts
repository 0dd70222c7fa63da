// The mail of one nym as its holder handles it, by numbers: what there is, reading, fetching, throwing away.   spec: mixminion-nym 10

import type { Desk } from './desk.ts';
import { HolderError } from './errors.ts';
import type { HeldMail, HolderRecord } from './record.ts';

/** Mails that are known, the oldest first. */
export function mailsOf({ mails }: HolderRecord): readonly HeldMail[] {
  return mails.filter(({ state }) => state !== 'deleted');
}

/** Throws HolderError `no-mail`. */
export function mailOf(record: HolderRecord, number: number): HeldMail {
  const found = mailsOf(record).find((mail) => mail.number === number);
  if (found === undefined) {
    throw new HolderError('no-mail', `there is no mail ${number}`, { remedy: 'see `postern nym inbox`' });
  }
  return found;
}

/** The mail, or its synopsis as long as nothing else is here; it counts as read then. Throws HolderError `no-mail`. */
export async function readMail(
  desk: Desk,
  number: number,
): Promise<{ readonly mail: HeldMail; readonly text: Buffer }> {
  const mail = mailOf(desk.record, number);
  const text = await desk.parts.folder.text(mail.state === 'here' ? 'mail' : 'synopses', number);
  if (text === undefined) throw new HolderError('no-mail', `the file of mail ${number} is gone`);
  if (mail.state === 'here') await changeMails(desk, (other) => (other === mail ? { ...mail, read: true } : other));
  return { mail, text };
}

/** Wants mails in full. Throws HolderError `no-mail`. */
export async function wantMails(desk: Desk, numbers: readonly number[]): Promise<void> {
  const wanted = numbers.map((number) => mailOf(desk.record, number));
  await changeMails(desk, (mail) => {
    const isFetched = mail.state === 'synopsis' && mail.copy === 'kept';
    return wanted.includes(mail) && isFetched ? { ...mail, wanted: 0 } : mail;
  });
}

/** Throws mails away, here and at the server. Throws HolderError `no-mail`. */
export async function deleteMails(desk: Desk, numbers: readonly number[]): Promise<void> {
  const { folder, clock } = desk.parts;
  const gone = numbers.map((number) => mailOf(desk.record, number));
  await changeMails(desk, (mail) => {
    if (!gone.includes(mail)) return mail;
    const copy = mail.copy === 'kept' ? 'unwanted' : mail.copy;
    return { ...mail, state: 'deleted', from: '', subject: '', since: clock.now(), wanted: undefined, copy };
  });
  for (const { number } of gone) {
    await folder.removeText('mail', number);
    await folder.removeText('synopses', number);
  }
}

function changeMails(desk: Desk, change: (mail: HeldMail) => HeldMail): Promise<void> {
  return desk.change({ mails: desk.record.mails.map(change) });
}
