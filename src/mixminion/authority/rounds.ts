// A directory server's day: it votes, fetches the votes of the others, computes and signs the consensus, collects the others'
// signatures, and at midnight lets it count. Whatever is due and not done yet is done, so a restart or a late start needs
// nothing of its own.   spec: mixminion-directory 7

import { codeOf, messageOf } from '../../base/errors.ts';
import { DAY, HOUR, MINUTE, sleep, startOfDay } from '../../base/time.ts';
import { Turns } from '../../base/turns.ts';
import type { RsaPrivateKey, RsaPublicKey } from '../../crypto/rsa.ts';
import { computeConsensus } from '../directory/consensus.ts';
import type { DirectoryServer } from '../directory/directory.ts';
import type { RecommendedVersions, Voter } from '../directory/directory-contents.ts';
import type { DirectoryV3Fields } from '../directory/directory-v3.ts';
import { downloadDirectory } from '../directory/download.ts';
import { getReliabilities } from '../directory/reliability.ts';
import { writeDate } from '../directory/value-kinds.ts';
import type { AuthorityPost } from './authority-post.ts';
import type { Days } from './days.ts';
import { type Ballot, isMajority, readConsensus, readVote, type SignedFile } from './exchange.ts';
import { OwnDays } from './own-days.ts';
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

const NEVER = Number.POSITIVE_INFINITY;
/** Steps come one after another, whoever asked for them. */
const ALL = 'all';

export interface RoundsRules {
  /** Under which the others find this server; ends in `/`. */
  readonly url: string;
  readonly others: readonly DirectoryServer[];
  readonly recommendedVersions: RecommendedVersions;
  /** 0 to 1. */
  readonly leastReliability: number;
}

export interface RoundsParts {
  readonly post: AuthorityPost;
  readonly identity: RsaPrivateKey;
  readonly register: Register;
  readonly days: Days;
  /** Gets a file of another server. */
  readonly download?: (url: string) => Promise<Buffer>;
}

/** How things stand with one other server, for the operator. */
interface OtherState {
  readonly vote: 'missing' | 'unusable' | 'here';
  readonly signature: 'missing' | 'unusable' | 'disagrees' | 'here';
}

export class Rounds {
  readonly #post: AuthorityPost;
  readonly #register: Register;
  readonly #own: OwnDays;
  readonly #download: (url: string) => Promise<Buffer>;
  #rules: RoundsRules;
  /** A day for which this server was late, and the midnight that its steps count from instead. */
  #late: { day: number; base: number } | undefined;
  /** The others' votes for one day, by fingerprint. */
  #votes = { day: 0, of: new Map<string, DirectoryV3Fields>() };
  #tidied = 0;
  readonly #others = new Map<string, OtherState>();
  readonly #turns = new Turns();
  #signal: AbortSignal | undefined;
  #nudge = new AbortController();

  constructor({ post, identity, register, days, download }: RoundsParts, rules: RoundsRules) {
    this.#post = post;
    this.#register = register;
    this.#own = new OwnDays(post, identity, days);
    this.#rules = rules;
    const { clock } = post;
    this.#download = download ?? ((url) => downloadDirectory({ url }, { clock, signal: this.#signal }));
  }

  /** Takes other rules, and looks at once what is due under them. */
  use(rules: RoundsRules): void {
    this.#rules = rules;
    this.#nudge.abort();
  }

  get identity(): RsaPublicKey {
    return this.#own.identity;
  }

  /** All who vote, in order of fingerprint. */
  get voters(): readonly Voter[] {
    const own = { fingerprint: this.identity.fingerprint, url: this.#rules.url };
    const others = this.#peers.map(({ fingerprint, url }) => ({ fingerprint, url }));
    return [own, ...others].sort((a, b) => (a.fingerprint < b.fingerprint ? -1 : 1));
  }

  /** The others: the rules may name this server among them, so that all voters can share one list. */
  get #peers(): readonly DirectoryServer[] {
    return this.#rules.others.filter(({ fingerprint }) => fingerprint !== this.identity.fingerprint);
  }

