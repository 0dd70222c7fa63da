// What goes to a nymholder: synopses are sealed, mails and sets chosen, packed into as few packets as may be, and sent through
// reply blocks that are spent before.   spec: mixminion-nym 4.4, 4.5, 4.6

import { toHex } from '../../base/bytes.ts';
import { codeOf } from '../../base/errors.ts';
import { DAY, startOfDay } from '../../base/time.ts';
import { NO_ID } from '../messages/frames.ts';
import { type HolderCommand, MAX_SET, writeHolderMessage } from '../messages/to-holder.ts';
import { pack, packetsOf } from '../packing.ts';
import { planSending } from '../plan.ts';
import { SYNOPSIS_PADDING, seal } from '../sealing.ts';
import { validBits, writeSynopses } from '../synopsis.ts';
import { MSG_FRAME } from './arrival.ts';
import { LONGEST_OPEN } from './curtain.ts';
import type { Desk } from './desk.ts';
import type { NymRecord, SynopsisSet } from './record.ts';
import type { OpenSynopsis, SealedMail } from './vault.ts';

/** So many synopses are sealed at once, however young.   spec: mixminion-nym 4.4 */
const PENDING = 8;
/** Octets of a SUMMARY command beside the set. */
const SUMMARY_FRAME = 6;
/** What goes along in one message at most; the rest waits for the next. Together less than a packet leaves for them. */
const ALONG = { acknowledged: 20, dropped: 12, errors: 2 };
const ERROR_TEXT = 100;
/** Errors that are told again when their message comes again. */
const TOLD = 10;

interface Item {
  readonly octets: number;
  readonly requested: boolean;
  readonly received: number;
  readonly mail: SealedMail;
}

interface SetItem {
  readonly octets: number;
  readonly requested: boolean;
  readonly oldest: number;
  readonly mails: readonly Item[];
  readonly set: SynopsisSet;
}

/** Does for one nym whatever is due now, and sees to it that what falls due later is thought of. */
export function serveNym(desk: Desk, nym: string): Promise<void> {
  return desk.turns.take(nym, async () => {
    const { vault, post, stock } = desk;
    const now = post.clock.now();
    const found = await vault.record(nym);
    if (found === undefined) return;
    let record = onDay(found, now);
    record = await sealSynopses(desk, nym, record, now);
    record = await forgetSets(desk, nym, record);
    const surbs = await stock.count(vault.idOf(nym));
    record = warn(record, surbs, now);

    const waiting = await vault.waiting(nym);
    const { mails, sets } = itemsOf(record, waiting, await wanted(desk, nym, record, waiting));
    const answers = surbs > 0 && record.answerBy !== undefined && record.answerBy <= now;
    const { spentToday, policy } = record;
    const plan = planSending({ mails, sets, stock: surbs, spentToday, answers }, policy, now);
    if (plan.packets > 0 || answers) {
      record = await send(desk, nym, record, { ...plan, left: surbs });
    }
    await vault.save(nym, record);
    await thinkOfLater(desk, nym, record, now);
  });
}

/** Counts of a day begin anew with it.   spec: mixminion-nym 5 */
function onDay(record: NymRecord, now: number): NymRecord {
  const day = startOfDay(now);
  return record.day === day ? record : { ...record, day, spentToday: 0 };
}

/** spec: mixminion-nym 4.4 */
async function sealSynopses(desk: Desk, nym: string, record: NymRecord, now: number): Promise<NymRecord> {
  const { vault, post } = desk;
  const open = await vault.openSynopses(nym);
  const { encryptSummaryAfter, sendSummaryAfter, sendMsgAfter } = record.policy;
  const limit = Math.min(encryptSummaryAfter, sendSummaryAfter, sendMsgAfter, LONGEST_OPEN);
  const [oldest] = open;
  if (oldest === undefined) return { ...record, askedOpen: false };
  if (open.length < PENDING && now - oldest.received < limit && !record.askedOpen) return record;
  let sealed = record;
  for (let at = 0; at < open.length; at += MAX_SET) {
    sealed = await sealOne(desk, nym, sealed, open.slice(at, at + MAX_SET));
  }
  post.log.debug('nym.sealed', { synopses: open.length });
  return { ...sealed, askedOpen: false };
}

async function sealOne(
  { vault, post }: Desk,
  nym: string,
  record: NymRecord,
  open: readonly OpenSynopsis[],
): Promise<NymRecord> {
  const number = record.nextSet;
  const sealed = seal(record.encryption, writeSynopses(open), SYNOPSIS_PADDING, post.random);
  const set: SynopsisSet = {
    number,
    ids: open.map(({ id }) => toHex(id)),
    oldest: Math.min(...open.map(({ received }) => received)),
    octets: sealed.length + SUMMARY_FRAME,
    sent: false,
  };
  const requestedSets = record.askedOpen ? [...record.requestedSets, number] : record.requestedSets;
  const next = { ...record, sets: [...record.sets, set], nextSet: number + 1, requestedSets };
  // The record first: a set of whose open synopses some are left is better than synopses that are in no set.
  await vault.save(nym, next);
  await vault.sealSet(
    nym,
    number,
    sealed,
    open.map(({ key }) => key),
  );
  return next;
}

