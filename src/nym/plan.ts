// What a nymserver sends to a nymholder, and when: pure decisions over what is held for one nym.   spec: mixminion-nym 4.5

import { packetsFor } from './packing.ts';
import type { Policy } from './policy.ts';

/** One mail that was not sent in full yet. */
export interface HeldMail {
  readonly received: number;
  /** Of the command that carries it. */
  readonly octets: number;
  readonly requested: boolean;
}

/** One sealed set of synopses. */
export interface HeldSet<Mail extends HeldMail = HeldMail> {
  /** When the oldest mail in it came. */
  readonly oldest: number;
  readonly octets: number;
  readonly requested: boolean;
  /** Its mails that were not sent in full. */
  readonly mails: readonly Mail[];
}

export interface Holdings<Mail extends HeldMail, Synopses extends HeldSet<Mail>> {
  /** Oldest first, both. Sets are those that were asked for, or not sent yet. */
  readonly mails: readonly Mail[];
  readonly sets: readonly Synopses[];
  /** Reply blocks that can be used. */
  readonly stock: number;
  /** Reply blocks spent today on what nobody asked for. */
  readonly spentToday: number;
  /** A message goes out now in any case, since an answer is owed. */
  readonly answers: boolean;
}

export interface Plan<Mail, Synopses> {
  readonly mails: readonly Mail[];
  readonly sets: readonly Synopses[];
  /** Reply blocks that this takes, and how many of them for what nobody asked for. */
  readonly packets: number;
  readonly unasked: number;
}

/** Reply blocks kept back, by the draft, when full mails and when synopses are sent by themselves.   spec: mixminion-nym 4.5 */
const MAIL_RESERVE = 5;
const SYNOPSIS_RESERVE = 2;

/**
 * What to send now. What was asked for may use all reply blocks; the rest leaves the reserve and keeps to the day's allowance.
 * First something about every mail that is due, then as many in full as fit; when all fit, all go in full. What is left of room in
 * messages that go out anyway is filled with what is not due yet.
 */
export function planSending<Mail extends HeldMail, Synopses extends HeldSet<Mail>>(
  holdings: Holdings<Mail, Synopses>,
  policy: Policy,
  now: number,
): Plan<Mail, Synopses> {
  const { stock, spentToday } = holdings;
  const asked = new Choice<Mail, Synopses>();
  for (const set of holdings.sets) if (set.requested) asked.takeSet(set, stock);
  for (const mail of holdings.mails) if (mail.requested) asked.takeMail(mail, stock);

  const today = asked.packets + Math.max(0, policy.maxSurbsPerDay - spentToday);
  const forMails = Math.min(today, stock - Math.max(MAIL_RESERVE, policy.holdSurbs));
  const forSets = Math.min(today, stock - Math.max(SYNOPSIS_RESERVE, policy.holdSurbs));
  const due = holdings.mails.filter((mail) => !mail.requested && now - mail.received >= policy.sendMsgAfter);

  const inFull = asked.copy();
  const allFit = due.every((mail) => inFull.takeMail(mail, forMails));
  const chosen = allFit ? inFull : asked.copy();
  const isDue = (set: Synopses) => !set.requested && now - set.oldest >= policy.sendSummaryAfter;
  const tellsOfDue = (set: Synopses) => set.mails.some((mail) => due.includes(mail));
  for (const set of holdings.sets) {
    const says = !set.mails.every((mail) => chosen.mails.includes(mail));
    if (says && (isDue(set) || (!allFit && !set.requested && tellsOfDue(set)))) chosen.takeSet(set, forSets);
  }
  if (!allFit) for (const mail of due) chosen.takeMail(mail, forMails);
  const useful = allFit
    ? chosen
    : chosen.withoutSets((set) => !set.requested && set.mails.every((mail) => chosen.mails.includes(mail)));
  const unasked = useful.packets - asked.packets;
  rideAlong(useful, holdings, policy);
  const { mails, sets, packets } = useful;
  return { mails, sets, packets, unasked };
}

/**
 * Adds what takes no more packets than go out anyway, by the same rule: all mails in full when they fit; else something about each, then
 * mails. The oldest goes first or nothing does, and never what is not to be sent by itself.   spec: mixminion-nym 4.5
 */
function rideAlong<Mail extends HeldMail, Synopses extends HeldSet<Mail>>(
  chosen: Choice<Mail, Synopses>,
  { mails, sets, stock, answers }: Holdings<Mail, Synopses>,
  { sendMsgAfter, sendSummaryAfter }: Policy,
): void {
  const room = Math.max(chosen.packets, answers && stock > 0 ? 1 : 0);
  const others = Number.isFinite(sendMsgAfter) ? mails.filter((mail) => !chosen.mails.includes(mail)) : [];
  const whole = chosen.copy();
  const allFit = others.every((mail) => whole.takeMail(mail, room));
  if (!allFit && Number.isFinite(sendSummaryAfter)) {
    const untold = sets.filter((set) => !chosen.sets.includes(set) && set.mails.length > 0);
    untold.every((set) => set.mails.every((mail) => chosen.mails.includes(mail)) || chosen.takeSet(set, room));
  }
  others.every((mail) => chosen.takeMail(mail, room));
}

/** Things chosen one by one, as long as the reply blocks for all of them suffice. */
class Choice<Mail extends HeldMail, Synopses extends HeldSet<Mail>> {
  readonly mails: Mail[] = [];
  readonly sets: Synopses[] = [];

  get packets(): number {
    return packetsFor(this.items);
  }

  /** In the order in which they are packed. */
  get items(): readonly (Mail | Synopses)[] {
    return [...this.sets, ...this.mails];
  }

  takeMail(mail: Mail, budget: number): boolean {
    if (packetsFor([...this.items, mail]) > budget) return false;
    this.mails.push(mail);
    return true;
  }

  takeSet(set: Synopses, budget: number): boolean {
    if (packetsFor([...this.sets, set, ...this.mails]) > budget) return false;
    this.sets.push(set);
    return true;
  }

  copy(): Choice<Mail, Synopses> {
    return this.withoutSets(() => false);
  }

  withoutSets(unwanted: (set: Synopses) => boolean): Choice<Mail, Synopses> {
    const copy = new Choice<Mail, Synopses>();
    copy.sets.push(...this.sets.filter((set) => !unwanted(set)));
    copy.mails.push(...this.mails);
    return copy;
  }
}
