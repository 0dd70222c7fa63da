// What a server says of itself: the fields of a descriptor, read from its sections.   spec: mixminion-directory 3.1

import type { RsaPublicKey } from '../../crypto/rsa.ts';
import type { Section } from './config-format.ts';
import { DirectoryError } from './errors.ts';
import { readersOf, type SectionReader } from './section-reader.ts';
import type { Signature } from './signing.ts';
import * as kinds from './value-kinds.ts';

export const DESCRIPTOR_VERSION = '0.2';
export const SECTION_VERSION = '0.1';
const LEAST_MAXIMUM_SIZE = 32; // KiB
const TESTING = 'Testing';
/** Of messages to a nymserver, in the experimental range.   spec: mixminion-nym 9 */
export const NYM_EXIT_TYPE = 0xf033;

/** A rule about whom a server talks to: `key` is `Allow` or `Deny`, `value` as it is written. Nobody enforces them. */
export interface LinkRule {
  readonly key: 'Allow' | 'Deny';
  readonly value: string;
}

interface IncomingFields {
  /** Still written for old readers, ignored by newer ones. */
  readonly ip?: string;
  readonly hostname: string;
  readonly port: number;
  readonly protocols: readonly string[];
  readonly rules: readonly LinkRule[];
}

interface OutgoingFields {
  readonly protocols: readonly string[];
  readonly rules: readonly LinkRule[];
}

export interface DeliveryFields {
  /** KiB */
  readonly maximumSize: number;
  readonly allowFrom: boolean;
}

/** A nymserver that takes control messages.   spec: mixminion-nym 9 */
export interface NymFields {
  /** What is behind the @ of its nyms, lower case. */
  readonly domain: string;
  /** KiB of one control message. */
  readonly maximumSize: number;
  /** The name of an mbox that takes them as well. */
  readonly controlMbox?: string;
}

/** Times in milliseconds since 1970 UTC; `validAfter` and `validUntil` are midnights, `published` a whole second. */
export interface DescriptorFields {
  readonly nickname: string;
  readonly published: number;
  readonly validAfter: number;
  readonly validUntil: number;
  readonly packetKey: RsaPublicKey;
  readonly packetVersions: readonly string[];
  readonly contact: string;
  readonly software?: string;
  readonly secureConfiguration?: boolean;
  readonly whyInsecure?: string;
  readonly contactFingerprint?: string;
  readonly comments?: string;
  readonly incoming?: IncomingFields;
  readonly outgoing?: OutgoingFields;
  readonly mbox?: DeliveryFields;
  readonly smtp?: DeliveryFields;
  /** Packets of one message that the server puts together. */
  readonly maximumFragments?: number;
  readonly nym?: NymFields;
  /** Free text about program and settings. */
  readonly platform?: string;
  readonly configuration?: string;
}

export interface ReadDescriptor {
  readonly fields: DescriptorFields;
  readonly signature: Signature;
  /** Sections and keys that nobody knows. */
  readonly warnings: readonly string[];
}

/** Reads the sections of one descriptor. Throws DirectoryError `format` or `value`. */
export function readDescriptor(sections: readonly Section[]): ReadDescriptor {
  const readers = readersOf(sections);
  const server = readers.get('Server');
  if (server === undefined) throw new DirectoryError('value', 'a descriptor needs the section [Server]');
  const version = server.required('Descriptor-Version', kinds.text());
  if (version !== DESCRIPTOR_VERSION) throw new DirectoryError('value', `descriptor version ${version} is unknown`);

  const { fields: common, signature } = readServer(server);
  const known = new Map([['Server', server]]);
  const read = <T>(name: string, readFields: (section: SectionReader) => T): T | undefined => {
    const section = readers.get(name);
    if (section === undefined) return undefined;
    if (name !== TESTING && section.required('Version', kinds.text()) !== SECTION_VERSION) {
      readers.delete(name); // spec: mixminion-directory 1: as if it were not there
      return undefined;
    }
    known.set(name, section);
    return readFields(section);
  };
  const fields = defined({
    ...common,
    incoming: read('Incoming/MMTP', readIncoming),
    outgoing: read('Outgoing/MMTP', readOutgoing),
    mbox: read('Delivery/MBOX', readDelivery),
    smtp: read('Delivery/SMTP', readDelivery),
    maximumFragments: read('Delivery/Fragmented', (section) => section.required('Maximum-Fragments', kinds.integer(0))),
    nym: read('Delivery/NYM3', readNym),
    platform: read(TESTING, (section) => section.optional('Platform', kinds.text())),
    configuration: read(TESTING, (section) => section.optional('Configuration', kinds.text())),
  });
  const warnings = [...readers.keys()].flatMap((name) => {
    const section = known.get(name);
    if (section === undefined) return [`section [${name}] is unknown`];
    return section.unknown().map((key) => `[${name}] ${key} is unknown`);
  });
  return { fields, signature, warnings };
}

function readServer(server: SectionReader) {
  const fields = {
    nickname: server.required('Nickname', kinds.nickname),
    published: server.required('Published', kinds.time),
    validAfter: server.required('Valid-After', kinds.date),
    validUntil: server.required('Valid-Until', kinds.date),
    packetKey: server.required('Packet-Key', kinds.packetKey),
    packetVersions: server.required('Packet-Versions', kinds.list),
    contact: server.required('Contact', kinds.text(256)),
    software: server.optional('Software', kinds.text()),
    secureConfiguration: server.optional('Secure-Configuration', kinds.boolean),
    whyInsecure: server.optional('Why-Insecure', kinds.text()),
    contactFingerprint: server.optional('Contact-Fingerprint', kinds.text(128)),
    comments: server.optional('Comments', kinds.text(1024)),
  };
  const signature = {
    identity: server.required('Identity', kinds.identityKey),
    digest: server.required('Digest', kinds.base64),
    signature: server.required('Signature', kinds.base64),
  };
  return { fields, signature };
}

function readIncoming(section: SectionReader): IncomingFields {
  section.optional('Key-Digest', kinds.base64); // of its kind, but what it says is ignored
  return defined({
    ip: section.optional('IP', kinds.ip),
    hostname: section.required('Hostname', kinds.host),
    port: section.required('Port', kinds.port),
    ...readOutgoing(section),
  });
}

function readOutgoing(section: SectionReader): OutgoingFields {
  const rules = section.many(['Allow', 'Deny'], kinds.text()).map(({ key, value }): LinkRule => {
    const sense = key === 'Allow' ? 'allow' : 'deny';
    kinds.addressRule(sense)(value);
    return { key: sense === 'allow' ? 'Allow' : 'Deny', value };
  });
  return { protocols: section.required('Protocols', kinds.list), rules };
}

function readDelivery(section: SectionReader): DeliveryFields {
  return {
    maximumSize: section.required('Maximum-Size', kinds.integer(LEAST_MAXIMUM_SIZE)),
    allowFrom: section.required('Allow-From', kinds.boolean),
  };
}

/** Undefined when its messages come under an exit type that we do not know. */
function readNym(section: SectionReader): NymFields | undefined {
  const type = section.required('Exit-Type', kinds.text());
  const fields = defined({
    domain: section.required('Domain', kinds.host).toLowerCase(),
    maximumSize: section.required('Maximum-Size', kinds.integer(1)),
    controlMbox: section.optional('Control-Mbox', kinds.text(64)),
  });
  return Number(type) === NYM_EXIT_TYPE ? fields : undefined;
}

type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** The same object without its undefined members. */
function defined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Defined<T>;
}
