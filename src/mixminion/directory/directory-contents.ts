// What a directory holds, whichever of the two formats carried it, and the descriptors behind its head.

import { splitBefore } from './config-format.ts';
import type { ParseOptions } from './descriptor.ts';
import { ServerDescriptor } from './descriptor.ts';
import { DirectoryError } from './errors.ts';
import type { SectionReader } from './section-reader.ts';
import type { Signature } from './signing.ts';
import * as kinds from './value-kinds.ts';

const MAX_DESCRIPTORS = 20_000;

export interface RecommendedVersions {
  readonly client: readonly string[];
  readonly server: readonly string[];
}

/** A directory server that takes part in the vote. */
export interface Voter {
  /** 40 upper-case hex digits. */
  readonly fingerprint: string;
  /** Ends in `/`. */
  readonly url: string;
}

/** Times in milliseconds since 1970 UTC, both midnights. */
export interface DirectoryFields {
  readonly validAfter: number;
  readonly validUntil: number;
  /** Nicknames, in lower case when they were read. */
  readonly recommendedServers: readonly string[];
  readonly recommendedVersions: RecommendedVersions;
  readonly descriptors: readonly ServerDescriptor[];
}

export interface ReadDirectory<Fields extends DirectoryFields> {
  readonly fields: Fields;
  /** SHA-1 of what the signatures cover. */
  readonly digest: Buffer;
  /** Those that state the right digest. Nobody has verified them yet. */
  readonly signatures: readonly Signature[];
  readonly warnings: readonly string[];
}

/** The head of a clean directory text, and its descriptors. */
export function splitDirectory(
  clean: string,
  options: ParseOptions,
): { head: string; descriptors: ServerDescriptor[]; warnings: string[] } {
  const [head = '', ...pieces] = splitBefore('Server', clean);
  if (pieces.length > MAX_DESCRIPTORS) {
    throw new DirectoryError('format', `a directory has more than ${MAX_DESCRIPTORS} descriptors`);
  }
  const descriptors = pieces.map((piece) => ServerDescriptor.parse(piece, options).descriptor);
  const warnings = descriptors.flatMap(({ nickname, warnings }) => warnings.map((text) => `${nickname}: ${text}`));
  return { head, descriptors, warnings };
}

/** The two dates. Throws DirectoryError `value` when the second is not later. */
export function readLifespan(section: SectionReader): { validAfter: number; validUntil: number } {
  const validAfter = section.required('Valid-After', kinds.date);
  const validUntil = section.required('Valid-Until', kinds.date);
  if (validUntil <= validAfter) throw new DirectoryError('value', 'the directory ends before it begins');
  return { validAfter, validUntil };
}

/** The nicknames in lower case. */
export function readRecommended(section: SectionReader): string[] {
  const names = section.required('Recommended-Servers', kinds.list);
  return names.filter((name) => name !== '').map((name) => kinds.nickname(name).toLowerCase());
}

/** The versions, from a section that may be missing. */
export function readVersions(section: SectionReader | undefined, kind: kinds.Kind<string[]>): RecommendedVersions {
  const read = (key: string) => (section?.optional(key, kind) ?? []).filter((version) => version !== '');
  return { client: read('MixminionClient'), server: read('MixminionServer') };
}

/** A warning for each section and key that nobody asked for. */
export function unknownIn(readers: Map<string, SectionReader>, known: readonly string[]): string[] {
  return [...readers.values()].flatMap((section) =>
    known.includes(section.name)
      ? section.unknown().map((key) => `[${section.name}] ${key} is unknown`)
      : [`section [${section.name}] is unknown`],
  );
}