  /** How it went with the other servers the last time, by fingerprint. */
  get others(): ReadonlyMap<string, OtherState> {
    return this.#others;
  }

  /** Does what is due until the signal is aborted. */
  async keep(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#post;
    this.#signal = signal;
    while (!signal.aborted) {
      this.#nudge = new AbortController();
      let next = clock.now() + AGAIN;
      try {
        next = await this.step();
      } catch (error) {
        if (signal.aborted) return;
        log.error('directory.round-failed', { code: codeOf(error), reason: messageOf(error) });
      }
      await sleep(
        clock,
        Math.min(LONGEST_REST, Math.max(0, next - clock.now())),
        AbortSignal.any([signal, this.#nudge.signal]),
      );
    }
  }

  /** Does what is due now; resolves to when something will be due next. */
  step(): Promise<number> {
    return this.#turns.take(ALL, async () => {
      const now = this.#post.clock.now();
      const today = startOfDay(now);
      if (!this.#own.isSettled(today) && this.#late?.day !== today) {
        // The specification is silent on a server that was away at midnight: its day begins anew, an hour long.
        const computed = (await this.#own.consensus(this.#ballot(today))) !== undefined;
        this.#late = { day: today, base: computed ? today : now + GATHER };
      }
      const next = await this.#advance(today, this.#late?.day === today ? this.#late.base : today);
      const then = await this.#advance(today + DAY, today + DAY);
      if (this.#tidied !== today) {
        await this.#register.shelf.tidy();
        await this.#own.tidy();
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
    return this.#turns.take(ALL, async () => {
      if (this.#peers.length > 0) return false;
      const ballot = this.#ballot(startOfDay(this.#post.clock.now()));
      await this.#settle(ballot, await this.#compute(ballot, [await this.#vote(ballot)]));
      return true;
    });
  }

  /** Brings one day as far as it can be; `base` is the midnight that its steps count from. Resolves to the next step's time. */
  async #advance(day: number, base: number): Promise<number> {
    const now = this.#post.clock.now();
    if (this.#own.isSettled(day)) return NEVER;
    if (now < base - VOTE) return base - VOTE;
    const ballot = this.#ballot(day);
    const vote = (await this.#own.vote(ballot)) ?? (await this.#vote(ballot));

    if (now < base - GATHER) return base - GATHER;
    let file = await this.#own.consensus(ballot);
    if (file === undefined) {
      if (now >= day && (await this.#adopt(ballot))) return NEVER;
      const votes = [vote, ...(await this.#gather(ballot))];
      if (votes.length < ballot.voters.length && now < base - COMPUTE) return Math.min(now + AGAIN, base - COMPUTE);
      file = await this.#compute(ballot, votes);
    }

    const complete = ({ signatures }: SignedFile) => signatures.length === ballot.voters.length;
    if (!complete(file)) {
      if (now < base - COLLECT) return base - COLLECT;
      file = await this.#collect(ballot, file);
    }
    const begins = complete(file) ? day : base; // a late day waits for nothing but signatures
    if (now < begins) return complete(file) ? begins : Math.min(now + AGAIN, begins);
    await this.#settle(ballot, file);
    return NEVER;
  }

  async #vote({ day, voters }: Ballot): Promise<DirectoryV3Fields> {
    const { recommendedVersions, leastReliability } = this.#rules;
    const reliabilities = await getReliabilities(this.#post.store, this.#post.clock.now());
    const known = await this.#register.listed();
    const opinion = { day, voters, recommendedVersions, leastReliability, reliabilities, ...known };
    const { fields } = await this.#own.write(makeVote(opinion));
    this.#post.log.info('directory.voted', { day: writeDate(day), servers: fields.recommendedServers.length });
    return fields;
  }

  /** The others' votes that are here or can be had. */
  async #gather(ballot: Ballot): Promise<DirectoryV3Fields[]> {
    if (this.#votes.day !== ballot.day) this.#votes = { day: ballot.day, of: new Map() };
    const { of } = this.#votes;
    await this.#askAll(of, `${writeDate(ballot.day)}-vote.gz`, 'vote', (data, other) => {
      of.set(other.fingerprint, readVote(data, other, ballot));
      return 'here';
    });
    return [...of.values()];
  }

  async #compute({ day, voters }: Ballot, votes: readonly DirectoryV3Fields[]): Promise<SignedFile> {
    const file = await this.#own.write(computeConsensus(votes, { voters, day }));
    const servers = file.fields.recommendedServers.length;
    this.#post.log.info('directory.computed', { day: writeDate(day), votes: votes.length, servers });
    return file;
  }

  /** Fetches the others' copies and takes over their signatures where they signed the same. */
  async #collect(ballot: Ballot, own: SignedFile): Promise<SignedFile> {
    const found = new Map(own.signatures.map((signature) => [signature.identity.fingerprint, signature]));
    await this.#askAll(found, `${writeDate(ballot.day)}.gz`, 'signature', (data, other) => {
      const theirs = readConsensus(data, ballot);
      if (!theirs.digest.equals(own.digest)) return 'disagrees';
      for (const one of theirs.signatures) found.set(one.identity.fingerprint, one);
      return found.has(other.fingerprint) ? 'here' : 'missing';
    });
    const file = { ...own, signatures: [...found.values()] };
    if (found.size > own.signatures.length) await this.#own.keep(file);
    return file;
  }

  /** A server that was away takes over what most of the voters have signed. True when there is such a thing. */
  async #adopt(ballot: Ballot): Promise<boolean> {
    let taken: SignedFile | undefined;
    await this.#askAll(new Map(), `${writeDate(ballot.day)}.gz`, 'signature', (data) => {
      const theirs = readConsensus(data, ballot);
      if (isMajority(theirs.signatures.length, ballot.voters)) taken = theirs;
      return 'here';
    });
    if (taken === undefined) return false;
    await this.#own.keep(taken);
    await this.#settle(ballot, taken);
    return true;
  }

  /** The day counts from now on. Whoever is alone with his consensus lets his own vote count.   spec: mixminion-directory 7 */
  async #settle(ballot: Ballot, { fields, signatures }: SignedFile): Promise<void> {
    const { log } = this.#post;
    const about = { day: writeDate(ballot.day), signatures: signatures.length };
    const own = signatures.some(({ identity }) => identity.fingerprint === this.identity.fingerprint);
    let final = fields;
    if (own && signatures.length === 1 && ballot.voters.length > 1) {
      log.error('directory.alone', about);
      const vote = (await this.#own.vote(ballot)) ?? (await this.#vote(ballot));
      final = { ...vote, status: 'consensus' };
      await this.#own.write(final);
    } else if (!isMajority(signatures.length, ballot.voters)) log.error('directory.no-majority', about);
    await this.#own.settle(final);
    log.info('directory.settled', about);
  }

  /**
   * Gets a file of each of the others that is not in `known`, reads it, and notes how it went. What fails there is their
   * matter and stops nobody.
   */
  async #askAll<Kind extends keyof OtherState>(
    known: ReadonlyMap<string, unknown>,
    name: string,
    kind: Kind,
    read: (data: Buffer, other: DirectoryServer) => OtherState[Kind],
  ): Promise<void> {
    const asked = this.#peers.filter(({ fingerprint }) => !known.has(fingerprint));
    await Promise.all(
      asked.map(async (other) => {
        const state = await this.#ask(other, name, (data) => read(data, other));
        const before = this.#others.get(other.fingerprint) ?? { vote: 'missing', signature: 'missing' };
        this.#others.set(other.fingerprint, { ...before, [kind]: state });
      }),
    );
  }

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
      this.#post.log.warn('directory.unusable', { code: codeOf(error), reason: messageOf(error) });
      return 'unusable';
    }
  }

  #ballot(day: number): Ballot {
    return { day, voters: this.voters, clock: this.#post.clock };
  }
}
