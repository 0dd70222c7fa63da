// What a nymserver sends to a nymholder, and when: pure decisions over what is held for one nym.   spec: mixminion-nym 4.5

import type { Policy } from './policy.ts';

/** One mail that was not sent in full yet. */
export interface HeldMail {
  readonly received: number;
  /** Packets that it takes to send it alone. */
  readonly packets: number;
  readonly requested: boolean;
  /** The set its synopsis lies in; undefined when that was sent already. */
  readonly set: number | undefined;
}

/** One sealed set of synopses that was not sent yet. */
export interface HeldSet {
  /** When the oldest mail in it came. */
  readonly oldest: number;
  readonly packets: number;
  readonly requested: boolean;
}

export interface Holdings<Mail extends HeldMail = HeldMail, Set_ extends HeldSet = HeldSet> {
  /** Oldest first. */
  readonly mails: readonly Mail[];
  readonly sets: ReadonlyMap<number, Set_>;
  /** Reply blocks that can be used. */
  readonly stock: number;
  /** Reply blocks spent today on what nobody asked for. */
  readonly spentToday: number;
}

export interface Plan<Mail extends HeldMail = HeldMail> {
  readonly mails: readonly Mail[];
  /** Keys of sets. */
  readonly sets: readonly number[];
  /** Reply blocks that this takes, and how many of them were asked for by nobody. */
  readonly packets: number;
  readonly unasked: number;
}

/** The reserve of the draft, below which full mails are not sent by themselves. */
const MAIL_RESERVE = 5;
const SYNOPSIS_RESERVE = 2;

/** What to send now. Requested things may use the reserve up; others leave it, and stay within the day's allowance. */
export function planSending<Mail extends HeldMail>(holdings: Holdings<Mail>, policy: Policy, now: number): Plan<Mail> {
  const { stock, spentToday } = holdings;
  const asked = choose(holdings, {
    budget: stock,
    mail: (mail) => mail.requested,
    set: (set) => set.requested,
  });
  const left = stock - asked.packets;
  const today = policy.maxSurbsPerDay - spentToday;
  const mailReserve = Math.max(MAIL_RESERVE, policy.holdSurbs);
  const synopsisReserve = Math.max(SYNOPSIS_RESERVE, policy.holdSurbs);
  const waiting = {
    ...holdings,
    mails: holdings.mails.filter((mail) => !asked.mails.includes(mail)),
    sets: new Map([...holdings.sets].filter(([key]) => !asked.sets.includes(key))),
  };
  const dueMail = (mail: HeldMail) => now - mail.received >= policy.sendMsgAfter;
  const dueSet = (set: HeldSet) => now - set.oldest >= policy.sendSummaryAfter;

  // All that is due in full when it fits; else something about every mail, then as many in full as fit.
  const inFull = waiting.mails.filter((mail) => dueMail(mail) && !mail.requested);
  const full = sum(inFull);
  const room = Math.min(left - mailReserve, today);
  if (inFull.length > 0 && full <= room) return together(asked, { mails: inFull, sets: [], packets: full });
  const someSets = choose(waiting, {
    budget: Math.min(left - synopsisReserve, today),
    mail: () => false,
    set: (set, key) => dueSet(set) || inFull.some((mail) => mail.set === key),
  });
  const someMails = choose(waiting, {
    budget: Math.min(left - mailReserve, today) - someSets.packets,
    mail: (mail) => dueMail(mail) && !mail.requested,
    set: () => false,
  });
  // A set says nothing new when each of its mails goes out in full.
  const superfluous = someSets.sets.filter((key) => {
    const inSet = waiting.mails.filter((mail) => mail.set === key);
    return inSet.every((mail) => someMails.mails.includes(mail));
  });
  const sets = someSets.sets.filter((key) => !superfluous.includes(key));
  const saved = superfluous.reduce((total, key) => total + (holdings.sets.get(key)?.packets ?? 0), 0);
  return together(asked, {
    mails: someMails.mails,
    sets,
    packets: someSets.packets + someMails.packets - saved,
  });
}

interface Wanted<Mail> {
  readonly budget: number;
  mail(mail: Mail): boolean;
  set(set: HeldSet, key: number): boolean;
}

type Part<Mail> = Pick<Plan<Mail & HeldMail>, 'mails' | 'sets' | 'packets'>;

/** Oldest first, sets before mails, and each only when the budget carries it. */
function choose<Mail extends HeldMail>(holdings: Holdings<Mail>, wanted: Wanted<Mail>): Part<Mail> {
  let packets = 0;
  const fits = (cost: number) => {
    if (packets + cost > wanted.budget) return false;
    packets += cost;
    return true;
  };
  const byAge = [...holdings.sets].sort(([, a], [, b]) => a.oldest - b.oldest);
  const sets = byAge.filter(([key, set]) => wanted.set(set, key) && fits(set.packets)).map(([key]) => key);
  const mails = holdings.mails.filter((mail) => wanted.mail(mail) && fits(mail.packets));
  return { mails, sets, packets };
}

function together<Mail extends HeldMail>(asked: Part<Mail>, unasked: Part<Mail>): Plan<Mail> {
  return {
    mails: [...asked.mails, ...unasked.mails],
    sets: [...asked.sets, ...unasked.sets],
    packets: asked.packets + unasked.packets,
    unasked: unasked.packets,
  };
}

function sum(mails: readonly HeldMail[]): number {
  return mails.reduce((total, { packets }) => total + packets, 0);
}
