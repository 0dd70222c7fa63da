// Version numbers of the old family of programs, and what a list of recommended ones says about one's own.
// spec: mixminion-directory 8

/** Patch number of a version that states none: below every stated one. */
const NO_PATCH = -1;

const STATUS_RANKS: Readonly<Record<string, number>> = {
  alpha: 0,
  beta: 50,
  pre: 98,
  rc: 99,
  '': 100,
  '.': 100,
  p: 100,
};

interface Version {
  readonly numbers: readonly number[];
  /** How near to a release it is; undefined for a word that nobody knows. */
  readonly rank: number | undefined;
  readonly patch: number;
}

/** -1, 0 or 1 for older, equal or newer; undefined when the two cannot be compared or one is not a version. */
export function compareVersions(a: string, b: string): -1 | 0 | 1 | undefined {
  const [left, right] = [parseVersion(a), parseVersion(b)];
  if (left?.rank === undefined || right?.rank === undefined) return undefined;
  const leftKey = [...left.numbers, left.rank, left.patch];
  const rightKey = [...right.numbers, right.rank, right.patch];
  for (const [place, figure] of leftKey.entries()) {
    const other = rightKey[place] ?? 0;
    if (figure !== other) return figure < other ? -1 : 1;
  }
  return 0;
}

export type VersionAdvice = 'recommended' | 'maybe-obsolete' | 'newer-than-recommended';

/** What the recommended versions of a directory say about `own`. Never more than a warning to its user. */
export function adviseVersion(own: string, recommended: readonly string[]): VersionAdvice {
  if (recommended.includes(own)) return 'recommended';
  return recommended.some((listed) => compareVersions(listed, own) === 1) ? 'maybe-obsolete' : 'newer-than-recommended';
}

/** Whether each version is older than the one behind it. */
export function inAscendingOrder(versions: readonly string[]): boolean {
  return versions.every((version, place) => place === 0 || compareVersions(versions[place - 1] ?? '', version) === -1);
}

function parseVersion(text: string): Version | undefined {
  const match = /^(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:(\(\d{1,9}\)|\.|[a-z]+)(\d{1,9})?)?$/.exec(text);
  if (!match) return undefined;
  const [, major, minor, micro, status = '', patch] = match;
  const numbered = /^\((\d+)\)$/.exec(status)?.[1];
  return {
    numbers: [Number(major), Number(minor), Number(micro)],
    rank: numbered === undefined ? STATUS_RANKS[status] : Number(numbered),
    patch: patch === undefined ? NO_PATCH : Number(patch),
  };
}
