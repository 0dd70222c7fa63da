// What a nymholder makes of a control message from his server: pure steps from one record to the next, with the mails and synopses
// that are to be kept.   spec: mixminion-nym 3, 10

import { toHex } from '../../base/bytes.ts';
import { DAY } from '../../base/time.ts';
import type { RsaPrivateKey } from '../../crypto/rsa.ts';
import { NymError } from '../errors.ts';
import { NO_ID } from '../messages/frames.ts';
import { type HolderCommand, readHolderMessage } from '../messages/to-holder.ts';
import { unseal } from '../sealing.ts';
import { readSynopses, splitMail } from '../synopsis.ts';
import type { TextKind } from './folder.ts';
import type { HeldMail, HolderRecord } from './record.ts';

/** Old keys open what was sealed before, for so long.   spec: mixminion-nym 2.4 */
const OLD_KEYS = 90 * DAY;
const MAX_NOTES = 100;
const ECHO = 0x00; // spec: mixminion-nym 2.2
/** Mails in all that are fetched without asking a person, and octets of each: light load.   spec: mixminion-nym 10 */
const LIGHT = { mails: 10, octets: 64 * 1024 };
/** How long after a request a summary still answers it: mail in it that was not known was lost on its way. */
const ANSWERS = 14 * DAY;

export interface Taken {
  readonly record: HolderRecord;
  /** To be kept before the record is. */
  readonly texts: readonly { readonly kind: TextKind; readonly number: number; readonly octets: Buffer }[];
}

/** `keys` are all that may open something, the newest first. Throws NymError `message` when it is no control message. */
export function take(record: HolderRecord, message: Buffer, keys: readonly RsaPrivateKey[], now: number): Taken {
  const commands = readHolderMessage(message);
  let taken: Taken = { record: { ...record, heard: now }, texts: [] };
  // Errors are about messages that the same STATUS acknowledges, so they are looked at first.
  const order = commands.toSorted((a, b) => Number(a.word === 'STATUS') - Number(b.word === 'STATUS'));
  for (const command of order) taken = takeCommand(taken, command, keys, now);
  // Mail comes to open nyms only: the word that it is open was lost.
  const isOpen = taken.record.phase === 'granted' && commands.some(({ word }) => word === 'MSG' || word === 'SUMMARY');
  return isOpen ? { ...taken, record: { ...taken.record, phase: 'open' } } : taken;
}

function takeCommand(taken: Taken, command: HolderCommand, keys: readonly RsaPrivateKey[], now: number): Taken {
  const { record } = taken;
  switch (command.word) {
    case 'CREATED':
      return { ...taken, record: granted(record, command.nym, command.challenge, now) };
    case 'STATUS':
      return { ...taken, record: acknowledged(record, command, now) };
    case 'SUMMARY':
      return takeSummary(taken, command, keys, now);
    case 'MSG':
      return takeMail(taken, command, keys, now);
    case 'DROPPED': {
      const gone = new Set(command.ids.map(toHex));
      return { ...taken, record: changeMails(record, (mail) => (gone.has(mail.id) ? withoutCopy(mail) : mail)) };
    }
    case 'ERROR':
      return { ...taken, record: complaint(record, toHex(command.nonce), command.text, now) };
  }
}

/** The name has to be one that was asked for.   spec: mixminion-nym 10 */
function granted(record: HolderRecord, nym: string, challenge: Buffer, now: number): HolderRecord {
  const { phase, candidates, server, identities } = record;
  if (phase === 'open' || phase === 'closed') return record;
  if (record.nym === undefined && !candidates.includes(nym) && !candidates.includes('')) {
    return noted(record, `the server grants ${nym}, which nobody asked for`, now);
  }
  if (record.nym !== undefined && record.nym !== nym) return noted(record, `the server now grants ${nym}`, now);
  if (phase === 'granted' && challenge.length === 0) return { ...record, phase: 'open' };
  const identity = `${nym}@${server.domain}`;
  const all = identities.includes(identity) ? identities : [...identities, identity];
  const next: HolderRecord = { ...record, phase: 'granted', nym, identities: all };
  const isEcho = challenge.length === 0 || challenge[0] === ECHO;
  if (isEcho) return { ...next, challenge: toHex(challenge), confirmed: false };
  return noted(next, `the server asks what this program cannot answer: ${challenge.toString('utf8', 1)}`, now);
}

function acknowledged(
  record: HolderRecord,
  { messages, surbs, quota, used, acknowledged: seqnos }: Extract<HolderCommand, { word: 'STATUS' }>,
  now: number,
): HolderRecord {
  const known = new Set(seqnos.map(toHex));
  const done = record.outstanding.filter(({ seqno }) => known.has(seqno));
  const change = done.find((message) => message.change);
  const [current, ...rest] = record.changes;
  let next: HolderRecord = {
    ...record,
    status: { at: now, messages, surbs, quota, used },
    batches: record.batches.map((batch) => (known.has(batch.seqno) ? { ...batch, arrived: true } : batch)),
    outstanding: record.outstanding.filter(({ seqno }) => !known.has(seqno)),
  };
  if (change !== undefined && current !== undefined) {
    next = { ...next, changes: rest };
    if ('option' in current) next = { ...next, policy: { ...next.policy, [current.option]: current.value } };
    else if (next.nextKeys !== undefined) next = turnKeys(next, next.nextKeys, now);
  }
  const deleted = new Set(done.flatMap(({ deletes }) => deletes));
  next = changeMails(next, (mail) => (deleted.has(mail.id) ? withoutCopy(mail) : mail));
  const atServer = next.mails.filter(({ copy }) => copy !== 'gone').length;
  return { ...next, behind: messages > atServer ? (record.behind ?? now) : undefined };
}

