// Directories of version 0.2: one signature over the whole text. Used up to 0.0.7, and read by 0.0.8.
// spec: mixminion-directory 4

import type { Random } from '../../base/random.ts';
import { systemClock } from '../../base/time.ts';
import type { RsaPrivateKey } from '../../crypto/rsa.ts';
import { parseSections, writeSections } from './config-format.ts';
import { CLOCK_SKEW, type ParseOptions } from './descriptor.ts';
import {
  type DirectoryFields,
  type ReadDirectory,
  readLifespan,
  readRecommended,
  readVersions,
  splitDirectory,
  unknownIn,
} from './directory-contents.ts';
import { DirectoryError } from './errors.ts';
import { readersOf, type SectionReader } from './section-reader.ts';
import { DIRECTORY_KEYS, sign, stubDigest } from './signing.ts';
import * as kinds from './value-kinds.ts';

const VERSION = '0.2';

export interface DirectoryV2Fields extends DirectoryFields {
  /** Milliseconds since 1970 UTC, a whole second. */
  readonly published: number;
}

/** Whether a clean text is of this version rather than of 0.3. */
export function isDirectoryV2(clean: string): boolean {
  return clean.startsWith('[Directory]\n');
}

/** Reads a clean text. Throws DirectoryError; a stated digest that is not the right one leaves no signature. */
export function readDirectoryV2(clean: string, options: ParseOptions): ReadDirectory<DirectoryV2Fields> {
  const { head, descriptors, warnings } = splitDirectory(clean, options);
  const readers = readersOf(parseSections(head));
  const directory = sectionOf(readers, 'Directory');
  const signed = sectionOf(readers, 'Signature');
  const version = directory.required('Version', kinds.text());
  if (version !== VERSION) throw new DirectoryError('value', `directory version ${version} is unknown`);
  const published = directory.required('Published', kinds.time);
  if (published > (options.clock ?? systemClock).now() + CLOCK_SKEW)
    throw new DirectoryError('value', 'the directory was published in the future');
  const signature = {
    identity: signed.required('DirectoryIdentity', kinds.identityKey),
    digest: signed.required('DirectoryDigest', kinds.base64),
    signature: signed.required('DirectorySignature', kinds.base64),
  };
  const fields = {
    published,
    ...readLifespan(directory),
    recommendedServers: readRecommended(directory),
    recommendedVersions: readVersions(readers.get('Recommended-Software'), kinds.sequence),
    descriptors,
  };
  const digest = stubDigest(clean, DIRECTORY_KEYS);
  return {
    fields,
    digest,
    signatures: signature.digest.equals(digest) ? [signature] : [],
    warnings: [...unknownIn(readers, ['Directory', 'Signature', 'Recommended-Software']), ...warnings],
  };
}

/** The signed text of a directory. `random` gives the 20-octet seed of the signature. */
export function writeDirectoryV2(fields: DirectoryV2Fields, identity: RsaPrivateKey, random: Random): string {
  const { client, server } = fields.recommendedVersions;
  const head = writeSections([
    {
      name: 'Directory',
      entries: [
        { key: 'Version', value: VERSION },
        { key: 'Published', value: kinds.writeTime(fields.published) },
        { key: 'Valid-After', value: kinds.writeDate(fields.validAfter) },
        { key: 'Valid-Until', value: kinds.writeDate(fields.validUntil) },
        { key: 'Recommended-Servers', value: fields.recommendedServers.join(', ') },
      ],
    },
    {
      name: 'Signature',
      entries: [
        { key: 'DirectoryIdentity', value: identity.publicKey.toDer().toString('base64') },
        { key: 'DirectoryDigest', value: '' },
        { key: 'DirectorySignature', value: '' },
      ],
    },
    {
      name: 'Recommended-Software',
      entries: [
        { key: 'MixminionClient', value: client.join(' ') },
        { key: 'MixminionServer', value: server.join(' ') },
      ],
    },
  ]);
  const text = head + fields.descriptors.map((descriptor) => descriptor.text).join('');
  return sign(text, DIRECTORY_KEYS, identity, random);
}

function sectionOf(readers: Map<string, SectionReader>, name: string): SectionReader {
  const section = readers.get(name);
  if (section === undefined) throw new DirectoryError('value', `a directory needs the section [${name}]`);
  return section;
}
