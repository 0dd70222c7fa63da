// Mail addresses as envelopes have them: printable ASCII, a domain that is a host name. Quoted local parts and address literals
// are not spoken here.

/** Octets: RFC 5321 4.5.3.1.1 to 4.5.3.1.3. */
const MAX_LOCAL = 64;
const MAX_ADDRESS = 254;
const LOCAL = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/i;
const DOMAIN = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i;

export interface MailAddress {
  readonly local: string;
  /** In lower case. */
  readonly domain: string;
}

/** Reads `local@domain`; undefined when it is anything else. */
export function parseMailAddress(text: string): MailAddress | undefined {
  const at = text.lastIndexOf('@');
  const local = text.slice(0, at);
  const domain = text.slice(at + 1);
  if (at < 1 || text.length > MAX_ADDRESS || local.length > MAX_LOCAL) return undefined;
  return LOCAL.test(local) && isDomain(domain) ? { local, domain: domain.toLowerCase() } : undefined;
}

export function formatMailAddress({ local, domain }: MailAddress): string {
  return `${local}@${domain}`;
}

export function isDomain(text: string): boolean {
  return text.length <= 253 && DOMAIN.test(text);
}

/** True when both name one mailbox, for all that another server may make of upper and lower case. */
export function sameAddress(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
