// What directory servers give each other: votes, and signed copies of the consensus. Judges what the others sent. Pure.
// spec: mixminion-directory 7

import { isDeepStrictEqual } from 'node:util';
import { type Clock, DAY } from '../../base/time.ts';
import { cleanText } from '../directory/config-format.ts';
import { directoryText } from '../directory/directory.ts';
import type { Voter } from '../directory/directory-contents.ts';
import { type DirectoryV3Fields, inDirectoryOrder, readDirectoryV3 } from '../directory/directory-v3.ts';
import { DirectoryError } from '../directory/errors.ts';
import { inAscendingOrder } from '../directory/recommended-versions.ts';
import type { Signature } from '../directory/signing.ts';

/** What all voters of a day agree on beforehand. */
export interface Ballot {
  /** The midnight at which the directory begins. */
  readonly day: number;
  /** All voters, in order of fingerprint. */
  readonly voters: readonly Voter[];
  readonly clock: Clock;
}

/** A signed file of one of the voters: the text that is covered, and the voters' good signatures. */
export interface SignedFile {
  readonly fields: DirectoryV3Fields;
  readonly digest: Buffer;
  /** One for each voter who signed it. */
  readonly signatures: readonly Signature[];
}

/** Reads a vote or a consensus of this day. Throws DirectoryError when it is of another day, other voters, or out of order. */
function readSignedFile(data: Uint8Array, { day, voters, clock }: Ballot): SignedFile {
  const { fields, digest, signatures } = readDirectoryV3(cleanText(directoryText(data)), { clock });
  if (fields.validAfter !== day || fields.validUntil !== day + DAY) throw unfit('is of another day');
  if (!isDeepStrictEqual(fields.voters, voters)) throw unfit('names other voters, or not in order');
  if (!inAscendingOrder(fields.recommendedVersions.client) || !inAscendingOrder(fields.recommendedVersions.server))
    throw unfit('has versions that do not ascend');
  const { descriptors } = fields;
  const ordered = descriptors.every((one, place) => {
    const before = descriptors[place - 1];
    return before === undefined || inDirectoryOrder(before, one) <= 0;
  });
  if (!ordered) throw unfit('has descriptors out of order');
  const good = new Map<string, Signature>();
  for (const signature of signatures) {
    const { fingerprint } = signature.identity;
    const isVoter = voters.some((voter) => voter.fingerprint === fingerprint);
    if (isVoter && signature.identity.verify(signature.signature, digest)) good.set(fingerprint, signature);
  }
  return { fields, digest, signatures: [...good.values()] };
}

/** Reads the vote of one voter: signed by nobody else.   spec: mixminion-directory 7 */
export function readVote(data: Uint8Array, voter: Voter, ballot: Ballot): DirectoryV3Fields {
  const { fields, signatures } = readSignedFile(data, ballot);
  if (fields.status !== 'vote') throw unfit('is no vote');
  if (signatures.length !== 1 || signatures[0]?.identity.fingerprint !== voter.fingerprint)
    throw new DirectoryError('signature', 'the vote is not signed by its voter alone');
  return fields;
}

/** Reads a consensus. */
export function readConsensus(data: Uint8Array, ballot: Ballot): SignedFile {
  const file = readSignedFile(data, ballot);
  if (file.fields.status !== 'consensus') throw unfit('is no consensus');
  return file;
}

/** Whether this many of the voters are more than half. */
export function isMajority(count: number, voters: readonly Voter[]): boolean {
  return count > voters.length / 2;
}

function unfit(why: string): DirectoryError {
  return new DirectoryError('value', `the file of a directory server ${why}`);
}
