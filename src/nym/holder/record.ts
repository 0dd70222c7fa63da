// What a nymholder knows of one nym of his: a document that is read and replaced as a whole. Ids and octets are in hex, times in
// milliseconds.   spec: mixminion-nym 10

import { HolderError } from './errors.ts';

/** How control messages reach the server.   spec: mixminion-nym 9 */
export interface ServerAddress {
  /** What is behind the @. */
  readonly domain: string;
  /** The nickname of its remailer. */
  readonly node: string;
  /** By the exit type of nymservers, or as mail to this mbox. */
  readonly mbox: string | undefined;
}

export type Phase =
  /** No answer yet. */
  | 'asked'
  /** The name is granted, and the server is yet to say that the nym is open. */
  | 'granted'
  | 'open'
  /** The server gave none of the names. */
  | 'refused'
  /** For ever. */
  | 'closed';

/** A message that is sent again with its SEQNO until it is acknowledged: the server executes it once.   spec: mixminion-nym 6.1 */
export interface Outstanding {
  readonly seqno: string;
  /** All of it but the signature: the identity key may be another the next time. */
  readonly signed: string;
  /** For people: `policy SendMsgAfter`, `mail to 2`. */
  readonly what: string;
  /** A change of state, of which there is one at a time. */
  readonly change: boolean;
  /** Mails that it deletes. */
  readonly deletes: readonly string[];
  /** When it was handed to the mix last; undefined: not yet. */
  readonly sent: number | undefined;
}

/** A change that waits for the one before it to be acknowledged. */
export type Change = { readonly option: string; readonly value: string } | { readonly keys: 'encryption' | 'both' };

/** Reply blocks that went out in one message. */
export interface Batch {
  readonly seqno: string;
  readonly count: number;
  readonly expires: number;
  readonly sent: number;
  readonly arrived: boolean;
}

export interface HeldMail {
  readonly id: string;
  /** By which people call it: 1, 2, 3 ... */
  readonly number: number;
  /** Known by its synopsis, here in full, or thrown away: then its id is known for a while, so that it does not come again. */
  readonly state: 'synopsis' | 'here' | 'deleted';
  readonly since: number;
  readonly from: string;
  readonly subject: string;
  /** Of the whole mail. */
  readonly octets: number;
  readonly read: boolean;
  /** It was asked for: when last, 0 for not yet. */
  readonly wanted: number | undefined;
  /** What the server does with its copy: keeps it, is to delete it, was told so, has none. */
  readonly copy: 'kept' | 'unwanted' | 'deleting' | 'gone';
}

/** Key pairs by the numbers of their files. */
export interface KeyNumbers {
  readonly identity: number;
  readonly encryption: number;
}

export interface HolderRecord {
  /** The name of the folder, and at first of the reply blocks' identity. */
  readonly label: string;
  readonly server: ServerAddress;
  readonly candidates: readonly string[];
  readonly phase: Phase;
  /** The name that was granted. */
  readonly nym: string | undefined;
  readonly challenge: string;
  /** The challenge was answered. */
  readonly confirmed: boolean;
  readonly made: number;
  /** Names of the secrets that its reply blocks are made from, the present one last. Never those of another nym. */
  readonly identities: readonly string[];
  readonly keys: KeyNumbers;
  /** Announced, and not acknowledged yet. */
  readonly nextKeys: KeyNumbers | undefined;
  readonly keysSince: number;
  /** Encryption keys of before, and when each is destroyed. */
  readonly oldKeys: readonly { readonly encryption: number; readonly until: number }[];
  /** What the server said last. */
  readonly status:
    | {
        readonly at: number;
        readonly messages: number;
        readonly surbs: number;
        readonly quota: number;
        readonly used: number;
      }
    | undefined;
  /** When anything came from the server last, and when it was last asked to say something. */
  readonly heard: number;
  readonly asked: number;
  /** Since when the server holds mail that nothing is known of. */
  readonly behind: number | undefined;
  readonly summaryAsked: number;
  readonly batches: readonly Batch[];
  readonly outstanding: readonly Outstanding[];
  readonly changes: readonly Change[];
  /** Options that were acknowledged. */
  readonly policy: Readonly<Record<string, string>>;
  readonly mails: readonly HeldMail[];
  readonly nextNumber: number;
  /** What the server complained of, and what became of the nym. */
  readonly notes: readonly { readonly at: number; readonly text: string }[];
  /** Closes the nym, in any mail to the server. */
  readonly phrase: string;
}

export function newRecord(
  given: Pick<HolderRecord, 'label' | 'server' | 'candidates' | 'made' | 'phrase'>,
): HolderRecord {
  return {
    ...given,
    phase: 'asked',
    nym: undefined,
    challenge: '',
    confirmed: true,
    identities: [given.label],
    keys: { identity: 1, encryption: 1 },
    nextKeys: undefined,
    keysSince: given.made,
    oldKeys: [],
    status: undefined,
    heard: 0,
    asked: 0,
    behind: undefined,
    summaryAsked: 0,
    batches: [],
    outstanding: [],
    changes: [],
    policy: {},
    mails: [],
    nextNumber: 1,
    notes: [],
  };
}

export function writeRecord(record: HolderRecord): string {
  return `${JSON.stringify({ version: 1, ...record }, undefined, 1)}\n`;
}

/** Throws HolderError `nym-folder`. */
export function readRecord(text: string): HolderRecord {
  try {
    const { version, ...record } = JSON.parse(text) as HolderRecord & { version: number };
    if (version === 1) return record;
  } catch {}
  throw new HolderError('nym-folder', 'the record of this nym cannot be read', {
    remedy: 'bring it back from a backup',
  });
}

/** `alice@nym.example.org`, or what was asked for. */
export function addressOf({ nym, label, server }: HolderRecord): string {
  return nym === undefined ? label : `${nym}@${server.domain}`;
}
