// Makes the consensus of a day out of the votes: what directory servers agree on before each signs it.
// spec: mixminion-directory 7

import { DAY } from '../../base/time.ts';
import type { ServerDescriptor } from './descriptor.ts';
import type { Voter } from './directory-contents.ts';
import type { DirectoryV3Fields } from './directory-v3.ts';
import { compareVersions } from './recommended-versions.ts';

/** Descriptors that begin later than this after the day are left out. */
const LOOK_AHEAD = 30 * DAY;

/**
 * The fields of the consensus. `votes` are those of different voters, already verified; a voter without a vote counts
 * as one who wants nothing. `day` is the midnight at which the directory begins.
 */
export function computeConsensus(
  votes: readonly DirectoryV3Fields[],
  { voters, day }: { readonly voters: readonly Voter[]; readonly day: number },
): DirectoryV3Fields {
  const majority = Math.floor(voters.length / 2) + 1;
  const agreed = (choices: (vote: DirectoryV3Fields) => readonly string[]) => inMajority(votes.map(choices), majority);
  const versions = (choices: (vote: DirectoryV3Fields) => readonly string[]) =>
    agreed(choices).sort((a, b) => compareVersions(a, b) ?? 0);
  return {
    status: 'consensus',
    validAfter: day,
    validUntil: day + DAY,
    recommendedServers: agreed((vote) => vote.recommendedServers).sort(),
    recommendedVersions: {
      client: versions((vote) => vote.recommendedVersions.client),
      server: versions((vote) => vote.recommendedVersions.server),
    },
    voters,
    descriptors: descriptorsOf(votes, majority, day),
  };
}

/** Of the servers whose identity a majority lists under one and the same nickname, every descriptor that is of use. */
function descriptorsOf(votes: readonly DirectoryV3Fields[], majority: number, day: number): ServerDescriptor[] {
  const all = new Map(
    votes.flatMap((vote) => vote.descriptors).map((descriptor) => [descriptor.digest.toString('hex'), descriptor]),
  );
  const names = new Map<string, Set<string>>();
  for (const { fingerprint, nickname } of all.values())
    names.set(fingerprint, (names.get(fingerprint) ?? new Set()).add(nickname.toLowerCase()));
  const listed = inMajority(
    votes.map((vote) => vote.descriptors.map(({ fingerprint }) => fingerprint)),
    majority,
  );
  const included = new Set(listed.filter((fingerprint) => names.get(fingerprint)?.size === 1));
  const descriptors = [...all.values()].filter(({ fingerprint }) => included.has(fingerprint));
  return descriptors.filter(
    (descriptor) =>
      descriptor.fields.validUntil >= day &&
      descriptor.fields.validAfter <= day + LOOK_AHEAD &&
      !descriptor.isSupersededBy(descriptors),
  );
}

function inMajority(choices: readonly (readonly string[])[], majority: number): string[] {
  const counts = new Map<string, number>();
  for (const one of choices) for (const choice of new Set(one)) counts.set(choice, (counts.get(choice) ?? 0) + 1);
  return [...counts].filter(([, count]) => count >= majority).map(([choice]) => choice);
}
