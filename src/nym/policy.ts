// What a nymholder may ask of the server's behaviour, option by option.   spec: mixminion-nym 2.9

import { DAY, MINUTE } from '../base/time.ts';
import { NymError } from './errors.ts';
import { parseFilter } from './filter/parse.ts';
import { text } from './messages/octets.ts';

/** How mail that was sent is kept until it is deleted by its holder. */
export type Hold = 'never' | 'quota' | 'always';

/** Times in milliseconds; Infinity: never. */
export interface Policy {
  /** How long a mail may wait while there are reply blocks enough. */
  readonly sendMsgAfter: number;
  /** How long a synopsis may wait when they are few. */
  readonly sendSummaryAfter: number;
  /** How long a synopsis may lie unencrypted. */
  readonly encryptSummaryAfter: number;
  /** Reply blocks a day for what nobody asked for. */
  readonly maxSurbsPerDay: number;
  /** Reply blocks kept back for status messages. */
  readonly holdSurbs: number;
  readonly holdUntilAck: Hold;
  /** SHA-1 of the phrase that closes the nym; undefined: none does. */
  readonly shutdownPhrase: Buffer | undefined;
  /** The text of the filter; empty: everything is kept. */
  readonly filtering: string;
}

export const DEFAULT_POLICY: Policy = {
  sendMsgAfter: 360 * MINUTE,
  sendSummaryAfter: 1440 * MINUTE,
  encryptSummaryAfter: 60 * MINUTE,
  maxSurbsPerDay: 20,
  holdSurbs: 2,
  holdUntilAck: 'quota',
  shutdownPhrase: undefined,
  filtering: '',
};

const STEP = 30 * MINUTE;
const LONGEST = 365 * DAY;
const MOST = 65535;
const DIGEST = 20;
const HOLDS: readonly Hold[] = ['never', 'quota', 'always'];

/** Option names as they go over the wire, each with how its value is read. */
const OPTIONS: Readonly<Record<string, (value: Buffer) => Partial<Policy>>> = {
  SendMsgAfter: (value) => ({ sendMsgAfter: time(value) }),
  SendSummaryAfter: (value) => ({ sendSummaryAfter: time(value) }),
  EncryptSummaryAfter: (value) => ({ encryptSummaryAfter: time(value) }),
  MaxSURBsPerDay: (value) => ({ maxSurbsPerDay: count(value) }),
  HoldSURBs: (value) => ({ holdSurbs: count(value) }),
  HoldUntilAck: (value) => ({ holdUntilAck: hold(value) }),
  ShutdownPhrase: (value) => ({ shutdownPhrase: digest(value) }),
  Filtering: (value) => ({ filtering: filter(value) }),
};

export const policyOptions: readonly string[] = Object.keys(OPTIONS);

/** The policy with one option changed. Throws NymError `policy` or `filter`; the old one stays then. */
export function changePolicy(policy: Policy, option: string, value: Buffer): Policy {
  const read = Object.hasOwn(OPTIONS, option) ? OPTIONS[option] : undefined;
  if (read === undefined) {
    throw new NymError('policy', 'there is no such option', { remedy: `there are ${policyOptions.join(', ')}` });
  }
  return { ...policy, ...read(value) };
}

/** Minutes, rounded up to half hours; -1 is never. */
function time(value: Buffer): number {
  const written = value.toString('latin1');
  if (written === '-1') return Number.POSITIVE_INFINITY;
  const minutes = decimal(written);
  if (minutes * MINUTE > LONGEST) throw new NymError('policy', 'a time is at most a year, in minutes');
  return Math.ceil((minutes * MINUTE) / STEP) * STEP;
}

function count(value: Buffer): number {
  const number = decimal(value.toString('latin1'));
  if (number > MOST) throw new NymError('policy', `a number is at most ${MOST}`);
  return number;
}

function decimal(written: string): number {
  if (!/^\d{1,7}$/.test(written)) throw new NymError('policy', 'the value is a decimal number');
  return Number(written);
}

function hold(value: Buffer): Hold {
  const found = HOLDS.find((word) => word === value.toString('latin1').toLowerCase());
  if (found === undefined) throw new NymError('policy', `the value is one of ${HOLDS.join(', ')}`);
  return found;
}

function digest(value: Buffer): Buffer | undefined {
  if (value.length === 0) return undefined;
  if (value.length !== DIGEST) throw new NymError('policy', `the value is a digest of ${DIGEST} octets, or empty`);
  return Buffer.from(value);
}

function filter(value: Buffer): string {
  const written = text(value);
  parseFilter(written);
  return written;
}
