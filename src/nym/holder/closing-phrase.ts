// The phrase with which a nymholder closes his nym by ordinary mail: how it is made, told to the server, and used.
// spec: mixminion-nym 7

import { toHex } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import type { ServerCommand } from '../messages/to-server.ts';
import { phraseDigest } from '../shutdown-phrase.ts';
import { HolderError } from './errors.ts';
import type { Change, HolderRecord } from './record.ts';

const OPTION = 'ShutdownPhrase';
/** Letters and digits that nobody confuses: 5 bits each, 100 in all. */
const LETTERS = 'abcdefghijkmnpqrstuvwxyz23456789';
const LENGTH = 20;
const GROUP = 5;

export function makePhrase(random: Random): string {
  const letters = [...random.bytes(LENGTH)].map((octet) => LETTERS[octet % LETTERS.length]);
  return letters.join('').replace(new RegExp(`.{${GROUP}}(?=.)`, 'g'), '$&-');
}

/** The record of a nym that has just opened, whose phrase is to be told to the server. */
export function withPhrase(record: HolderRecord): HolderRecord {
  const change: Change = { option: OPTION, value: toHex(phraseDigest(record.phrase)) };
  return { ...record, changes: [...record.changes, change] };
}

/** Only the digest of a phrase is octets, all other options are text. */
export function policyCommand({ option, value }: Extract<Change, { option: string }>): ServerCommand {
  return { word: 'POLICY', option, value: Buffer.from(value, option === OPTION ? 'hex' : 'utf8') };
}

/** The line of a mail that closes the nym for ever, and the address to send it to. Throws HolderError `nym-state`. */
export function shutdownOf({ nym, server, phrase, policy }: HolderRecord): {
  readonly to: string;
  readonly line: string;
} {
  if (policy[OPTION] === undefined) {
    throw new HolderError('nym-state', 'the server does not know the phrase yet', { remedy: 'try again in some days' });
  }
  return { to: `nym-shutdown@${server.domain}`, line: `SHUTDOWN ${nym} ${phrase}` };
}
