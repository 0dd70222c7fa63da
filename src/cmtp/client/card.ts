// An account as a file: for its operator, who makes it on the server, or for another machine of its user. All keys in it stay
// under their passphrase.   spec: cmtp 9 D22, D23

import { z } from 'zod';
import { fromHex, toHex } from '../../base/bytes.ts';
import { isXzibit } from '../crypto/xzibit.ts';
import { type Address, formatAddress, parseAddress } from './address.ts';
import { ClientError } from './errors.ts';
import type { Account } from './home.ts';

const MAX_FORMER = 1000;

const xzibitShape = z.string().transform((digits, context) => {
  const octets = fromHex(digits);
  if (octets !== undefined && isXzibit(octets)) return octets;
  context.addIssue({ code: 'custom', message: 'not an xzibit' });
  return z.NEVER;
});
const cardShape = z.object({
  cmtp: z.string().transform((text, context) => {
    const address = parseAddress(text);
    if (address !== undefined) return address;
    context.addIssue({ code: 'custom', message: 'not an address' });
    return z.NEVER;
  }),
  publicKey: z.string().regex(/^[0-9a-f]{64}$/),
  xzibit: xzibitShape,
  former: z.array(xzibitShape).max(MAX_FORMER),
});

export type Card = Address & Pick<Account, 'publicKey' | 'xzibit' | 'old'>;

export function writeCard(account: Card): string {
  const { publicKey, xzibit, old } = account;
  const card = { cmtp: formatAddress(account), publicKey, xzibit: toHex(xzibit), former: old.map(toHex) };
  return `${JSON.stringify(card, undefined, 2)}\n`;
}

/** Throws ClientError `unreadable`. */
export function readCard(octets: Uint8Array): Card {
  try {
    const { cmtp, publicKey, xzibit, former } = cardShape.parse(JSON.parse(Buffer.from(octets).toString('utf8')));
    return { ...cmtp, publicKey, xzibit, old: former };
  } catch (cause) {
    throw new ClientError('unreadable', 'this file holds no CMTP account', { cause });
  }
}
