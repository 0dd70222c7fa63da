// Recipients: what a user writes to say where a message goes, and what it means for the last hop of its path.
// spec: mixminion-directory 10

import type { RsaPublicKey } from '../../crypto/rsa.ts';
import { isMailbox, RoutingType } from '../packet/routing.ts';
import { AddressError } from './errors.ts';

const MAX_TEXT = 4096;
const MAX_ROUTING_TYPE = 0xfffe;
const TEST_ROUTING_TYPE = 0xfffe;

/** With a `recipientKey` the message is encrypted to it. */
export type Address =
  | { readonly type: 'email'; readonly address: string; readonly recipientKey?: RsaPublicKey }
  | {
      readonly type: 'mbox';
      readonly address: string;
      readonly exitServer?: string;
      readonly recipientKey?: RsaPublicKey;
    }
  | { readonly type: 'news'; readonly address: string }
  | { readonly type: 'drop' }
  | {
      readonly type: 'other';
      readonly routingType: number;
      readonly routingInfo: Uint8Array;
      readonly exitServer?: string;
      readonly recipientKey?: RsaPublicKey;
    }
  | { readonly type: 'reply' };

/** What the last hop is told. */
export interface Exit {
  readonly routingType: number;
  /** Without the tag. */
  readonly routingInfo: Buffer;
  /** Whether a decoding handle of 20 octets stands in front of the routing info. */
  readonly tagged: boolean;
  /** Nickname or file name of the server that has to be the last hop. */
  readonly lastHop?: string;
}

/**
 * Reads `user@host`, `smtp:user@host`, `mbox:NAME[@SERVER]`, `drop`, `test[:TEXT]` or `0xHHHH[:DATA]`, type words in any
 * case; text in UTF-8. Throws AddressError `address`.
 */
export function parseAddress(text: string): Address {
  if (text.length > MAX_TEXT) throw new AddressError('address', `an address is longer than ${MAX_TEXT} characters`);
  const colon = text.indexOf(':');
  const [word, rest] = colon < 0 ? [text, undefined] : [text.slice(0, colon), text.slice(colon + 1)];
  switch (word.toLowerCase()) {
    case 'drop':
      if (rest === undefined) return { type: 'drop' };
      break;
    case 'test':
      return { type: 'other', routingType: TEST_ROUTING_TYPE, routingInfo: Buffer.from(rest ?? '') };
    case 'mbox':
      if (rest !== undefined) return parseMbox(rest);
      break;
    case 'smtp':
      if (rest !== undefined && isMailbox(rest)) return { type: 'email', address: rest };
      break;
    default:
      if (/^0x[0-9a-f]{4}$/i.test(word)) return parseNumbered(word, rest ?? '');
      if (isMailbox(text)) return { type: 'email', address: text };
  }
  throw new AddressError('address', `"${text.slice(0, 40)}" is no address`, {
    remedy: 'write user@host, mbox:name@server, drop, or 0xHHHH:data',
  });
}

/** The exit type and routing info for an address. Throws AddressError `address-unsupported` for news and for replies. */
export function exitOf(address: Address): Exit {
  switch (address.type) {
    case 'email':
      return { routingType: RoutingType.SMTP, routingInfo: Buffer.from(address.address), tagged: true };
    case 'mbox':
      return {
        routingType: RoutingType.MBOX,
        routingInfo: Buffer.from(address.address),
        tagged: true,
        ...lastHop(address.exitServer),
      };
    case 'drop':
      return { routingType: RoutingType.DROP, routingInfo: Buffer.alloc(0), tagged: false };
    case 'other':
      return {
        routingType: address.routingType,
        routingInfo: Buffer.from(address.routingInfo),
        tagged: true, // 0x0000 too, unlike "drop"
        ...lastHop(address.exitServer),
      };
    case 'news':
      throw new AddressError('address-unsupported', 'no server delivers to newsgroups');
    case 'reply':
      throw new AddressError('address-unsupported', 'the address of a reply is inside its reply block');
  }
}

function parseMbox(text: string): Address {
  const at = text.indexOf('@');
  const [address, exitServer] = at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
  if (address === '') throw new AddressError('address', 'an mbox address needs a name');
  if (exitServer === '') throw new AddressError('address', 'an mbox address ends in "@" without a server');
  return { type: 'mbox', address, ...(exitServer === undefined ? {} : { exitServer }) };
}

function parseNumbered(word: string, data: string): Address {
  const routingType = Number(word);
  if (routingType > MAX_ROUTING_TYPE) throw new AddressError('address', `exit type ${word} is out of range`);
  return { type: 'other', routingType, routingInfo: Buffer.from(data) };
}

function lastHop(name: string | undefined): { lastHop?: string } {
  return name === undefined ? {} : { lastHop: name };
}
