// Names of accounts and domains: what a text argument may hold.   spec: cmtp 5, 9 D8, D15

/** Of any text argument, its NUL included. */
export const NAME_LIMIT = 256;

/** `account@domain`; the empty account is the server itself. */
export interface Place {
  readonly account: string;
  readonly domain: string;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text, empty or a name; undefined when it is neither. */
export function readName(octets: Uint8Array): string | undefined {
  if (octets.byteLength >= NAME_LIMIT) return undefined;
  try {
    const text = utf8.decode(octets);
    return text === '' || isName(text) ? text : undefined;
  } catch {
    return undefined;
  }
}

/** Well-formed, not empty, no control characters, no slash of either kind, no dot in front; at most 255 octets. */
export function isName(text: string): boolean {
  return /^[^./\\\p{Cc}][^/\\\p{Cc}]*$/u.test(text) && text.isWellFormed() && Buffer.byteLength(text) < NAME_LIMIT;
}

/** Without regard to the case of ASCII letters, and of these alone. */
export function sameDomain(a: string, b: string): boolean {
  return lowerCase(a) === lowerCase(b);
}

/** `account@domain`, cut at the last @; undefined when it is none. */
export function parsePlace(text: string): Place | undefined {
  const at = text.lastIndexOf('@');
  const [account, domain] = [text.slice(0, Math.max(0, at)), text.slice(at + 1)];
  return at > 0 && isName(account) && isName(domain) ? { account, domain } : undefined;
}

/** ASCII letters in lower case, and these alone. */
export function lowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** `z(text)`: its octets and a NUL. */
export function zeroEnded(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}
