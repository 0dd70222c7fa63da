// Writes a signed descriptor, line for line in the order that the old program uses.   spec: mixminion-directory 3.2

import type { Random } from '../../base/random.ts';
import type { RsaPrivateKey } from '../../crypto/rsa.ts';
import { type Entry, type Section, writeSections } from './config-format.ts';
import {
  DESCRIPTOR_VERSION,
  type DeliveryFields,
  type DescriptorFields,
  type LinkRule,
  NYM_EXIT_TYPE,
  type NymFields,
  SECTION_VERSION,
} from './descriptor-fields.ts';
import { DESCRIPTOR_KEYS, sign } from './signing.ts';
import { writeDate, writeTime } from './value-kinds.ts';

type Value = string | number | boolean | undefined;

/** The text of a descriptor with `fields`, signed by the identity key. `random` gives the seed of the signature. */
export function writeDescriptor(fields: DescriptorFields, identity: RsaPrivateKey, random: Random): string {
  const { incoming, outgoing, mbox, smtp, maximumFragments, nym, platform, configuration } = fields;
  const blocks: readonly (Section | undefined)[] = [
    serverSection(fields, identity),
    incoming &&
      section(
        'Incoming/MMTP',
        {
          Version: SECTION_VERSION,
          IP: incoming.ip,
          Hostname: incoming.hostname,
          Port: incoming.port,
          'Key-Digest': identity.publicKey.digest.toString('base64'),
          Protocols: incoming.protocols.join(', '),
        },
        incoming.rules,
      ),
    outgoing &&
      section('Outgoing/MMTP', { Version: SECTION_VERSION, Protocols: outgoing.protocols.join(', ') }, outgoing.rules),
    mbox && deliverySection('Delivery/MBOX', mbox),
    smtp && deliverySection('Delivery/SMTP', smtp),
    maximumFragments === undefined
      ? undefined
      : section('Delivery/Fragmented', { Version: SECTION_VERSION, 'Maximum-Fragments': maximumFragments }),
    nym && nymSection(nym),
    platform === undefined && configuration === undefined
      ? undefined
      : section('Testing', { Platform: platform, Configuration: configuration }),
  ];
  const text = writeSections(blocks.filter((block) => block !== undefined));
  return sign(text, DESCRIPTOR_KEYS, identity, random);
}

function serverSection(fields: DescriptorFields, identity: RsaPrivateKey): Section {
  return section('Server', {
    'Descriptor-Version': DESCRIPTOR_VERSION,
    Nickname: fields.nickname,
    Identity: identity.publicKey.toDer().toString('base64'),
    Digest: '',
    Signature: '',
    Published: writeTime(fields.published),
    'Valid-After': writeDate(fields.validAfter),
    'Valid-Until': writeDate(fields.validUntil),
    'Packet-Key': fields.packetKey.toDer().toString('base64'),
    'Packet-Versions': fields.packetVersions.join(', '),
    Software: fields.software,
    'Secure-Configuration': fields.secureConfiguration,
    Contact: fields.contact,
    'Why-Insecure': fields.whyInsecure,
    'Contact-Fingerprint': fields.contactFingerprint,
    Comments: fields.comments,
  });
}

function deliverySection(name: string, { maximumSize, allowFrom }: DeliveryFields): Section {
  return section(name, { Version: SECTION_VERSION, 'Maximum-Size': maximumSize, 'Allow-From': allowFrom });
}

/** spec: mixminion-nym 9 */
function nymSection({ domain, maximumSize, controlMbox }: NymFields): Section {
  return section('Delivery/NYM3', {
    Version: SECTION_VERSION,
    'Exit-Type': `0x${NYM_EXIT_TYPE.toString(16).toUpperCase()}`,
    Domain: domain,
    'Maximum-Size': maximumSize,
    'Control-Mbox': controlMbox,
  });
}

function section(name: string, values: Readonly<Record<string, Value>>, rules: readonly LinkRule[] = []): Section {
  const entries = Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]): Entry => ({ key, value: value === true ? 'yes' : value === false ? 'no' : String(value) }));
  return { name, entries: [...entries, ...rules] };
}
