// What a hop is told to do: routing types, the addresses of next servers, and exit addresses with their tags.

import { asBuffer } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import { ParseError } from './errors.ts';
import { TAG_LENGTH } from './layout.ts';

const KEY_ID = 20;
const IPV4_INFO = 4 + 2 + KEY_ID;
const HOST_INFO_FIXED = 2 + KEY_ID;

/** The routing types that have a meaning here.   spec: mixminion-packet 4 */
export const RoutingType = {
  DROP: 0x0000,
  FWD_IPV4: 0x0001,
  SWAP_FWD_IPV4: 0x0002,
  FWD_HOST: 0x0003,
  SWAP_FWD_HOST: 0x0004,
  SMTP: 0x0100,
  MBOX: 0x0101,
  FRAGMENT: 0x0103,
  PING: 0x0105,
} as const;

/** From here on types name ways of delivery. */
const MIN_EXIT_TYPE = 0x0100;
const MAX_ROUTING_TYPE = 0xffff;

const UNTAGGED: readonly number[] = [RoutingType.DROP, RoutingType.FRAGMENT, RoutingType.PING];

/** What a header tells one node. */
export interface Instruction {
  readonly routingType: number;
  readonly routingInfo: Uint8Array;
}

/** Where a packet goes next. Packets are built with `host`; `ipv4` is the old form, still understood. */
export interface HopAddress {
  readonly form: 'host' | 'ipv4';
  /** Lower case in packets that we build. A dotted quad when the form is `ipv4`. */
  readonly host: string;
  readonly port: number;
  /** KEYID of the next server, 20 octets. */
  readonly keyId: Uint8Array;
}

export function isRelayType(routingType: number): boolean {
  return routingType >= RoutingType.FWD_IPV4 && routingType <= RoutingType.SWAP_FWD_HOST;
}

/** Whether the type names a way of delivery.   spec: mixminion-packet 4 */
export function isExitType(routingType: number): boolean {
  return Number.isInteger(routingType) && routingType >= MIN_EXIT_TYPE && routingType <= MAX_ROUTING_TYPE;
}

export function isSwapType(routingType: number): boolean {
  return routingType === RoutingType.SWAP_FWD_IPV4 || routingType === RoutingType.SWAP_FWD_HOST;
}

/** The instruction "pass it on to there", crossing over when `swap`.   spec: mixminion-packet 4, 4.1 */
export function relayTo({ form, host, port, keyId }: HopAddress, swap: boolean): Instruction {
  const address = form === 'ipv4' ? ipv4Octets(host) : hostOctets(host);
  if (!Number.isInteger(port) || port < 0 || port > 0xffff) throw new ParseError('hop-address', 'a port has 16 bits');
  if (keyId.byteLength !== KEY_ID) throw new ParseError('hop-address', 'a key id has 20 octets');
  const portOctets = Buffer.from([port >> 8, port & 0xff]);
  return form === 'ipv4'
    ? {
        routingType: swap ? RoutingType.SWAP_FWD_IPV4 : RoutingType.FWD_IPV4,
        routingInfo: Buffer.concat([address, portOctets, keyId]),
      }
    : {
        routingType: swap ? RoutingType.SWAP_FWD_HOST : RoutingType.FWD_HOST,
        routingInfo: Buffer.concat([portOctets, keyId, address]),
      };
}

/** The next server that a relay instruction names; ParseError when it names none.   spec: mixminion-packet 4.1 */
export function parseHopAddress({ routingType, routingInfo }: Instruction): HopAddress {
  const info = asBuffer(routingInfo);
  if (routingType === RoutingType.FWD_IPV4 || routingType === RoutingType.SWAP_FWD_IPV4) {
    if (info.byteLength !== IPV4_INFO) throw new ParseError('hop-address', `an IPv4 address takes ${IPV4_INFO} octets`);
    const host = info.subarray(0, 4).join('.');
    return { form: 'ipv4', host, port: info.readUInt16BE(4), keyId: Buffer.from(info.subarray(6)) };
  }
  if (routingType === RoutingType.FWD_HOST || routingType === RoutingType.SWAP_FWD_HOST) {
    const host = info.toString('latin1', HOST_INFO_FIXED);
    if (!isHostname(host)) throw new ParseError('hop-address', 'this is no host name');
    return { form: 'host', host, port: info.readUInt16BE(0), keyId: Buffer.from(info.subarray(2, HOST_INFO_FIXED)) };
  }
  throw new ParseError('hop-address', 'only a relay instruction names a next server');
}

/** A name that packets may carry: letters, digits, dots and hyphens. An IPv6 literal is none.   spec: mixminion-packet 4.1 */
export function isHostname(text: string): boolean {
  return /^[A-Za-z0-9-][A-Za-z0-9.-]*$/.test(text) && !text.includes('..');
}

const ATOMS = String.raw`[^\x00-\x20()[\]<>@,;:\\".\x7f-\uffff]+(?:\.[^\x00-\x20()[\]<>@,;:\\".\x7f-\uffff]+)*`;
const MAILBOX = new RegExp(`^${ATOMS}@(?![0-9.]+$)${ATOMS}$`);

/** Whether an exit may send mail to `text`: `atoms@atoms`, the host not a number.   spec: mixminion-packet 4.2 */
export function isMailbox(text: string): boolean {
  return MAILBOX.test(text);
}

/** A fresh decoding handle: 20 octets, the top bit clear.   spec: mixminion-packet 4.3 */
export function randomTag(random: Random): Buffer {
  const first = random.bytes(1).readUInt8() & 0x7f;
  return Buffer.concat([Buffer.of(first), random.bytes(TAG_LENGTH - 1)]);
}

/** Whether exits of this type get a tag in front of the address.   spec: mixminion-packet 4.3 */
export function hasTag(routingType: number): boolean {
  return !UNTAGGED.includes(routingType);
}

/**
 * Tag and address of an exit's routing info. An info that is too short for a tag is all address, and the delivery
 * side drops that one message.   spec: mixminion-packet 4.2
 */
export function splitExitInfo({ routingType, routingInfo }: Instruction): { tag: Buffer; address: Buffer } {
  const info = asBuffer(routingInfo);
  const cut = hasTag(routingType) && info.byteLength >= TAG_LENGTH ? TAG_LENGTH : 0;
  return { tag: info.subarray(0, cut), address: info.subarray(cut) };
}

function ipv4Octets(host: string): Buffer {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(host);
  const octets = match?.slice(1).map(Number) ?? [];
  if (octets.length !== 4 || octets.some((octet) => octet > 255)) {
    throw new ParseError('hop-address', 'this is no IPv4 address');
  }
  return Buffer.from(octets);
}

function hostOctets(host: string): Buffer {
  if (!isHostname(host)) throw new ParseError('hop-address', 'this is no host name');
  return Buffer.from(host.toLowerCase(), 'latin1');
}
