// The operator's vote file: what this directory server thinks of each remailer. Lines of `VOTE NICKNAME FINGERPRINT`, comments
// behind `#`; it may be edited by hand. Pure.   spec: mixminion-directory 7

import { DirectoryError } from '../directory/errors.ts';
import { compareNicknames, isValidNickname } from '../directory/value-kinds.ts';

/** Characters in the file. */
const MAX_TEXT = 4 * 1024 * 1024;

export const VOTES = ['yes', 'no', 'abstain', 'ignore'] as const;

/**
 * `yes`: listed and recommended. `abstain`: listed, not recommended. `no`: refused, and told so. `ignore`: refused without a
 * word of it.
 */
export type Vote = (typeof VOTES)[number];

/** `mismatch`: the fingerprint has the vote `yes` under another nickname. */
type Standing = Vote | 'unknown' | 'mismatch';

export interface VoteLine {
  readonly vote: Vote;
  readonly nickname: string;
  /** 40 upper-case hex digits. */
  readonly fingerprint: string;
}

/** The votes of a file. Throws DirectoryError `format`, naming the line, for anything else, or a fingerprint twice. */
export function parseVotes(text: string): VoteLine[] {
  if (text.length > MAX_TEXT) throw new DirectoryError('format', `the vote file is longer than ${MAX_TEXT} characters`);
  const lines: VoteLine[] = [];
  const seen = new Set<string>();
  for (const [index, raw] of text.split(/\r\n?|\n/).entries()) {
    const [content = ''] = raw.split('#');
    if (content.trim() === '') continue;
    const line = readLine(content);
    const refused = (why: string) => new DirectoryError('format', `line ${index + 1} of the vote file ${why}`);
    if (line === undefined) throw refused('is not "yes|no|abstain|ignore NICKNAME FINGERPRINT"');
    if (seen.has(line.fingerprint)) throw refused('has a fingerprint that stands above already');
    seen.add(line.fingerprint);
    lines.push(line);
  }
  return lines;
}

/** What the votes say of a server. */
export function standingOf(votes: readonly VoteLine[], nickname: string, fingerprint: string): Standing {
  const line = votes.find((other) => other.fingerprint === fingerprint);
  if (line === undefined) return 'unknown';
  if (line.vote === 'no' || line.vote === 'ignore' || compareNicknames(line.nickname, nickname) === 0) return line.vote;
  return line.vote === 'yes' ? 'mismatch' : 'unknown';
}

/** The fingerprint of the listed server that owns a nickname.   spec: mixminion-directory 2 */
export function ownerOf(votes: readonly VoteLine[], nickname: string): string | undefined {
  const listed = votes.filter(({ vote }) => vote === 'yes' || vote === 'abstain');
  return listed.find((line) => compareNicknames(line.nickname, nickname) === 0)?.fingerprint;
}

/** The file's text with this vote: in the place of the server's earlier line, commented out or not, or at the end. */
export function withVote(text: string, { vote, nickname, fingerprint }: VoteLine): string {
  const line = `${vote} ${nickname} ${fingerprint}`;
  let placed = false;
  const lines = text.split('\n').flatMap((old) => {
    if (readLine(old.replace(/^\s*#/, '').replace(/#.*$/, ''))?.fingerprint !== fingerprint) return [old];
    const kept = placed ? [] : [line];
    placed = true;
    return kept;
  });
  return placed ? lines.join('\n') : `${withEnd(text)}${line}\n`;
}

/** The file's text with a server that is new, as a comment that the operator may make a vote of. */
export function withNewcomer(text: string, nickname: string, fingerprint: string): string {
  const known = text.split('\n').some((line) => line.toUpperCase().includes(fingerprint));
  return known ? text : `${withEnd(text)}#abstain ${nickname} ${fingerprint}\n`;
}

function readLine(line: string): VoteLine | undefined {
  const [word = '', nickname = '', digits = '', ...more] = line.trim().split(/[ \t]+/);
  const vote = VOTES.find((known) => known === word.toLowerCase());
  const sound = isValidNickname(nickname) && /^[0-9a-f]{40}$/i.test(digits) && more.length === 0;
  return vote !== undefined && sound ? { vote, nickname, fingerprint: digits.toUpperCase() } : undefined;
}

function withEnd(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}
