// Where a mailbox is: its name, its server and, if the giver says so, the server's key.   spec: smallmail 2.11

import { type Endpoint, formatEndpoint, parseEndpoint } from '../../net/endpoint.ts';
import { ClientError } from './errors.ts';

export const DEFAULT_PORT = 1995;
const MAX_ADDRESS = 512;
const SCHEME = /^smallmail:/i;
const FORM = /^([0-9a-f]{64}|[0-9a-f]{40})@([^?@]+)(?:\?pin=([0-9a-f]{64}))?$/i;

export interface Address extends Endpoint {
  /** The key's fingerprint, upper-case hex digits. */
  readonly mailbox: string;
  /** SHA-256 of the server's SubjectPublicKeyInfo, 64 lower-case hex digits. */
  readonly pin?: string;
}

/** Reads `FPR@host[:port][?pin=HEX]`, with or without `smallmail:` in front; undefined when it is anything else. */
export function parseAddress(text: string): Address | undefined {
  if (text.length > MAX_ADDRESS) return undefined;
  const [, mailbox, place, pin] = FORM.exec(text.trim().replace(SCHEME, '')) ?? [];
  const endpoint = place === undefined ? undefined : parseEndpoint(place, DEFAULT_PORT);
  if (mailbox === undefined || endpoint === undefined || endpoint.port === 0) return undefined;
  return {
    mailbox: mailbox.toUpperCase(),
    host: endpoint.host.toLowerCase(),
    port: endpoint.port,
    ...(pin === undefined ? {} : { pin: pin.toLowerCase() }),
  };
}

/** `parseAddress`, or ClientError `address` with what an address looks like. */
export function readAddress(text: string): Address {
  const address = parseAddress(text);
  if (address !== undefined) return address;
  throw new ClientError('address', `this is not a SmallMail address: ${text.slice(0, 80)}`, {
    remedy: 'an address looks like 6A5A7A8A650F0C12961ED8F74278AF1D067C0E57@host, with :port when it is not 1995',
  });
}

/** The address as people pass it on; the usual port is left out. */
export function formatAddress({ mailbox, host, port, pin }: Address): string {
  const place = formatEndpoint({ host, port });
  const shown = port === DEFAULT_PORT ? place.slice(0, place.lastIndexOf(':')) : place;
  return `${mailbox}@${shown}${pin === undefined ? '' : `?pin=${pin}`}`;
}

export function formatUri(address: Address): string {
  return `smallmail:${formatAddress(address)}`;
}
