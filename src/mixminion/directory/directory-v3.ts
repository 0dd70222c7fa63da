// Directories of version 0.3: votes with one signature, and the consensus with several. All signatures stand in front
// of the text that they cover.   spec: mixminion-directory 5

import { fromHex } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import { sha1 } from '../../crypto/hash.ts';
import type { RsaPrivateKey } from '../../crypto/rsa.ts';
import { parseSections, splitBefore, writeSections } from './config-format.ts';
import type { ParseOptions, ServerDescriptor } from './descriptor.ts';
import {
  type DirectoryFields,
  type ReadDirectory,
  readLifespan,
  readRecommended,
  readVersions,
  splitDirectory,
  unknownIn,
  type Voter,
} from './directory-contents.ts';
import { DirectoryError } from './errors.ts';
import { readersOf, SectionReader } from './section-reader.ts';
import type { Signature } from './signing.ts';
import * as kinds from './value-kinds.ts';

const VERSION = '0.3';
const DIGEST_LENGTH = 20;
const MAX_SIGNATURES = 100;
const INFO = 'Directory-Info';
const SIGNED = 'Signed-Directory';

export interface DirectoryV3Fields extends DirectoryFields {
  readonly status: 'vote' | 'consensus';
  readonly voters: readonly Voter[];
}

/** Reads a clean text. Throws DirectoryError. */
export function readDirectoryV3(clean: string, options: ParseOptions): ReadDirectory<DirectoryV3Fields> {
  const [front = '', ...signedParts] = splitBefore(INFO, clean);
  const signed = signedParts.join('');
  const digest = sha1(Buffer.from(signed, 'latin1'));
  const stated = readSignatures(front);
  const signatures = stated.filter((signature) => signature.digest.equals(digest));

  const { head, descriptors, warnings } = splitDirectory(signed, options);
  const readers = readersOf(parseSections(head));
  const info = readers.get(INFO);
  if (info === undefined) throw new DirectoryError('format', `a directory needs the section [${INFO}]`);
  const version = info.required('Version', kinds.text());
  if (version !== VERSION) throw new DirectoryError('value', `directory version ${version} is unknown`);
  const fields = {
    status: info.required('Status', status),
    ...readLifespan(info),
    recommendedServers: readRecommended(info),
    voters: info.many(['Voting-Server'], voter).map(({ value }) => value),
    recommendedVersions: readVersions(readers.get('Recommended-Software'), kinds.list),
    descriptors,
  };
  const strange = stated.length - signatures.length;
  return {
    fields,
    digest,
    signatures,
    warnings: [
      ...(strange > 0 ? [`${strange} signatures are over another text`] : []),
      ...unknownIn(readers, [INFO, 'Recommended-Software']),
      ...warnings,
    ],
  };
}

/** The text that signatures cover. Names, voters and descriptors are put in order.   spec: mixminion-directory 5 */
export function writeDirectoryInfo(fields: DirectoryV3Fields): string {
  const { client, server } = fields.recommendedVersions;
  const voters = fields.voters.map(({ fingerprint, url }) => `${fingerprint.toUpperCase()} ${url}`).sort();
  const names = fields.recommendedServers.map((name) => name.toLowerCase()).sort();
  const head = writeSections([
    {
      name: INFO,
      entries: [
        { key: 'Version', value: VERSION },
        { key: 'Status', value: fields.status },
        { key: 'Valid-After', value: kinds.writeDate(fields.validAfter) },
        { key: 'Valid-Until', value: kinds.writeDate(fields.validUntil) },
        { key: 'Recommended-Servers', value: names.join(', ') },
        ...voters.map((value) => ({ key: 'Voting-Server', value })),
      ],
    },
    {
      name: 'Recommended-Software',
      entries: [
        { key: 'MixminionClient', value: client.join(', ') },
        { key: 'MixminionServer', value: server.join(', ') },
      ],
    },
  ]);
  return (
    head +
    [...fields.descriptors]
      .sort(inDirectoryOrder)
      .map((descriptor) => descriptor.text)
      .join('')
  );
}

/** A signature over the text of `writeDirectoryInfo`. `random` gives its 20-octet seed. */
export function signDirectoryInfo(info: string, identity: RsaPrivateKey, random: Random): Signature {
  const digest = sha1(Buffer.from(info, 'latin1'));
  return { identity: identity.publicKey, digest, signature: identity.sign(digest, random) };
}

/** The whole directory: the signatures, then what they sign. */
export function writeDirectoryV3(info: string, signatures: readonly Signature[]): string {
  const sections = signatures.map(({ identity, digest, signature }) => ({
    name: SIGNED,
    entries: [
      { key: 'Directory-Identity', value: identity.toDer().toString('base64') },
      { key: 'Directory-Digest', value: digest.toString('base64') },
      { key: 'Directory-Signature', value: signature.toString('base64') },
    ],
  }));
  return writeSections(sections) + info;
}

/** By nickname, then by the day it begins, then by digest. */
export function inDirectoryOrder(a: ServerDescriptor, b: ServerDescriptor): number {
  return (
    kinds.compareNicknames(a.nickname, b.nickname) ||
    a.fields.validAfter - b.fields.validAfter ||
    Buffer.compare(a.digest, b.digest)
  );
}

function readSignatures(front: string): Signature[] {
  const sections = front === '' ? [] : parseSections(front);
  if (sections.length > MAX_SIGNATURES) {
    throw new DirectoryError('format', `a directory has more than ${MAX_SIGNATURES} signatures`);
  }
  return sections.map((section) => {
    const reader = new SectionReader(section);
    const signature = {
      identity: reader.required('Directory-Identity', kinds.identityKey),
      digest: reader.required('Directory-Digest', digest),
      signature: reader.required('Directory-Signature', kinds.base64),
    };
    // spec: mixminion-directory 5: nothing unknown is let pass here, as no signature covers it
    if (section.name !== SIGNED || reader.unknown().length > 0)
      throw new DirectoryError('format', `only [${SIGNED}] with its three keys may stand in front of [${INFO}]`);
    return signature;
  });
}

const digest: kinds.Kind<Buffer> = (value) => {
  const octets = kinds.base64(value);
  if (octets.length !== DIGEST_LENGTH) throw new DirectoryError('value', `a digest has ${DIGEST_LENGTH} octets`);
  return octets;
};

const status: kinds.Kind<'vote' | 'consensus'> = (value) => {
  if (value !== 'vote' && value !== 'consensus') throw new DirectoryError('value', `a status "${value}" is unknown`);
  return value;
};

const voter: kinds.Kind<Voter> = (value) => {
  const [, fingerprint = '', url = ''] = /^([0-9A-Fa-f]{40})[ \t]+(\S+)$/.exec(value) ?? [];
  if (fromHex(fingerprint)?.length !== DIGEST_LENGTH)
    throw new DirectoryError('value', 'a voting server is a fingerprint and an URL');
  return { fingerprint: fingerprint.toUpperCase(), url };
};
