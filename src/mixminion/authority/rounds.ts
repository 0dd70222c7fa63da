// A directory server's day: it votes, fetches the votes of the others, computes and signs the consensus, collects the others'
// signatures, and at midnight lets it count. Whatever is due and not done yet is done, so a restart or a late start needs
// nothing of its own.   spec: mixminion-directory 7

import { codeOf, messageOf } from '../../base/errors.ts';
import { DAY, HOUR, MINUTE, sleep, startOfDay } from '../../base/time.ts';
import type { RsaPrivateKey, RsaPublicKey } from '../../crypto/rsa.ts';
import type { Post } from '../../post/post.ts';
import { computeConsensus } from '../directory/consensus.ts';
import type { DirectoryServer } from '../directory/directory.ts';
import type { RecommendedVersions, Voter } from '../directory/directory-contents.ts';
import { writeDirectoryV2 } from '../directory/directory-v2.ts';
import {
  type DirectoryV3Fields,
  signDirectoryInfo,
  writeDirectoryInfo,
  writeDirectoryV3,
} from '../directory/directory-v3.ts';
import { downloadDirectory } from '../directory/download.ts';
import { DirectoryError } from '../directory/errors.ts';
import { getReliabilities } from '../directory/reliability.ts';
import { writeDate } from '../directory/value-kinds.ts';
import type { DayFile, Days } from './days.ts';
import { type Ballot, isMajority, readConsensus, readVote, type SignedFile } from './exchange.ts';
import { makeVote } from './own-vote.ts';
import type { Register } from './register.ts';

/** Between two attempts to get what another server does not have yet. */
const AGAIN = 5 * MINUTE;
const LONGEST_REST = HOUR;

/** The steps of a day, as times before the midnight at which it begins. */
const VOTE = 90 * MINUTE;
const GATHER = 60 * MINUTE;
/** When the consensus is computed without the votes that are still missing. */
const COMPUTE = 35 * MINUTE;
const COLLECT = 30 * MINUTE;

export interface RoundsRules {
  /** Under which the others find this server; ends in `/`. */
  readonly url: string;
  readonly others: readonly DirectoryServer[];
  readonly recommendedVersions: RecommendedVersions;
  /** 0 to 1. */
  readonly leastReliability: number;
}

export interface RoundsParts {
  readonly post: Post;
  readonly identity: RsaPrivateKey;
  readonly register: Register;
  readonly days: Days;
  /** Gets a file of another server. */
  readonly download?: (url: string) => Promise<Buffer>;
}

/** How things stand with one other server, for the operator. */
interface OtherState {
  readonly vote: 'missing' | 'unusable' | 'here';
  readonly signature: 'missing' | 'disagrees' | 'here';
}

export class Rounds {
  readonly #parts: RoundsParts;
  readonly #download: (url: string) => Promise<Buffer>;
  #rules: RoundsRules;
  /** A day for which this server was late, and the midnight that its steps count from instead. */
  #late: { day: number; base: number } | undefined;
  #votes = { day: 0, of: new Map<string, DirectoryV3Fields>() };
  #tidied = 0;
  #others = new Map<string, OtherState>();
  #turn: Promise<unknown> = Promise.resolve();
  #signal: AbortSignal | undefined;

  constructor(parts: RoundsParts, rules: RoundsRules) {
    this.#parts = parts;
    this.#rules = rules;
    const { clock } = parts.post;
    this.#download = parts.download ?? ((url) => downloadDirectory({ url }, { clock, signal: this.#signal }));
  }

  use(rules: RoundsRules): void {
    this.#rules = rules;
  }

  get identity(): RsaPublicKey {
    return this.#parts.identity.publicKey;
  }

  /** All who vote, in order of fingerprint. */
  get voters(): readonly Voter[] {
    const { identity } = this.#parts;
    const own = { fingerprint: identity.publicKey.fingerprint, url: this.#rules.url };
    const others = this.#rules.others.map(({ fingerprint, url }) => ({ fingerprint, url }));
    return [own, ...others].sort((a, b) => (a.fingerprint < b.fingerprint ? -1 : 1));
  }

  /** How it went with the other servers the last time, by fingerprint. */
  get others(): ReadonlyMap<string, OtherState> {
    return this.#others;
  }

  /** Does what is due until the signal is aborted. */
  async keep(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#parts.post;
    this.#signal = signal;
    while (!signal.aborted) {
      let next = clock.now() + AGAIN;
      try {
        next = await this.step();
      } catch (error) {
        if (signal.aborted) return;
        log.error('directory.round-failed', { code: codeOf(error), reason: messageOf(error) });
      }
      await sleep(clock, Math.min(LONGEST_REST, Math.max(0, next - clock.now())), signal);
    }
  }

  /** Does what is due now; resolves to when something will be due next. */
  step(): Promise<number> {
    return this.#alone(async () => {
      const { days, register } = this.#parts;
      const now = this.#now();
      const today = startOfDay(now);
      if (!days.isSettled(today) && this.#late?.day !== today) {
        // spec: mixminion-directory 7 is silent on a server that was away at midnight: its day begins anew, an hour long
        const computed = (await this.#consensus(today)) !== undefined;
        this.#late = { day: today, base: computed ? today : now + GATHER };
      }
      const next = await this.#advance(today, this.#late?.day === today ? this.#late.base : today);
      const then = await this.#advance(today + DAY, today + DAY);
      if (this.#tidied !== today) {
        await register.shelf.tidy();
        await days.tidy();
        this.#tidied = today;
      }
      return Math.min(next, then);
    });
  }

