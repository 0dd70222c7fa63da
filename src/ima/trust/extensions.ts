// What Node does not tell of a certificate: its extensions, which of them are critical, path length and key usage. A walk over DER
// that was parsed by OpenSSL before.   spec: ima 2.4

import { toHex } from '../../base/bytes.ts';
import { ImaError } from '../errors.ts';

export interface Extensions {
  /** Object identifiers (content octets as hex) of those that must be understood. */
  readonly critical: ReadonlySet<string>;
  readonly all: ReadonlySet<string>;
  /** True where basicConstraints say that it may sign others. */
  readonly ca: boolean;
  /** How many authorities may stand below this one; undefined: any number. */
  readonly pathLength: number | undefined;
  /** Undefined where no keyUsage stands there: anything. */
  readonly keyUsage: { readonly signs: boolean; readonly signsCertificates: boolean } | undefined;
}

export const OID = {
  subjectAltName: '551d11',
  keyUsage: '551d0f',
  basicConstraints: '551d13',
  nameConstraints: '551d1e',
  certificatePolicies: '551d20',
  extendedKeyUsage: '551d25',
} as const;

const SEQUENCE = 0x30;
const BOOLEAN = 0x01;
const INTEGER = 0x02;
const EXTENSIONS = 0xa3; // [3] EXPLICIT
const DIGITAL_SIGNATURE = 0x80;
const KEY_CERT_SIGN = 0x04;

interface Node {
  readonly tag: number;
  readonly content: Buffer;
}

/** Throws ImaError `certificate` for what is no certificate. */
export function extensionsOf(der: Buffer): Extensions {
  const [certificate] = children(der);
  const [tbs] = children(certificate?.content ?? Buffer.alloc(0));
  const field = children(tbs?.content ?? Buffer.alloc(0)).find(({ tag }) => tag === EXTENSIONS);
  const [list] = field ? children(field.content) : [];
  const found = (list ? children(list.content) : []).map(({ content }) => extension(content));
  const contentOf = (oid: string) => found.find((one) => one.oid === oid)?.value;
  return {
    critical: new Set(found.filter(({ critical }) => critical).map(({ oid }) => oid)),
    all: new Set(found.map(({ oid }) => oid)),
    ...basicConstraints(contentOf(OID.basicConstraints)),
    keyUsage: keyUsage(contentOf(OID.keyUsage)),
  };
}

function extension(content: Buffer): { oid: string; critical: boolean; value: Buffer } {
  const [oid, second, third] = children(content);
  const value = third ?? second;
  if (oid === undefined || value === undefined) throw broken();
  const critical = second?.tag === BOOLEAN && second.content[0] !== 0;
  return { oid: toHex(oid.content), critical, value: value.content };
}

function basicConstraints(value: Buffer | undefined): Pick<Extensions, 'ca' | 'pathLength'> {
  const [sequence] = value ? children(value) : [];
  if (sequence?.tag !== SEQUENCE) return { ca: false, pathLength: undefined };
  const fields = children(sequence.content);
  const length = fields.find(({ tag }) => tag === INTEGER)?.content;
  const ca = fields.some(({ tag, content }) => tag === BOOLEAN && content[0] !== 0);
  return { ca, pathLength: length === undefined ? undefined : Number(`0x${toHex(length)}`) };
}

function keyUsage(value: Buffer | undefined): Extensions['keyUsage'] {
  const [bits] = value ? children(value) : [];
  if (bits === undefined) return undefined;
  const first = bits.content[1] ?? 0; // behind the count of unused bits
  return { signs: (first & DIGITAL_SIGNATURE) !== 0, signsCertificates: (first & KEY_CERT_SIGN) !== 0 };
}

function children(octets: Buffer): Node[] {
  const nodes: Node[] = [];
  for (let at = 0; at < octets.length; ) {
    const [tag = 0, first = 0] = octets.subarray(at, at + 2);
    const more = first < 0x80 ? 0 : first & 0x7f;
    if (more > 4 || at + 2 + more > octets.length) throw broken();
    const length = more === 0 ? first : octets.readUIntBE(at + 2, more);
    const start = at + 2 + more;
    if (start + length > octets.length) throw broken();
    nodes.push({ tag, content: octets.subarray(start, start + length) });
    at = start + length;
  }
  return nodes;
}

function broken(): ImaError {
  return new ImaError('certificate', 'the certificate is not well-formed');
}
