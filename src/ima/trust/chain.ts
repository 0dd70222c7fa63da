// Whether a peer's certificate is to be trusted: a chain of it to a trusted root, each link judged by itself. Node reports only the last of
// several errors, so that a certificate without any trust looks like one with the wrong purpose; nothing here relies on that report.
// spec: ima 2.4

import type { X509Certificate } from 'node:crypto';
import { ImaError } from '../errors.ts';
import { type Extensions, extensionsOf, OID } from './extensions.ts';
import type { Roots } from './roots.ts';

/** Certificates in a chain, the root included. */
const MAX_DEPTH = 8;
/** Signatures checked for one peer, however many certificates it sends. */
const MAX_SIGNATURES = 32;
const MIN_RSA_BITS = 2048;

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const ANY_PURPOSE = '2.5.29.37.0';
/** Critical extensions that are processed. Name constraints are not, critical or otherwise.   spec: ima 2.4 */
const PROCESSED: ReadonlySet<string> = new Set([
  OID.basicConstraints,
  OID.keyUsage,
  OID.extendedKeyUsage,
  OID.subjectAltName,
  OID.certificatePolicies,
]);

/** `any`: a certificate for servers will do for clients too, as public authorities give no others any more.   spec: ima 2.4 */
export type ClientUse = 'any' | 'clientAuth';

export interface ChainOptions {
  readonly roots: Roots;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly side: 'server' | 'client';
  readonly clientUse?: ClientUse;
}

/**
 * Finds a chain from `leaf` over some of `others` to a root, all of whose links hold now and for the purpose; gives it, leaf first. Throws
 * ImaError `certificate` with the reason why there is none.
 */
export function checkChain(
  leaf: X509Certificate,
  others: readonly X509Certificate[],
  options: ChainOptions,
): readonly X509Certificate[] {
  let fault: string | undefined;
  let signatures = 0;
  const search = (chain: readonly X509Certificate[]): readonly X509Certificate[] | undefined => {
    const last = chain.at(-1) ?? leaf;
    if (options.roots.has(last)) {
      const found = faultOf(chain, options);
      if (found === undefined) return chain;
      fault ??= found;
      return undefined;
    }
    if (chain.length >= MAX_DEPTH) return undefined;
    const sent = others.filter(({ subject }) => subject === last.issuer);
    for (const issuer of [...options.roots.issuersOf(last), ...sent]) {
      if (chain.some(({ fingerprint256 }) => fingerprint256 === issuer.fingerprint256)) continue;
      if (signatures >= MAX_SIGNATURES) return undefined;
      if (!last.checkIssued(issuer)) continue;
      signatures += 1;
      if (!last.verify(issuer.publicKey)) continue;
      const found = search([...chain, issuer]);
      if (found) return found;
    }
    return undefined;
  };
  const chain = search([leaf]);
  if (chain) return chain;
  throw new ImaError(
    'certificate',
    fault ?? 'no chain leads from the certificate to an authority that is trusted here',
  );
}

/** Undefined when the certificate is good for the host; names decide, and the subject's only where there are no others.   spec: ima 2.4 */
export function matchesHost(leaf: X509Certificate, host: string): boolean {
  return leaf.checkHost(host, { subject: 'default', wildcards: true, partialWildcards: false }) !== undefined;
}

function faultOf(chain: readonly X509Certificate[], options: ChainOptions): string | undefined {
  const known = chain.map(({ raw }) => extensionsOf(raw));
  for (const [place, certificate] of chain.entries()) {
    const extensions = known[place] as Extensions;
    const fault =
      timeFault(certificate, options.now) ??
      extensionFault(extensions) ??
      strengthFault(certificate, place === chain.length - 1) ??
      (place === 0 ? leafFault(extensions) : authorityFault(extensions, chain.slice(1, place)));
    if (fault !== undefined) return fault;
  }
  return purposesOf(options).some((purpose) => chain.every((certificate) => serves(certificate, purpose)))
    ? undefined
    : 'a certificate is not for this purpose';
}

function timeFault({ validFromDate, validToDate }: X509Certificate, now: number): string | undefined {
  if (validFromDate.getTime() > now) return 'a certificate is not valid yet';
  return validToDate.getTime() < now ? 'a certificate has expired' : undefined;
}

function extensionFault({ critical, all }: Extensions): string | undefined {
  if (all.has(OID.nameConstraints)) return 'a certificate constrains names, which is not understood here';
  return [...critical].every((oid) => PROCESSED.has(oid))
    ? undefined
    : 'a certificate has a critical extension that is not understood here';
}

function strengthFault(certificate: X509Certificate, isRoot: boolean): string | undefined {
  const bits = certificate.publicKey.asymmetricKeyDetails?.modulusLength;
  if (bits !== undefined && bits < MIN_RSA_BITS) return 'a key is too short';
  const weak = /md5|md2|sha1(?!\d)/i.test(certificate.signatureAlgorithm ?? '');
  return weak && !isRoot ? 'a signature is of a kind that can be forged' : undefined; // a root is not trusted for its signature
}

function leafFault({ keyUsage }: Extensions): string | undefined {
  return keyUsage === undefined || keyUsage.signs ? undefined : 'the key is not for signing';
}

function authorityFault(
  { ca, pathLength, keyUsage }: Extensions,
  below: readonly X509Certificate[],
): string | undefined {
  if (!ca) return 'a certificate was issued by one that is no authority';
  if (keyUsage !== undefined && !keyUsage.signsCertificates) return 'an authority may not sign certificates';
  const depth = below.filter(({ subject, issuer }) => subject !== issuer).length; // RFC 5280 6.1.4 (l)
  return pathLength !== undefined && depth > pathLength
    ? 'there are more authorities than one of them allows'
    : undefined;
}

function purposesOf({ side, clientUse = 'any' }: ChainOptions): readonly string[] {
  if (side === 'server') return [SERVER_AUTH];
  return clientUse === 'any' ? [SERVER_AUTH, CLIENT_AUTH] : [CLIENT_AUTH];
}

/** Without the extension it serves any purpose. */
function serves({ keyUsage }: X509Certificate, purpose: string): boolean {
  const uses: readonly string[] | undefined = keyUsage; // Node's name for the extended key usage
  return uses === undefined || uses.includes(purpose) || uses.includes(ANY_PURPOSE);
}
