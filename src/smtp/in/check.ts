// Who a message really comes from, as far as the name service tells: SPF (RFC 7208), DKIM (6376), DMARC (7489) and ARC (8617), all by
// mailauth; what was found is written as RFC 8601 says.

import { authenticate } from 'mailauth';
import type { Resolver } from '../../net/resolver.ts';

/** Octets: RSA keys shorter than this count for nothing (RFC 8301). */
const MIN_KEY_BITS = 1024;

export interface Peer {
  readonly address: string;
  /** What it called itself. */
  readonly hello: string;
}

export interface Checked {
  /** Whole header fields, to stand above the message. */
  readonly fields: Buffer;
  /** The alleged sender's domain asks that this be rejected, and it is not from there. */
  readonly reject: boolean;
}

/** `from` is the envelope's sender. Never throws for what is in the message. */
export async function checkSender(
  message: Buffer,
  from: string,
  peer: Peer,
  hostname: string,
  resolver: Resolver,
): Promise<Checked> {
  const result = await authenticate(message, {
    ip: peer.address,
    helo: peer.hello,
    sender: from === '' ? `postmaster@${peer.hello}` : from, // RFC 7208 2.4
    mta: hostname,
    resolver: (name, type) => ask(resolver, name, type),
    minBitLength: MIN_KEY_BITS,
    disableBimi: true,
    strict: true, // a body that does not match is a failure then, not "neutral"
  });
  const reject = result.dmarc !== false && result.dmarc.status.result === 'fail' && result.dmarc.policy === 'reject';
  return { fields: Buffer.from(result.headers), reject };
}

/** Our resolver as mailauth wants one: answers in the shapes of node:dns, nothing there as an error. */
async function ask(resolver: Resolver, name: string, type: string): Promise<string[][] | string[]> {
  const found = await (async () => {
    switch (type) {
      case 'TXT':
        return (await resolver.txt(name)).map((text) => [text]);
      case 'A':
        return (await resolver.addresses(name)).filter((address) => !address.includes(':'));
      case 'AAAA':
        return (await resolver.addresses(name)).filter((address) => address.includes(':'));
      case 'MX':
        return (await resolver.mx(name)).map(({ host, priority }) => ({ exchange: host, priority }));
      default:
        return [];
    }
  })();
  if (found.length === 0) throw Object.assign(new Error('nothing there'), { code: 'ENOTFOUND' });
  return found as string[][] | string[];
}