/** A set goes with the last of its mails.   spec: mixminion-nym 4.4 */
async function forgetSets({ vault }: Desk, nym: string, record: NymRecord): Promise<NymRecord> {
  const sets: SynopsisSet[] = [];
  for (const set of record.sets) {
    const there = await Promise.all(set.ids.map((id) => vault.find(nym, Buffer.from(id, 'hex'))));
    if (there.some((mail) => mail !== undefined)) sets.push(set);
    else await vault.removeSet(nym, set.number);
  }
  const numbers = sets.map(({ number }) => number);
  return { ...record, sets, requestedSets: record.requestedSets.filter((number) => numbers.includes(number)) };
}

/** Once a day, when automatic mail has to stop for want of reply blocks.   spec: mixminion-nym 5 */
function warn(record: NymRecord, surbs: number, now: number): NymRecord {
  const low = surbs > 0 && surbs <= record.policy.holdSurbs && record.state === 'open';
  if (!low || record.warned === record.day || record.spentToday >= record.policy.maxSurbsPerDay) return record;
  return { ...record, warned: record.day, owesStatus: true, answerBy: now, spentToday: record.spentToday + 1 };
}

/** Mails that were asked for, sent before or not. */
async function wanted(
  { vault }: Desk,
  nym: string,
  record: NymRecord,
  waiting: readonly SealedMail[],
): Promise<SealedMail[]> {
  const known = new Set(waiting.map(({ id }) => toHex(id)));
  const others = record.requested.filter((id) => !known.has(id));
  const found = await Promise.all(others.map((id) => vault.find(nym, Buffer.from(id, 'hex'))));
  return found.filter((mail) => mail !== undefined);
}

function itemsOf(
  record: NymRecord,
  waiting: readonly SealedMail[],
  again: readonly SealedMail[],
): { mails: Item[]; sets: SetItem[] } {
  const asked = new Set(record.requested);
  const item = (mail: SealedMail): Item => {
    return { mail, octets: mail.size + MSG_FRAME, received: mail.received, requested: asked.has(toHex(mail.id)) };
  };
  const mails = [...waiting, ...again].sort((a, b) => a.place - b.place).map(item);
  const unsent = mails.filter(({ mail }) => waiting.includes(mail));
  const sets = record.sets
    .filter((set) => !set.sent || record.requestedSets.includes(set.number))
    .map((set) => ({
      set,
      octets: set.octets,
      oldest: set.oldest,
      requested: record.requestedSets.includes(set.number),
      mails: unsent.filter(({ mail }) => set.ids.includes(toHex(mail.id))),
    }));
  return { mails, sets };
}

interface Chosen {
  readonly mails: readonly Item[];
  readonly sets: readonly SetItem[];
  readonly unasked: number;
  /** Reply blocks that there are. */
  readonly left: number;
}

async function send(desk: Desk, nym: string, before: NymRecord, chosen: Chosen): Promise<NymRecord> {
  const { vault, stock, post } = desk;
  const messages = pack<Item | SetItem>([...chosen.sets, ...chosen.mails]);
  if (messages.length === 0) messages.push([]); // what is owed goes alone
  let record = before;
  let left = chosen.left;
  for (const items of messages) {
    const packets = packetsOf(items.reduce((sum, { octets }) => sum + octets, 0));
    const reply = desk.prepareReply(packets);
    const surbs = await stock.spend(vault.idOf(nym), packets);
    if (surbs === undefined) break;
    left -= packets;
    const along = goingAlong(nym, record, items.length === 0);
    const commands = [...along.commands, ...(await commandsOf(desk, nym, items))];
    const usage = await vault.usage(nym);
    const status: HolderCommand = {
      word: 'STATUS',
      messages: usage?.used.messages ?? 0,
      surbs: left,
      quota: usage?.quota.bytes ?? 0,
      used: usage?.used.bytes ?? 0,
      acknowledged: along.acknowledged.map((seqno) => Buffer.from(seqno, 'hex')),
    };
    await reply(writeHolderMessage([...commands, status]), surbs);
    record = await noteSent(desk, nym, along.record, items);
    await vault.save(nym, record);
    desk.count('sent');
  }
  post.log.debug('nym.sent', { messages: messages.length });
  return { ...record, spentToday: record.spentToday + chosen.unasked };
}

