// What somebody could find who searches all that he has: for the demo, which says nothing of anybody that was not looked up.

import { formatSize } from '../base/text.ts';

export interface Party {
  readonly name: string;
  /** What the things are that he has. */
  readonly things: string;
  readonly has: readonly Uint8Array[];
}

/** A secret by its name, and the ways in which it may be written. */
export type Secrets = Readonly<Record<string, readonly string[]>>;

/** `Bob: 1 mail, 400 B. Finds the nym. Does not find her mailbox.` */
export function tracesOf({ name, things, has }: Party, secrets: Secrets): string {
  const isThere = (octets: string) => has.some((thing) => Buffer.from(thing).includes(octets));
  const found = Object.keys(secrets).filter((secret) => secrets[secret]?.some(isThere));
  const others = Object.keys(secrets).filter((secret) => !found.includes(secret));
  const finds = found.length > 0 ? ` Finds ${found.join(', ')}.` : '';
  const lacks = others.length > 0 ? ` Does not find ${others.join(', ')}.` : '';
  return `${name}: ${has.length} ${things}, ${sizesOf(has)}.${finds}${lacks}`;
}

function sizesOf(has: readonly Uint8Array[]): string {
  const [first] = has;
  const alike = has.every(({ length }) => length === first?.length);
  if (first !== undefined && alike && has.length > 1) return `each of ${formatSize(first.length)}`;
  return formatSize(has.reduce((sum, { length }) => sum + length, 0));
}