  /**
   * Makes the directory of today anew, out of what is known now. Only where no other server votes: resolves to false otherwise,
   * and does nothing.
   */
  renew(): Promise<boolean> {
    return this.#alone(async () => {
      if (this.#rules.others.length > 0) return false;
      const day = startOfDay(this.#now());
      await this.#settle(day, await this.#compute(day, [await this.#writeVote(day)]));
      return true;
    });
  }

  /** Brings one day as far as it can be; `base` is the midnight that its steps count from. Resolves to the next step's time. */
  async #advance(day: number, base: number): Promise<number> {
    const { days } = this.#parts;
    const now = this.#now();
    if (days.isSettled(day)) return Number.POSITIVE_INFINITY;
    if (now < base - VOTE) return base - VOTE;
    if ((await this.#vote(day)) === undefined) await this.#writeVote(day);

    if (now < base - GATHER) return base - GATHER;
    let file = await this.#consensus(day);
    if (file === undefined) {
      if (now >= day && (await this.#adopt(day))) return Number.POSITIVE_INFINITY;
      const votes = await this.#gather(day);
      if (votes.length < this.voters.length && now < base - COMPUTE) return Math.min(now + AGAIN, base - COMPUTE);
      file = await this.#compute(day, votes);
    }

    const complete = () => file?.signatures.length === this.voters.length;
    if (!complete() && now < base - COLLECT) return base - COLLECT;
    if (!complete()) file = await this.#collect(day, file);
    const begins = complete() ? day : base; // a late day waits for nothing but signatures
    if (now < begins) return complete() ? begins : Math.min(now + AGAIN, begins);
    await this.#settle(day, file);
    return Number.POSITIVE_INFINITY;
  }

  async #writeVote(day: number): Promise<DirectoryV3Fields> {
    const { post, register, days } = this.#parts;
    const { recommendedVersions, leastReliability } = this.#rules;
    const reliabilities = await getReliabilities(post.store, this.#now());
    const known = await register.listed();
    const opinion = { day, voters: this.voters, recommendedVersions, leastReliability, reliabilities, ...known };
    const vote = makeVote(opinion);
    await days.write(day, 'vote', this.#signed(vote).text);
    post.log.info('directory.voted', { day: writeDate(day), servers: known.approved.size });
    return vote;
  }

  /** The votes that are here or can be had, the own one among them. */
  async #gather(day: number): Promise<DirectoryV3Fields[]> {
    if (this.#votes.day !== day) this.#votes = { day, of: new Map() };
    const { of } = this.#votes;
    await Promise.all(
      this.#rules.others
        .filter(({ fingerprint }) => !of.has(fingerprint))
        .map(async (other) => {
          const state = await this.#ask(other, `${writeDate(day)}-vote.gz`, (data) => {
            of.set(other.fingerprint, readVote(data, other, this.#ballot(day)));
            return 'here' as const;
          });
          this.#note(other, { vote: state });
        }),
    );
    const own = await this.#vote(day);
    return [...(own === undefined ? [] : [own]), ...of.values()];
  }

  async #compute(day: number, votes: readonly DirectoryV3Fields[]): Promise<SignedFile> {
    const consensus = this.#signed(computeConsensus(votes, { voters: this.voters, day }));
    await this.#parts.days.write(day, 'new', consensus.text);
    const { length: servers } = consensus.file.fields.recommendedServers;
    this.#parts.post.log.info('directory.computed', { day: writeDate(day), votes: votes.length, servers });
    return consensus.file;
  }

  /** Fetches the others' copies and takes over their signatures where they signed the same. */
  async #collect(day: number, own: SignedFile): Promise<SignedFile> {
    const found = new Map(own.signatures.map((signature) => [signature.identity.fingerprint, signature]));
    await Promise.all(
      this.#rules.others
        .filter(({ fingerprint }) => !found.has(fingerprint))
        .map(async (other) => {
          const state = await this.#ask(other, `${writeDate(day)}.gz`, (data) => {
            const theirs = readConsensus(data, this.#ballot(day));
            if (!theirs.digest.equals(own.digest)) return 'disagrees' as const;
            for (const one of theirs.signatures) found.set(one.identity.fingerprint, one);
            return found.has(other.fingerprint) ? ('here' as const) : ('missing' as const);
          });
          this.#note(other, { signature: state === 'unusable' ? 'missing' : state });
        }),
    );
    if (found.size === own.signatures.length) return own;
    const signatures = [...found.values()].sort((a, b) => (a.identity.fingerprint < b.identity.fingerprint ? -1 : 1));
    await this.#parts.days.write(day, 'new', writeDirectoryV3(writeDirectoryInfo(own.fields), signatures));
    return { ...own, signatures };
  }

  /** A server that was away takes over what most of the others have signed. */
  async #adopt(day: number): Promise<boolean> {
    for (const other of this.#rules.others) {
      let taken: SignedFile | undefined;
      await this.#ask(other, `${writeDate(day)}.gz`, (data) => {
        const theirs = readConsensus(data, this.#ballot(day));
        if (isMajority(theirs.signatures.length, this.voters)) taken = theirs;
        return 'here' as const;
      });
      if (taken === undefined) continue;
      await this.#parts.days.write(day, 'new', writeDirectoryV3(writeDirectoryInfo(taken.fields), taken.signatures));
      await this.#settle(day, taken);
      return true;
    }
    return false;
  }

  /** The day counts from now on. Whoever is alone with his consensus lets his own vote count.   spec: mixminion-directory 7 */
  async #settle(day: number, { fields, signatures }: SignedFile): Promise<void> {
    const { post, identity, days } = this.#parts;
    const about = { day: writeDate(day), signatures: signatures.length };
    const mine = signatures.some((one) => one.identity.fingerprint === identity.publicKey.fingerprint);
    const alone = mine && signatures.length === 1 && this.voters.length > 1;
    const vote = alone ? await this.#vote(day) : undefined;
    const final: DirectoryV3Fields = vote === undefined ? fields : { ...vote, status: 'consensus' };
    if (alone) {
      post.log.error('directory.alone', about);
      await days.write(day, 'new', this.#signed(final).text);
    } else if (!isMajority(signatures.length, this.voters)) post.log.error('directory.no-majority', about);
    const published = this.#now();
    await days.write(day, 'old', writeDirectoryV2({ ...final, published }, identity, post.random));
    post.log.info('directory.settled', about);
  }

  /** The consensus of a day as this server has it; none when there is no file, or one that does not fit the voters any more. */
  #consensus(day: number): Promise<SignedFile | undefined> {
    return this.#readOwn(day, 'new', (data) => readConsensus(data, this.#ballot(day)));
  }

  #vote(day: number): Promise<DirectoryV3Fields | undefined> {
    const own = { fingerprint: this.#parts.identity.publicKey.fingerprint, url: this.#rules.url };
    return this.#readOwn(day, 'vote', (data) => readVote(data, own, this.#ballot(day)));
  }

  async #readOwn<T>(day: number, file: DayFile, read: (data: Buffer) => T): Promise<T | undefined> {
    const data = await this.#parts.days.read(day, file);
    try {
      return data === undefined ? undefined : read(data);
    } catch (error) {
      if (error instanceof DirectoryError) return undefined;
      throw error;
    }
  }

  #signed(fields: DirectoryV3Fields): { text: string; file: SignedFile } {
    const { identity, post } = this.#parts;
    const info = writeDirectoryInfo(fields);
    const signature = signDirectoryInfo(info, identity, post.random);
    return {
      text: writeDirectoryV3(info, [signature]),
      file: { fields, digest: signature.digest, signatures: [signature] },
    };
  }

  /** Gets a file of another server and reads it; what fails there is its matter and is only noted. */
  async #ask<State>(
    { url }: DirectoryServer,
    name: string,
    read: (data: Buffer) => State,
  ): Promise<State | 'missing' | 'unusable'> {
    let data: Buffer;
    try {
      data = await this.#download(`${url}${name}`);
    } catch {
      return 'missing';
    }
    try {
      return read(data);
    } catch (error) {
      this.#parts.post.log.warn('directory.unusable', { code: codeOf(error), reason: messageOf(error) });
      return 'unusable';
    }
  }

  #note({ fingerprint }: DirectoryServer, change: Partial<OtherState>): void {
    const before = this.#others.get(fingerprint) ?? { vote: 'missing', signature: 'missing' };
    this.#others.set(fingerprint, { ...before, ...change });
  }

  #ballot(day: number): Ballot {
    return { day, voters: this.voters, clock: this.#parts.post.clock };
  }

  #now(): number {
    return this.#parts.post.clock.now();
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }
}
