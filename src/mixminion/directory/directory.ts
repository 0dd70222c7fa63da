// A directory: the signed list of the servers of a network, as a client reads it.   spec: mixminion-directory 4, 5

import { open } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { asBuffer } from '../../base/bytes.ts';
import { type Clock, systemClock } from '../../base/time.ts';
import { cleanText } from './config-format.ts';
import type { Capabilities, ServerDescriptor, When } from './descriptor.ts';
import type { DirectoryFields, ReadDirectory, RecommendedVersions, Voter } from './directory-contents.ts';
import { isDirectoryV2, readDirectoryV2 } from './directory-v2.ts';
import { type DirectoryV3Fields, readDirectoryV3 } from './directory-v3.ts';
import { DirectoryError } from './errors.ts';
import { compareNicknames } from './value-kinds.ts';

/** Octets, before and after decompression. */
const MAX_OCTETS = 48 * 1024 * 1024;

/** A directory server whose signature counts. */
export interface DirectoryServer {
  readonly name: string;
  readonly url: string;
  /** SHA-1 of its identity key in hex digits. */
  readonly fingerprint: string;
}

export interface DirectoryOptions {
  /** Whose signatures count: one of them for version 0.2, more than half of them for 0.3. Without it any signer will do. */
  readonly knownServers?: readonly DirectoryServer[];
  /** An earlier directory: descriptors verified then are not verified again, and changes of keys are warned of. */
  readonly previous?: Directory;
  /** `false` neither asks for signatures over the directory nor refuses votes, as the old client: for test networks. */
  readonly validate?: boolean;
  readonly clock?: Clock;
}

/** Absent filters do not restrict. */
export interface ServerFilter {
  readonly nickname?: string;
  readonly capabilities?: Capabilities;
  /** It becomes valid before this. */
  readonly validBy?: When;
  /** It does not become invalid before this. */
  readonly validUntil?: When;
  readonly recommendedOnly?: boolean;
}

/** Who signed; the URL is known for voters only. */
export interface Signer {
  readonly fingerprint: string;
  readonly url?: string;
}

export class Directory {
  readonly version: '0.2' | '0.3';
  readonly descriptors: readonly ServerDescriptor[];
  /** In lower case. */
  readonly recommendedNicknames: readonly string[];
  readonly recommendedVersions: RecommendedVersions;
  /** The directory servers that voted; none in version 0.2. */
  readonly voters: readonly Voter[];
  /** SHA-1 of the signed text. */
  readonly digest: Buffer;
  readonly lifespan: { readonly from: Date; readonly until: Date };
  /** What was ignored or looks odd, for a person to read. */
  readonly warnings: readonly string[];
  readonly #signers: readonly Signer[];
  readonly #clock: Clock;

