// What a nymholder has to say to his server now: pure decisions over his record. Nothing here takes more than one message to a
// packet, and whatever is lost on either way is said again some day.   spec: mixminion-nym 5, 10

import { DAY, HOUR } from '../../base/time.ts';
import { packetsOf } from '../packing.ts';
import type { Batch, HolderRecord, Outstanding } from './record.ts';

/** Reply blocks that the server should have; below half of it they are topped up.   spec: mixminion-nym 5 */
const TARGET = 20;
/** As many as fit into one packet, each being of some 2100 octets. */
const MOST_SURBS = 12;
/** For a server that does not answer: it may have none left, whatever it said last. */
const RESCUE = 6;
/** A reply block that expires sooner is of no use to the server.   spec: mixminion-nym 5 */
const LEAST_LIFE = 3 * HOUR;
/** What was not acknowledged by then is taken for lost. Answers may take a day, and packets some hours each way. */
const LOST_AFTER = 2 * DAY;
/** A server that was silent so long is asked how things are. */
const SILENCE = 4 * DAY;
/** The server holds mail that nothing came of for so long: something was lost on its way. */
const BEHIND = DAY;
/** Deletions wait for others, or for a message that goes out anyway, for so long. */
const DELETIONS_WAIT = DAY;
const MANY_DELETIONS = 16;
const KEY_LIFE = 90 * DAY; // spec: mixminion-nym 6.3
const MOST_IDS = 200;
const MOST_SUMMARIES = 65535;

/** One message that asks for something: it is not repeated, but asked anew when no answer comes. */
export interface Asking {
  /** The first message, which asks for the nym. */
  readonly create: boolean;
  readonly surbs: number;
  /** Mails to be sent in full, hex. */
  readonly get: readonly string[];
  /** Synopses to be sent, at most; 0 asks for a word only. */
  readonly summaries: number | undefined;
}

export interface Duties {
  readonly ask: readonly Asking[];
  /** To be handed to the mix, for the first time or again. */
  readonly repeat: readonly Outstanding[];
  /** Copies that the server is to delete, hex. */
  readonly drop: readonly string[];
  /** CREATE2 is to be sent. */
  readonly confirm: boolean;
  /** The first of the changes that wait can go. */
  readonly change: boolean;
  /** It is time for new keys. */
  readonly rotate: boolean;
  readonly expiredKeys: readonly number[];
}

const NO_DUTIES: Duties = {
  ask: [],
  repeat: [],
  drop: [],
  confirm: false,
  change: false,
  rotate: false,
  expiredKeys: [],
};

export function dutiesOf(record: HolderRecord, now: number): Duties {
  const { phase } = record;
  const expiredKeys = record.oldKeys.filter(({ until }) => until <= now).map(({ encryption }) => encryption);
  if (phase === 'refused' || phase === 'closed') return { ...NO_DUTIES, expiredKeys };
  if (phase === 'asked') {
    const due = now - record.asked >= LOST_AFTER;
    return { ...NO_DUTIES, ask: due ? [{ create: true, surbs: MOST_SURBS - 2, get: [], summaries: undefined }] : [] };
  }
  const isDue = ({ sent }: Outstanding) => sent === undefined || now - sent >= LOST_AFTER;
  const repeat = record.outstanding.filter(isDue);
  const unanswered = record.asked > record.heard;
  const silent = unanswered ? now - record.asked >= LOST_AFTER : now - record.heard >= SILENCE;
  if (phase === 'granted') {
    const pending = record.outstanding.some(({ what }) => what === CONFIRMATION);
    const confirm = !pending && (!record.confirmed || now - record.asked >= LOST_AFTER);
    return { ...NO_DUTIES, ask: askings(record, now, false), repeat, confirm, expiredKeys };
  }
  const change = record.changes.length > 0 && !record.outstanding.some((message) => message.change);
  const rotate = record.changes.length === 0 && record.nextKeys === undefined && now - record.keysSince >= KEY_LIFE;
  const ask = askings(record, now, silent);
  const drop = dropping(record, now, ask.length + repeat.length > 0);
  return { ask, repeat, drop, confirm: false, change, rotate, expiredKeys };
}

/** What the outstanding CREATE2 is called. */
export const CONFIRMATION = 'confirmation';

function askings(record: HolderRecord, now: number, silent: boolean): Asking[] {
  const get = record.mails.filter(({ wanted }) => wanted !== undefined && (wanted === 0 || now - wanted >= LOST_AFTER));
  const behind =
    record.behind !== undefined && now - record.behind >= BEHIND && now - record.summaryAsked >= LOST_AFTER;
  const summaries = behind || record.summaryAsked < 0 ? MOST_SUMMARIES : silent ? 0 : undefined;
  const stock = surbStock(record, now);
  const packets =
    get.reduce((sum, { octets }) => sum + packetsOf(Math.max(octets, 1024)), 0) + (summaries === undefined ? 0 : 2);
  const forAnswers = Math.ceil((packets * 4) / 3);
  const forStock = stock.expected < TARGET / 2 ? TARGET - stock.expected : 0;
  const rescue = silent && record.asked > record.heard ? RESCUE : 0; // asked before, and not answered
  let surbs = Math.max(forAnswers, forStock, rescue);
  if (surbs === 0 && get.length === 0 && summaries === undefined) return [];
  surbs = Math.min(surbs, 10 * MOST_SURBS);
  const first = { create: false, surbs: Math.min(surbs, MOST_SURBS), get: get.slice(0, MOST_IDS).map(({ id }) => id) };
  const more: Asking[] = [];
  for (let left = surbs - first.surbs; left > 0; left -= MOST_SURBS) {
    more.push({ create: false, surbs: Math.min(left, MOST_SURBS), get: [], summaries: undefined });
  }
  return [{ ...first, summaries }, ...more];
}

/** Acknowledged mail is deleted there, several at once when nothing else goes. */
function dropping(record: HolderRecord, now: number, goesAnyway: boolean): string[] {
  const unwanted = record.mails.filter(({ copy }) => copy === 'unwanted');
  const [oldest] = unwanted;
  if (oldest === undefined) return [];
  const due = goesAnyway || unwanted.length >= MANY_DELETIONS || now - oldest.since >= DELETIONS_WAIT;
  return due ? unwanted.slice(0, MOST_IDS).map(({ id }) => id) : [];
}

export interface SurbStockEstimate {
  /** What the server should have when all that is on its way has come. */
  readonly expected: number;
  /** What it said last. */
  readonly told: number | undefined;
  readonly inFlight: number;
  /** When the next of those that were ever sent expires. */
  readonly nextExpiry: number | undefined;
}

/** spec: mixminion-nym 5 */
export function surbStock({ batches, status }: HolderRecord, now: number): SurbStockEstimate {
  const usable = batches.filter(({ expires }) => expires - LEAST_LIFE > now);
  const sum = (some: readonly Batch[]) => some.reduce((total, { count }) => total + count, 0);
  const inFlight = sum(usable.filter(({ arrived, sent }) => !arrived && now - sent < LOST_AFTER));
  const expected = Math.min((status?.surbs ?? 0) + inFlight, sum(usable));
  const expiries = usable.map(({ expires }) => expires);
  return {
    expected,
    told: status?.surbs,
    inFlight,
    nextExpiry: expiries.length === 0 ? undefined : Math.min(...expiries),
  };
}
