// This server's own files of a day: signed, written, and read back to go on from.   spec: mixminion-directory 4, 5, 7

import type { RsaPrivateKey, RsaPublicKey } from '../../crypto/rsa.ts';
import type { Voter } from '../directory/directory-contents.ts';
import { writeDirectoryV2 } from '../directory/directory-v2.ts';
import {
  type DirectoryV3Fields,
  signDirectoryInfo,
  writeDirectoryInfo,
  writeDirectoryV3,
} from '../directory/directory-v3.ts';
import { DirectoryError } from '../directory/errors.ts';
import type { AuthorityPost } from './authority-post.ts';
import type { DayFile, Days } from './days.ts';
import { type Ballot, readConsensus, readVote, type SignedFile } from './exchange.ts';

export class OwnDays {
  readonly #post: AuthorityPost;
  readonly #identity: RsaPrivateKey;
  readonly #days: Days;

  constructor(post: AuthorityPost, identity: RsaPrivateKey, days: Days) {
    this.#post = post;
    this.#identity = identity;
    this.#days = days;
  }

  get identity(): RsaPublicKey {
    return this.#identity.publicKey;
  }

  isSettled(day: number): boolean {
    return this.#days.isSettled(day);
  }

  tidy(): Promise<void> {
    return this.#days.tidy();
  }

  /** The own vote; none when there is no file, or one that does not fit the voters any more. */
  vote(ballot: Ballot): Promise<DirectoryV3Fields | undefined> {
    const own: Voter = { fingerprint: this.identity.fingerprint, url: '' };
    return this.#read(ballot, 'vote', (data) => readVote(data, own, ballot));
  }

  /** The consensus as this server has it; none as with `vote`. */
  consensus(ballot: Ballot): Promise<SignedFile | undefined> {
    return this.#read(ballot, 'new', (data) => readConsensus(data, ballot));
  }

  /** Signs a vote or a consensus and writes it. Durable when it resolves. */
  async write(fields: DirectoryV3Fields): Promise<SignedFile> {
    const info = writeDirectoryInfo(fields);
    const signature = signDirectoryInfo(info, this.#identity, this.#post.random);
    const file = { fields, digest: signature.digest, signatures: [signature] };
    await this.#days.write(
      fields.validAfter,
      fields.status === 'vote' ? 'vote' : 'new',
      writeDirectoryV3(info, [signature]),
    );
    return file;
  }

  /** Writes a consensus with the signatures that it has. */
  async keep({ fields, signatures }: SignedFile): Promise<void> {
    const ordered = [...signatures].sort((a, b) => (a.identity.fingerprint < b.identity.fingerprint ? -1 : 1));
    await this.#days.write(fields.validAfter, 'new', writeDirectoryV3(writeDirectoryInfo(fields), ordered));
  }

  /** Writes what the day holds in the old format as well; the day is settled then. */
  async settle(fields: DirectoryV3Fields): Promise<void> {
    const { clock, random } = this.#post;
    const text = writeDirectoryV2({ ...fields, published: clock.now() }, this.#identity, random);
    await this.#days.write(fields.validAfter, 'old', text);
  }

  async #read<T>({ day }: Ballot, file: DayFile, read: (data: Buffer) => T): Promise<T | undefined> {
    const data = await this.#days.read(day, file);
    try {
      return data === undefined ? undefined : read(data);
    } catch (error) {
      if (error instanceof DirectoryError) return undefined;
      throw error;
    }
  }
}