  private constructor(text: string, options: DirectoryOptions) {
    const { clock = systemClock, previous, validate = true } = options;
    const verified = new Set(previous?.descriptors.map(({ digest }) => digest.toString('hex')));
    const clean = cleanText(text);
    const old = isDirectoryV2(clean);
    // The descriptors' own signatures are always checked.   spec: mixminion-client-api 3
    const read: ReadDirectory<DirectoryFields & Partial<DirectoryV3Fields>> = old
      ? readDirectoryV2(clean, { clock, verified })
      : readDirectoryV3(clean, { clock, verified });
    this.#clock = clock;
    this.version = old ? '0.2' : '0.3';
    this.descriptors = read.fields.descriptors;
    this.recommendedNicknames = read.fields.recommendedServers;
    this.recommendedVersions = read.fields.recommendedVersions;
    this.voters = read.fields.voters ?? [];
    this.digest = read.digest;
    this.lifespan = { from: new Date(read.fields.validAfter), until: new Date(read.fields.validUntil) };
    this.#signers = verifiedSigners(read, this.voters);
    this.warnings = [
      ...read.warnings,
      ...(this.isCurrent() ? [] : ['the directory is not valid today']),
      ...changedKeys(this, previous),
    ];
    if (!validate) return;
    if (read.fields.status === 'vote') throw new DirectoryError('value', 'this is a vote, not a directory');
    requireSigners(this.#signers, old, options.knownServers);
  }

  /**
   * Reads a directory of version 0.2 or 0.3, as text or as octets, compressed by gzip or not. Throws DirectoryError
   * `format` or `value`, or `signature` when a descriptor's signature or (unless `validate` is false) its own fails.
   */
  static parse(data: string | Uint8Array, options: DirectoryOptions = {}): Directory {
    return new Directory(typeof data === 'string' ? data : directoryText(data), options);
  }

  /** Reads a file; errors of `parse` and of the file system. */
  static async load(path: string, options: DirectoryOptions = {}): Promise<Directory> {
    await using file = await open(path);
    const { size } = await file.stat();
    if (size > MAX_OCTETS) throw new DirectoryError('format', `the file has more than ${MAX_OCTETS} octets`);
    return Directory.parse(await file.readFile(), options);
  }

  get descriptorCount(): number {
    return this.descriptors.length;
  }

  /** Whether it is valid at that moment, both ends included. */
  isCurrent(when: When = this.#clock.now()): boolean {
    return Number(this.lifespan.from) <= Number(when) && Number(when) <= Number(this.lifespan.until);
  }

  /** Whose signatures are on it and verify, by fingerprint. */
  signers(): readonly Signer[] {
    return this.#signers;
  }

  isRecommended(descriptor: ServerDescriptor): boolean {
    return this.recommendedNicknames.includes(descriptor.nickname.toLowerCase());
  }

  /** All descriptors that pass the filter, in the directory's order: several of one server when it has several. */
  getServers(filter: ServerFilter = {}): ServerDescriptor[] {
    return this.descriptors.filter(
      (descriptor) => passes(descriptor, filter) && (!filter.recommendedOnly || this.isRecommended(descriptor)),
    );
  }

  /** Of the descriptors of one server that are valid all that time, the one published last. */
  find(nickname: string, from: When = this.#clock.now(), until: When = from): ServerDescriptor | undefined {
    return latestValid(this.getServers({ nickname }), from, until);
  }
}

/** Of descriptors of one server that are valid all that time, the one published last. */
export function latestValid(
  descriptors: readonly ServerDescriptor[],
  from: When,
  until: When,
): ServerDescriptor | undefined {
  return descriptors
    .filter((descriptor) => descriptor.isValidFrom(from, until))
    .sort((a, b) => b.fields.published - a.fields.published)[0];
}

/** Whether a descriptor passes all of the filter but `recommendedOnly`, which is for the directory to say. */
export function passes(descriptor: ServerDescriptor, filter: ServerFilter): boolean {
  const { nickname, capabilities = {}, validBy, validUntil } = filter;
  return (
    (nickname === undefined || compareNicknames(nickname, descriptor.nickname) === 0) &&
    descriptor.hasCapabilities(capabilities) &&
    (validBy === undefined || descriptor.fields.validAfter < Number(validBy)) &&
    (validUntil === undefined || descriptor.fields.validUntil >= Number(validUntil))
  );
}

/** The text in a file, compressed by gzip or not. Throws DirectoryError `format`. */
export function directoryText(data: Uint8Array): string {
  const octets = asBuffer(data);
  if (octets.length > MAX_OCTETS) throw new DirectoryError('format', `a directory has more than ${MAX_OCTETS} octets`);
  if (octets[0] !== 0x1f || octets[1] !== 0x8b) return octets.toString('latin1');
  try {
    return gunzipSync(octets, { maxOutputLength: MAX_OCTETS }).toString('latin1');
  } catch (cause) {
    throw new DirectoryError('format', 'the compressed directory cannot be read', { cause });
  }
}

function verifiedSigners({ digest, signatures }: ReadDirectory<DirectoryFields>, voters: readonly Voter[]): Signer[] {
  const urls = new Map(voters.map(({ fingerprint, url }) => [fingerprint, url]));
  const good = signatures.filter(({ identity, signature }) => identity.verify(signature, digest));
  return [...new Set(good.map(({ identity }) => identity.fingerprint))].sort().map((fingerprint) => {
    const url = urls.get(fingerprint);
    return url === undefined ? { fingerprint } : { fingerprint, url };
  });
}

function requireSigners(signers: readonly Signer[], old: boolean, known: readonly DirectoryServer[] | undefined): void {
  const accepted = new Set(known?.map(({ fingerprint }) => fingerprint.toUpperCase()));
  const counted = known === undefined ? signers : signers.filter(({ fingerprint }) => accepted.has(fingerprint));
  const needed = old || known === undefined ? 1 : Math.floor(accepted.size / 2) + 1;
  if (counted.length < needed)
    throw new DirectoryError('signature', `the directory has ${counted.length} good signatures and needs ${needed}`, {
      remedy: 'is the list of known directory servers up to date?',
    });
}

function changedKeys(directory: Directory, previous: Directory | undefined): string[] {
  const keys = new Map<string, string>();
  const changed = new Set<string>();
  for (const { nickname, fingerprint } of [...(previous?.descriptors ?? []), ...directory.descriptors]) {
    const name = nickname.toLowerCase();
    if ((keys.get(name) ?? fingerprint) !== fingerprint) changed.add(nickname);
    keys.set(name, fingerprint);
  }
  return [...changed].map((name) => `${name} has more than one identity key`);
}