function turnKeys(record: HolderRecord, nextKeys: NonNullable<HolderRecord['nextKeys']>, now: number): HolderRecord {
  const { encryption } = record.keys;
  const old = encryption === nextKeys.encryption ? [] : [{ encryption, until: now + OLD_KEYS }];
  return { ...record, keys: nextKeys, nextKeys: undefined, keysSince: now, oldKeys: [...record.oldKeys, ...old] };
}

function takeMail(
  taken: Taken,
  { id, sealed }: Extract<HolderCommand, { word: 'MSG' }>,
  keys: readonly RsaPrivateKey[],
  now: number,
): Taken {
  const { record, texts } = taken;
  const known = record.mails.find((mail) => mail.id === toHex(id));
  if (known?.state === 'here' || known?.state === 'deleted') {
    // Sent again: it was not deleted there.
    return { ...taken, record: changeMails(record, (mail) => (mail === known ? { ...mail, copy: 'unwanted' } : mail)) };
  }
  const octets = opened(sealed, keys);
  if (octets === undefined) return { ...taken, record: noted(record, 'a mail cannot be opened with any key', now) };
  const number = known?.number ?? record.nextNumber;
  const mail: HeldMail = {
    ...(known ?? { id: toHex(id), number, since: now, read: false }),
    ...headline(octets),
    octets: octets.length,
    state: 'here',
    wanted: undefined,
    copy: 'unwanted',
  };
  return {
    record: withMail(record, mail),
    texts: [...texts, { kind: 'mail', number, octets }],
  };
}

function takeSummary(
  taken: Taken,
  { valid, sealed }: Extract<HolderCommand, { word: 'SUMMARY' }>,
  keys: readonly RsaPrivateKey[],
  now: number,
): Taken {
  const octets = opened(sealed, keys);
  if (octets === undefined) {
    return { ...taken, record: noted(taken.record, 'synopses cannot be opened with any key', now) };
  }
  const texts = [...taken.texts];
  let { record } = taken;
  for (const [place, { id, text }] of readSynopses(octets).entries()) {
    const known = record.mails.find((mail) => mail.id === toHex(id));
    if ((valid & (1 << place)) === 0) {
      if (known) record = changeMails(record, (mail) => (mail === known ? withoutCopy(mail) : mail));
    } else if (known === undefined) {
      const number = record.nextNumber;
      const size = Number(/^X-Octets: (\d{1,9})$/m.exec(text.toString('latin1'))?.[1] ?? 0);
      const mail = { id: toHex(id), number, state: 'synopsis', since: now, read: false } as const;
      const wanted = now - record.summaryAsked < ANSWERS && isLight(record, size) ? 0 : undefined;
      record = withMail(record, { ...mail, ...headline(text), octets: size, wanted, copy: 'kept' });
      texts.push({ kind: 'synopses', number, octets: text });
    }
  }
  return { record, texts };
}

/** Whether a mail of that size is fetched without asking. */
function isLight({ mails }: HolderRecord, octets: number): boolean {
  const unfetched = mails.filter(({ state, copy }) => state === 'synopsis' && copy === 'kept').length;
  return octets <= LIGHT.octets && unfetched < LIGHT.mails;
}

function complaint(record: HolderRecord, nonce: string, text: string, now: number): HolderRecord {
  const next = noted(record, text, now);
  if (nonce === toHex(NO_ID)) return /\bclosed\b/.test(text) ? { ...next, phase: 'closed' } : next;
  if (record.phase === 'asked' && record.batches.some(({ seqno }) => seqno === nonce)) {
    return { ...next, phase: 'refused' };
  }
  const failed = record.outstanding.find(({ seqno }) => seqno === nonce);
  if (failed?.change !== true) return next;
  // It will not be better the next time.
  const outstanding = next.outstanding.filter((message) => message !== failed);
  return { ...next, outstanding, changes: next.changes.slice(1), nextKeys: undefined };
}

function opened(sealed: Buffer, keys: readonly RsaPrivateKey[]): Buffer | undefined {
  for (const key of keys) {
    try {
      return unseal(key, sealed);
    } catch (error) {
      if (!(error instanceof NymError)) throw error;
    }
  }
  return undefined;
}

function headline(mail: Buffer): { from: string; subject: string } {
  const { headers } = splitMail(mail);
  const field = (wanted: string) => headers.find(({ name }) => name.toLowerCase() === wanted)?.value ?? '';
  return { from: field('from'), subject: field('subject') };
}

function withMail(record: HolderRecord, mail: HeldMail): HolderRecord {
  const others = record.mails.filter(({ id }) => id !== mail.id);
  const mails = [...others, mail].sort((a, b) => a.number - b.number);
  return { ...record, mails, nextNumber: Math.max(record.nextNumber, mail.number + 1) };
}

function withoutCopy(mail: HeldMail): HeldMail {
  return { ...mail, copy: 'gone', wanted: undefined };
}

function changeMails(record: HolderRecord, change: (mail: HeldMail) => HeldMail): HolderRecord {
  return { ...record, mails: record.mails.map(change) };
}

/** With a word for a person to read. */
export function noted(record: HolderRecord, text: string, at: number): HolderRecord {
  return { ...record, notes: [...record.notes, { at, text: text.slice(0, 500) }].slice(-MAX_NOTES) };
}
