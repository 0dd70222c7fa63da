// What is written above a message on its way through: where it came from, and when.

import { toHex } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import { mailDate } from '../../mail/write-mime.ts';
import { type Field, fieldValue } from '../header.ts';

/** A message that went through more servers than this goes in circles. RFC 5321 6.3 */
const MAX_HOPS = 100;

export interface Arrived {
  readonly hostname: string;
  /** What the peer called itself, and its address; undefined for a user of this office, whose place is nobody's business. */
  readonly peer: { readonly hello: string; readonly address: string } | undefined;
  /** `ESMTP`, `ESMTPS`, `ESMTPSA` (RFC 3848). */
  readonly protocol: string;
  readonly now: number;
}

/** A Received field. RFC 5321 4.4 */
export function receivedField({ hostname, peer, protocol, now }: Arrived, random: Random): Buffer {
  const literal = peer?.address.includes(':') ? `IPv6:${peer.address}` : peer?.address;
  const from = peer === undefined ? hostname : `${word(peer.hello)} ([${literal}])`;
  const id = toHex(random.bytes(8));
  return Buffer.from(`Received: from ${from}\r\n\tby ${hostname} with ${protocol} id ${id};\r\n\t${mailDate(now)}\r\n`);
}

export function goesInCircles(fields: readonly Field[]): boolean {
  return fields.filter(({ name }) => name === 'received').length > MAX_HOPS;
}

/** Without fields that claim to be ours: nobody else may say what was checked here. RFC 8601 5 */
export function withoutClaims(fields: readonly Field[], hostname: string): Field[] {
  return fields.filter((field) => {
    if (field.name !== 'authentication-results') return true;
    const [id = ''] = fieldValue(field)
      .replace(/\([^()]*\)/g, ' ')
      .trim()
      .replace(/^"([^"]*)"/, '$1')
      .split(/[;\s]/, 1);
    return id.toLowerCase() !== hostname.toLowerCase();
  });
}

/** What a peer calls itself, kept to what may stand in a header. */
function word(hello: string): string {
  const kept = hello.replace(/[^a-z0-9.:_[\]-]/gi, '');
  return kept === '' ? 'unknown' : kept;
}