/** What is owed and goes into the next message; `record` is what is still owed after it. */
function goingAlong(
  nym: string,
  record: NymRecord,
  alone: boolean,
): { commands: HolderCommand[]; acknowledged: readonly string[]; record: NymRecord } {
  const created: HolderCommand[] = record.owesCreated ? [{ word: 'CREATED', nym, challenge: record.challenge }] : [];
  const errors = record.errors.slice(0, ALONG.errors).map(({ nonce, text }): HolderCommand => {
    return { word: 'ERROR', nonce: Buffer.from(nonce, 'hex'), text: text.slice(0, ERROR_TEXT) };
  });
  const dropped = record.dropped.slice(0, ALONG.dropped).map((id) => Buffer.from(id, 'hex'));
  const acknowledged = record.unacknowledged.slice(0, ALONG.acknowledged);
  const rest = {
    errors: record.errors.slice(ALONG.errors),
    told: [...record.told, ...record.errors.slice(0, ALONG.errors)].slice(-TOLD),
    dropped: record.dropped.slice(ALONG.dropped),
    unacknowledged: record.unacknowledged.slice(ALONG.acknowledged),
  };
  const more = rest.errors.length + rest.dropped.length + rest.unacknowledged.length > 0;
  return {
    commands: [...created, ...errors, ...(dropped.length > 0 ? [{ word: 'DROPPED' as const, ids: dropped }] : [])],
    acknowledged,
    record: {
      ...record,
      ...rest,
      owesCreated: false,
      owesStatus: false,
      answerBy: more && alone ? record.answerBy : undefined,
    },
  };
}

async function commandsOf({ vault }: Desk, nym: string, items: readonly (Item | SetItem)[]): Promise<HolderCommand[]> {
  const commands: HolderCommand[] = [];
  for (const item of items) {
    if ('set' in item) {
      const sealed = await vault.readSet(nym, item.set.number);
      const ids = item.set.ids.map((id) => Buffer.from(id, 'hex'));
      const there = new Set<string>();
      for (const id of ids) if ((await vault.find(nym, id)) !== undefined) there.add(toHex(id));
      if (sealed) commands.push({ word: 'SUMMARY', valid: validBits(ids, (id) => there.has(toHex(id))), sealed });
    } else {
      const sealed = await vault.read(nym, item.mail.id);
      if (sealed) commands.push({ word: 'MSG', id: item.mail.id, sealed });
    }
  }
  return commands;
}

/** spec: mixminion-nym 4.6 */
async function noteSent(
  { vault }: Desk,
  nym: string,
  record: NymRecord,
  items: readonly (Item | SetItem)[],
): Promise<NymRecord> {
  const ids = items.flatMap((item) => ('mail' in item ? [item.mail.id] : []));
  const numbers = items.flatMap((item) => ('set' in item ? [item.set.number] : []));
  const hex = ids.map(toHex);
  const gone = record.policy.holdUntilAck === 'never';
  if (gone) await vault.drop(nym, ids);
  else for (const id of ids) await vault.markSent(nym, id);
  return {
    ...record,
    requested: record.requested.filter((id) => !hex.includes(id)),
    requestedSets: record.requestedSets.filter((number) => !numbers.includes(number)),
    sets: record.sets.map((set) => (numbers.includes(set.number) ? { ...set, sent: true } : set)),
    dropped: gone ? [...record.dropped, ...hex] : record.dropped,
  };
}

/** What waits for reply blocks is thought of when some come; what waits for a new day, then. */
async function thinkOfLater(desk: Desk, nym: string, record: NymRecord, now: number): Promise<void> {
  const { sendMsgAfter, sendSummaryAfter, encryptSummaryAfter } = record.policy;
  const [waiting, open] = [await desk.vault.waiting(nym), await desk.vault.openSynopses(nym)];
  const times = [
    record.answerBy ?? Number.POSITIVE_INFINITY,
    ...waiting.map(({ received }) => received + sendMsgAfter),
    ...open.map(({ received }) => received + Math.min(encryptSummaryAfter, LONGEST_OPEN)),
    ...record.sets.filter(({ sent }) => !sent).map(({ oldest }) => oldest + sendSummaryAfter),
  ];
  const ahead = times.filter((time) => time > now);
  if (times.some((time) => time <= now)) ahead.push(startOfDay(now) + DAY);
  const next = Math.min(...ahead);
  if (Number.isFinite(next)) await desk.wake(nym, next);
}

/** The last word to a nymholder, when a reply block is left for it and a way is there.   spec: mixminion-nym 7 */
export async function sendFarewell(desk: Desk, nym: string, text: string): Promise<void> {
  try {
    const reply = desk.prepareReply(1);
    const surbs = await desk.stock.spend(desk.vault.idOf(nym), 1);
    if (surbs) await reply(writeHolderMessage([{ word: 'ERROR', nonce: NO_ID, text }]), surbs);
  } catch (error) {
    desk.post.log.warn('nym.farewell-failed', { code: codeOf(error) });
  }
}
