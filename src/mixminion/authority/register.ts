// Who is in: takes descriptors that remailers send, judges them by the operator's votes, and queues those of strangers.
// spec: mixminion-directory 6.2

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, messageOf } from '../../base/errors.ts';
import { replaceFile } from '../../base/files.ts';
import { Turns } from '../../base/turns.ts';
import type { Documents } from '../../store/store.ts';
import { ServerDescriptor } from '../directory/descriptor.ts';
import { DirectoryError } from '../directory/errors.ts';
import { writeDate } from '../directory/value-kinds.ts';
import type { AuthorityPost } from './authority-post.ts';
import { ownOthers, Shelf } from './shelf.ts';
import { ownerOf, parseVotes, standingOf, type VoteLine, withNewcomer, withVote } from './votes.ts';

const VOTE_FILE = 'votes';
/** Descriptors of one server at a time: one for each packet key that is valid or prepared. */
const MAX_OF_ONE = 12;
/** Changes come one after another, whoever asked for them. */
const ALL = 'all';

const ACCEPTED = { status: 1, message: 'Accepted.' } as const;
const QUEUED = { status: 1, message: 'Server queued pending manual checking' } as const;

/** What an uploader is told. */
export interface UploadAnswer {
  readonly status: 0 | 1;
  /** One line. */
  readonly message: string;
}

export interface UploadRules {
  /** Whoever is new is in at once, without the operator. */
  readonly approveAll: boolean;
  /** Strangers that may wait for the operator at a time. */
  readonly mostPending: number;
}

interface Judged {
  readonly answer: UploadAnswer;
  /** For the count of uploads. */
  readonly outcome:
    | 'accepted'
    | 'queued'
    | 'known'
    | 'ignored'
    | 'invalid'
    | 'expired'
    | 'superseded'
    | 'refused'
    | 'full';
}

const registers = new WeakMap<Documents, Register>();

export class Register {
  readonly shelf: Shelf;
  readonly #post: AuthorityPost;
  readonly #file: string;
  readonly #turns = new Turns();

  private constructor(post: AuthorityPost, folder: string) {
    this.#post = post;
    this.#file = join(folder, VOTE_FILE);
    this.shelf = new Shelf(post.store.documents, post.clock);
  }

  /** The one register of an office: its operator and its uploads change the vote file in turns. `folder` holds that file. */
  static of(post: AuthorityPost, folder: string): Register {
    const register = registers.get(post.store.documents) ?? new Register(post, folder);
    registers.set(post.store.documents, register);
    return register;
  }

  /** The votes as the file has them now. Throws DirectoryError `format`. */
  async votes(): Promise<VoteLine[]> {
    return parseVotes(await this.#text());
  }

  /** Writes one vote into the file. Throws DirectoryError when the nickname is another listed server's. */
  vote(line: VoteLine): Promise<void> {
    return this.#turns.take(ALL, async () => {
      const text = await this.#text();
      const owner = ownerOf(parseVotes(text), line.nickname);
      if ((line.vote === 'yes' || line.vote === 'abstain') && owner !== undefined && owner !== line.fingerprint)
        throw new DirectoryError('value', `another server is listed as ${line.nickname}`, {
          remedy: `refuse ${owner} first`,
        });
      await replaceFile(this.#file, withVote(text, line));
      if (line.vote === 'no' || line.vote === 'ignore') await this.shelf.remove(await this.shelf.of(line.fingerprint));
    });
  }

  /** Takes the text of one descriptor from whoever sent it. One after the other, so that limits hold. */
  upload(text: string, rules: UploadRules): Promise<Judged> {
    return this.#turns.take(ALL, async () => {
      try {
        const options = { clock: this.#post.clock };
        const { descriptor, rest } = ServerDescriptor.parse(text, options);
        if (rest !== '') return refused('invalid', 'Send one descriptor at a time.');
        return await this.#judge(descriptor, rules);
      } catch (error) {
        if (!(error instanceof DirectoryError)) throw error;
        return refused('invalid', `Invalid descriptor: ${messageOf(error)}`);
      }
    });
  }

  async #judge(descriptor: ServerDescriptor, rules: UploadRules): Promise<Judged> {
    const { nickname, fingerprint, fields } = descriptor;
    const text = await this.#text();
    const votes = parseVotes(text);
    const standing = standingOf(votes, nickname, fingerprint);
    if (standing === 'ignore') return { answer: QUEUED, outcome: 'ignored' };
    if (standing === 'no') return refused('refused', 'The operator of this directory does not list this server.');
    if (standing === 'mismatch')
      return refused('refused', 'This identity key is known under another nickname; use that nickname or a new key.');
    const owner = ownerOf(votes, nickname);
    if (owner !== undefined && owner !== fingerprint)
      return refused('refused', `The nickname ${nickname} belongs to another identity key; choose another nickname.`);
    if (fields.validUntil < this.#post.clock.now())
      return refused('expired', `This descriptor expired on ${writeDate(fields.validUntil)}; make a new one.`);

    await this.shelf.tidy(fingerprint);
    const known = await this.shelf.of(fingerprint);
    const isNew = standing === 'unknown' && !rules.approveAll;
    if (known.some(({ digest }) => digest.equals(descriptor.digest)))
      return { answer: isNew ? QUEUED : ACCEPTED, outcome: 'known' };
    if (descriptor.isSupersededBy(ownOthers(descriptor, known)))
      return refused('superseded', 'Later descriptors of this server cover all of its validity.');
    if (known.filter((other) => !other.isSupersededBy([descriptor])).length >= MAX_OF_ONE)
      return refused('full', `There are ${MAX_OF_ONE} descriptors of this server already.`);
    if (isNew) return this.#queue(descriptor, text, known.length > 0 ? Number.POSITIVE_INFINITY : rules.mostPending);
    if (standing === 'unknown') await replaceFile(this.#file, withVote(text, { vote: 'yes', nickname, fingerprint }));
    await this.shelf.add(descriptor);
    await this.shelf.tidy(fingerprint);
    return { answer: ACCEPTED, outcome: 'accepted' };
  }

  async #queue(descriptor: ServerDescriptor, votes: string, most: number): Promise<Judged> {
    if ((await this.pending()).length >= most)
      return refused('full', 'Too many new servers wait for the operator; try again in some days.');
    await this.shelf.add(descriptor);
    await replaceFile(this.#file, withNewcomer(votes, descriptor.nickname, descriptor.fingerprint));
    return { answer: QUEUED, outcome: 'queued' };
  }

  /** The servers that wait for the operator. */
  async pending(): Promise<string[]> {
    const voted = new Set((await this.votes()).map(({ fingerprint }) => fingerprint));
    return (await this.shelf.servers()).filter((fingerprint) => !voted.has(fingerprint));
  }

  /** Descriptors of servers with the vote `yes` or `abstain`, and those of `yes` among them by nickname. */
  async listed(): Promise<{ descriptors: ServerDescriptor[]; approved: Set<string> }> {
    const votes = await this.votes();
    const standing = ({ nickname, fingerprint }: ServerDescriptor) => standingOf(votes, nickname, fingerprint);
    const descriptors = (await this.shelf.of()).filter((one) => ['yes', 'abstain'].includes(standing(one)));
    const approved = descriptors.filter((one) => standing(one) === 'yes').map(({ fingerprint }) => fingerprint);
    return { descriptors, approved: new Set(approved) };
  }

  async #text(): Promise<string> {
    try {
      return await readFile(this.#file, 'latin1');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return '';
      throw error;
    }
  }
}

function refused(outcome: Judged['outcome'], message: string): Judged {
  return { answer: { status: 0, message }, outcome };
}
