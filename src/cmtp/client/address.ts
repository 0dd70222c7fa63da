// `account@domain`, as people write it.   spec: cmtp 9 D8, D15

import { type Place, parsePlace } from '../wire/names.ts';
import { ClientError } from './errors.ts';

export type Address = Place;

/** Undefined when it is none. Domains are written small. */
export function parseAddress(text: string): Address | undefined {
  const place = parsePlace(text.trim());
  return place && { account: place.account, domain: place.domain.toLowerCase() };
}

/** `parseAddress`, or ClientError `address` with what an address looks like. */
export function readAddress(text: string): Address {
  const address = parseAddress(text);
  if (address !== undefined) return address;
  throw new ClientError('address', `this is not a CMTP address: ${text.slice(0, 80)}`, {
    remedy: 'an address looks like alice@example.org',
  });
}

export function formatAddress({ account, domain }: Address): string {
  return `${account}@${domain}`;
}
