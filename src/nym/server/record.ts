// What a nymserver knows of one nym besides its mail and its reply blocks: one small document, read and replaced as a whole.
// spec: mixminion-nym 1

import { RsaPublicKey } from '../../crypto/rsa.ts';
import { DEFAULT_POLICY, type Policy } from '../policy.ts';

export interface SynopsisSet {
  /** Names the document that holds it. */
  readonly number: number;
  /** Of the mails in it, in order, hex. */
  readonly ids: readonly string[];
  /** When the oldest of them came. */
  readonly oldest: number;
  /** Of the command that carries it. */
  readonly octets: number;
  readonly sent: boolean;
}

/** What was wrong in the message with that SEQNO, in hex. */
export interface Complaint {
  readonly nonce: string;
  readonly text: string;
}

/** A slow hash of the phrase's digest.   spec: mixminion-nym 7 */
export interface ShutdownHash {
  readonly salt: Buffer;
  readonly hash: Buffer;
}

export interface NymRecord {
  /** Asked for and not confirmed yet, waiting for the operator, or open. */
  readonly state: 'reserved' | 'waiting' | 'open';
  /** When the reservation was made. */
  readonly made: number;
  /** What CREATE2 has to repeat; empty when nothing. */
  readonly challenge: Buffer;
  /** Keys whose signature counts: the present one, and a new one that was announced. */
  readonly identities: readonly RsaPublicKey[];
  readonly encryption: RsaPublicKey;
  /** `shutdownPhrase` is not in it: that is kept as `shutdown`. */
  readonly policy: Policy;
  readonly shutdown: ShutdownHash | undefined;
  /** SEQNOs to be acknowledged with the next message, hex. */
  readonly unacknowledged: readonly string[];
  /** To be told with the next message. */
  readonly errors: readonly Complaint[];
  /** Told before, the latest: to be told again when a message is repeated, since the answer may have been lost. */
  readonly told: readonly Complaint[];
  readonly dropped: readonly string[];
  /** The grant is to be told, or told again. */
  readonly owesCreated: boolean;
  /** A STATUS was asked for, or is due. */
  readonly owesStatus: boolean;
  /** Mails that were asked for, hex. */
  readonly requested: readonly string[];
  /** Sets that were asked for. */
  readonly requestedSets: readonly number[];
  /** Synopses that lie open were asked for too: they are sealed and sent. */
  readonly askedOpen: boolean;
  readonly sets: readonly SynopsisSet[];
  readonly nextSet: number;
  /** The day for which `spentToday` counts reply blocks that nobody asked for. */
  readonly day: number;
  readonly spentToday: number;
  /** When the holder was warned last that few reply blocks are left. */
  readonly warned: number;
  /** When an answer goes out at the latest; undefined: nothing is owed. */
  readonly answerBy: number | undefined;
}

/** What is known when a nym is reserved. */
export function newRecord(
  given: Pick<NymRecord, 'state' | 'made' | 'challenge' | 'identities' | 'encryption'>,
): NymRecord {
  return {
    ...given,
    policy: DEFAULT_POLICY,
    shutdown: undefined,
    unacknowledged: [],
    errors: [],
    told: [],
    dropped: [],
    owesCreated: true,
    owesStatus: false,
    requested: [],
    requestedSets: [],
    askedOpen: false,
    sets: [],
    nextSet: 1,
    day: 0,
    spentToday: 0,
    warned: 0,
    answerBy: undefined,
  };
}

const BASE64 = 'base64';

/** JSON: keys and octets in base64, `never` as null. */
export function writeRecord(record: NymRecord): Buffer {
  const { challenge, identities, encryption, policy, shutdown, ...plain } = record;
  return Buffer.from(
    JSON.stringify({
      ...plain,
      challenge: challenge.toString(BASE64),
      identities: identities.map((key) => key.toDer().toString(BASE64)),
      encryption: encryption.toDer().toString(BASE64),
      policy,
      shutdown: shutdown && { salt: shutdown.salt.toString(BASE64), hash: shutdown.hash.toString(BASE64) },
    }),
  );
}

export function readRecord(octets: Buffer): NymRecord {
  const { challenge, identities, encryption, policy, shutdown, ...plain } = JSON.parse(octets.toString());
  const keyOf = (text: string) => RsaPublicKey.fromDer(Buffer.from(text, BASE64));
  const never = (ms: number | null) => ms ?? Number.POSITIVE_INFINITY; // what JSON makes of Infinity
  return {
    ...plain,
    answerBy: plain.answerBy ?? undefined,
    challenge: Buffer.from(challenge, BASE64),
    identities: identities.map(keyOf),
    encryption: keyOf(encryption),
    policy: {
      ...policy,
      sendMsgAfter: never(policy.sendMsgAfter),
      sendSummaryAfter: never(policy.sendSummaryAfter),
      encryptSummaryAfter: never(policy.encryptSummaryAfter),
      shutdownPhrase: undefined,
    },
    shutdown: shutdown && { salt: Buffer.from(shutdown.salt, BASE64), hash: Buffer.from(shutdown.hash, BASE64) },
  };
}
