// What this directory server thinks: its vote for a day, out of the descriptors it has and its operator's votes.
// spec: mixminion-directory 7

import { DAY } from '../../base/time.ts';
import type { ServerDescriptor } from '../directory/descriptor.ts';
import type { RecommendedVersions, Voter } from '../directory/directory-contents.ts';
import type { DirectoryV3Fields } from '../directory/directory-v3.ts';
import { compareVersions } from '../directory/recommended-versions.ts';
import type { Reliabilities } from '../directory/reliability.ts';
import { ownOthers } from './shelf.ts';

/** Descriptors that begin later than this after the day are left out. */
const LOOK_AHEAD = 30 * DAY;

export interface Opinion {
  readonly day: number;
  readonly voters: readonly Voter[];
  readonly recommendedVersions: RecommendedVersions;
  /** Of all servers that are listed. */
  readonly descriptors: readonly ServerDescriptor[];
  /** Fingerprints of those that the operator recommends ... */
  readonly approved: ReadonlySet<string>;
  /** ... unless the pinger found them less reliable than this. */
  readonly leastReliability: number;
  readonly reliabilities: Reliabilities;
}

/** The fields of the vote. A server that nobody pinged has the benefit of the doubt. */
export function makeVote(opinion: Opinion): DirectoryV3Fields {
  const { day, voters, approved, reliabilities, leastReliability } = opinion;
  const descriptors = opinion.descriptors.filter(
    (descriptor) =>
      descriptor.fields.validUntil >= day &&
      descriptor.fields.validAfter <= day + LOOK_AHEAD &&
      !descriptor.isSupersededBy(ownOthers(descriptor, opinion.descriptors)),
  );
  const recommended = descriptors.filter(
    (descriptor) =>
      approved.has(descriptor.fingerprint) &&
      descriptor.fields.validAfter <= day &&
      descriptor.fields.validUntil > day &&
      (reliabilities.get(descriptor.fingerprint) ?? 1) >= leastReliability,
  );
  const { client, server } = opinion.recommendedVersions;
  return {
    status: 'vote',
    validAfter: day,
    validUntil: day + DAY,
    voters,
    recommendedServers: [...new Set(recommended.map(({ nickname }) => nickname.toLowerCase()))].sort(),
    recommendedVersions: { client: ascending(client), server: ascending(server) },
    descriptors,
  };
}

function ascending(versions: readonly string[]): string[] {
  return [...new Set(versions)].sort((a, b) => compareVersions(a, b) ?? 0);
}
