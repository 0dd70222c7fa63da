// IMIDs, the names of accounts, mailboxes and published nodes, and the URIs that carry them.   spec: immp 1.2, 2.15, 3

import { WireError } from './errors.ts';
import { type Kind, PATTERNS } from './kind.ts';

/** `helpdesk/alice+lists@domain.com`, as it was written. */
export interface Imid {
  /** `helpdesk/alice` */
  readonly local: string;
  /** The folder asked for: `lists`. */
  readonly tag?: string;
  readonly domain: string;
}

/** An IMID with whatever stands behind it: a published node, in either of its two spellings. */
export interface NodeName extends Imid {
  /** `updates` in `newsletter@website.com/updates`. */
  readonly path?: string;
}

export interface ImidUri {
  readonly node: NodeName;
  readonly uuid?: string;
  /** What stands behind the question mark. */
  readonly options?: string;
}

const MAX_OCTETS = 512;
const MAX_DOMAIN = 253;
const MAX_ATOMS = 4;

const ATOM = `[A-Za-z0-9.\\-_~${PATTERNS.UTF8}]{1,64}`;
const LABEL = '[A-Za-z0-9][A-Za-z0-9-]*';
const DOMAIN = `${LABEL}(?:\\.${LABEL})*`;
export const BASE = `${ATOM}(?:/${ATOM})*(?:\\+${ATOM})?@${DOMAIN}`;

const NODE = new RegExp(`^(${ATOM}(?:/${ATOM})*)(?:\\+(${ATOM}))?@(${DOMAIN})(?:/(${ATOM}(?:/${ATOM})*))?$`, 'u');
const DOMAIN_ALONE = new RegExp(`^${DOMAIN}$`, 'u');
const URI = new RegExp(
  `^(?:(?:[Ii][Mm][Pp][Pp]|[Ii][Mm][Mm][Pp]|[Ii][Mm][Ii][Dd]):(?://)?)?([^#?]+)(?:#(${PATTERNS.UUID}))?(?:\\?([A-Za-z0-9.\\-_~=&%${PATTERNS.UTF8}]+))?$`,
  'u',
);

function readNode(text: string): NodeName | undefined {
  const [, local, tag, domain, path] = NODE.exec(text) ?? [];
  if (local === undefined || domain === undefined) return undefined;
  const atoms = local.split('/').length + (path === undefined ? 0 : path.split('/').length);
  if (Buffer.byteLength(text) > MAX_OCTETS || domain.length > MAX_DOMAIN || atoms > MAX_ATOMS) {
    throw new WireError('406', 'an IMID is longer than IMIDs may be'); // spec: immp 3
  }
  return { local, ...(tag === undefined ? {} : { tag }), domain, ...(path === undefined ? {} : { path }) };
}

/** `local+tag@domain`, with the `/path` of a node. */
export function formatImid({ local, tag, domain, path }: NodeName): string {
  return `${local}${tag === undefined ? '' : `+${tag}`}@${domain}${path === undefined ? '' : `/${path}`}`;
}

/** An IMID without a path. Reading throws WireError 406 for one beyond the limits. */
export const imid: Kind<Imid> = {
  read(text) {
    const node = readNode(text);
    return node === undefined || node.path !== undefined ? undefined : node;
  },
  write: formatImid,
};

export const node: Kind<NodeName> = { read: readNode, write: formatImid };

export const domain: Kind<string> = {
  read(text) {
    if (!DOMAIN_ALONE.test(text)) return undefined;
    if (text.length > MAX_DOMAIN) throw new WireError('406', 'a domain name is longer than such names may be');
    return text;
  },
  write: (text) => text,
};

/** Where a delivery or a key belongs: an IMID, or a domain as a whole. */
export const place: Kind<Imid | string> = {
  read: (text) => imid.read(text) ?? domain.read(text),
  write: (value) => (typeof value === 'string' ? value : formatImid(value)),
};

/** The name that stands for the account or mailbox, whoever wrote it how: no folder, no difference of case.   spec: immp 3 */
export function accountName({ local, domain }: Imid): string {
  return `${local}@${domain}`.normalize('NFC').toLowerCase();
}

/** The same node in the spelling with everything before the `@`.   spec: immp 2.10 */
export function canonicalNode({ local, tag, domain, path }: NodeName): Imid {
  return { local: path === undefined ? local : `${local}/${path}`, ...(tag === undefined ? {} : { tag }), domain };
}

/** Reads `impp://newsletter/updates@website.com?subscribe`, with any of the three schemes or none; undefined when it is no such URI. */
export function readImidUri(text: string): ImidUri | undefined {
  const [, name = '', uuid, options] = URI.exec(text) ?? [];
  const node = readNode(name);
  if (node === undefined) return undefined;
  return {
    node,
    ...(uuid === undefined ? {} : { uuid: uuid.toLowerCase() }),
    ...(options === undefined ? {} : { options }),
  };
}

/** spec: immp 1.10 (the seed's spelling of the scheme) */
export function formatImidUri({ node, uuid, options }: ImidUri): string {
  const name = `impp://${formatImid(node)}`;
  return `${name}${uuid === undefined ? '' : `#${uuid}`}${options === undefined ? '' : `?${options}`}`;
}
