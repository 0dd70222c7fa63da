// A server descriptor: what one remailer publishes about itself under its own signature.   spec: mixminion-directory 3

import type { Random } from '../../base/random.ts';
import { type Clock, MINUTE, systemClock } from '../../base/time.ts';
import type { RsaPrivateKey, RsaPublicKey } from '../../crypto/rsa.ts';
import { RoutingType } from '../packet/routing.ts';
import { type Address, exitOf } from './address.ts';
import { cleanText, parseSections, type Section } from './config-format.ts';
import { type DescriptorFields, NYM_EXIT_TYPE, readDescriptor } from './descriptor-fields.ts';
import { writeDescriptor } from './descriptor-write.ts';
import { DirectoryError } from './errors.ts';
import { DESCRIPTOR_KEYS, stubDigest, verify } from './signing.ts';

const MAX_TEXT = 64 * 1024;
/** How far ahead of our clock a server's may be. */
export const CLOCK_SKEW = 10 * MINUTE;
/** What a message counts at most for an exit that does not put it together. */
const MAX_UNFRAGMENTED = 32; // KiB
const MMTP_VERSION = '0.3';
const PACKET_VERSION = '0.3';

/** A moment: a Date, or milliseconds since 1970 UTC. */
export type When = Date | number;

export interface Capabilities {
  /** Delivers to mail addresses. */
  readonly email?: boolean;
  /** No server does. */
  readonly news?: boolean;
  /** Sends packets on to other servers. */
  readonly relay?: boolean;
  readonly mbox?: boolean;
  /** Puts fragmented messages together. */
  readonly frag?: boolean;
}

/** What is to be delivered, as far as the choice of the last hop depends on it. */
export interface MessageTraits {
  /** Octets of the message; 0 when not given. */
  readonly size?: number;
  /** Packets that the exit is to put together; 1, when not given, means that it has nothing to put together. */
  readonly packets?: number;
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

export interface ParseOptions {
  /** `false` believes the digest and the signature unseen; the form is checked all the same. */
  readonly validate?: boolean;
  readonly clock?: Clock;
  /** Digests in hex of descriptors whose signatures were verified before. */
  readonly verified?: ReadonlySet<string>;
}

export class ServerDescriptor {
  /** The text that was signed, with LF line ends and without blanks at either end of a line. */
  readonly text: string;
  readonly fields: DescriptorFields;
  readonly identityKey: RsaPublicKey;
  /** SHA-1 of the text without the values of digest and signature: names this descriptor. */
  readonly digest: Buffer;
  /** What was ignored, for a person to read. */
  readonly warnings: readonly string[];
  readonly #sections: readonly Section[];

  private constructor(text: string, { validate = true, clock = systemClock, verified }: ParseOptions) {
    if (text.length > MAX_TEXT) throw new DirectoryError('format', `a descriptor has more than ${MAX_TEXT} characters`);
    this.text = cleanText(text);
    this.#sections = parseSections(this.text);
    const { fields, signature, warnings } = readDescriptor(this.#sections);
    if (fields.published > clock.now() + CLOCK_SKEW)
      throw new DirectoryError('value', 'the descriptor was published in the future', {
        remedy: 'is the clock of this machine right?',
      });
    if (fields.validUntil <= fields.validAfter)
      throw new DirectoryError('value', 'the descriptor ends before it begins');
    this.fields = fields;
    this.identityKey = signature.identity;
    this.digest = stubDigest(this.text, DESCRIPTOR_KEYS);
    this.warnings = warnings;
    const known = verified?.has(this.digest.toString('hex')) && this.digest.equals(signature.digest);
    if (validate && !known) verify(signature, this.digest);
  }

  /**
   * Reads the descriptor at the beginning of `text`; `rest` begins with the next line `[Server]`, or is empty. Throws
   * DirectoryError `format`, `value` (a published time more than 10 minutes ahead of the clock, too) or `signature`.
   */
  static parse(text: string, options: ParseOptions = {}): { descriptor: ServerDescriptor; rest: string } {
    const next = /[\r\n][ \t]*\[[ \t]*Server[ \t]*\][ \t]*(?=[\r\n]|$)/.exec(text);
    const end = next === null ? text.length : next.index + 1;
    return { descriptor: new ServerDescriptor(text.slice(0, end), options), rest: text.slice(end) };
  }

  /**
   * Makes and signs a descriptor. `random` gives the 20-octet seed of the signature; what `parse` would refuse
   * throws the same errors here.
   */
  static build(
    fields: DescriptorFields,
    identity: RsaPrivateKey,
    { random, clock = systemClock }: { random: Random; clock?: Clock },
  ): ServerDescriptor {
    return new ServerDescriptor(writeDescriptor(fields, identity, random), { clock, validate: false });
  }

  get nickname(): string {
    return this.fields.nickname;
  }

  get packetKey(): RsaPublicKey {
    return this.fields.packetKey;
  }

  /** SHA-1 of the identity key: names the server in packets and on links. 20 octets.   spec: mixminion-packet 1.6 */
  get keyId(): Buffer {
    return this.identityKey.digest;
  }

  /** The key id in 40 upper-case hex digits. */
  get fingerprint(): string {
    return this.identityKey.fingerprint;
  }

  /** Undefined when the server takes no packets. */
  get hostname(): string | undefined {
    return this.fields.incoming?.hostname;
  }

  get port(): number | undefined {
    return this.fields.incoming?.port;
  }

  get published(): Date {
    return new Date(this.fields.published);
  }

  get lifespan(): { from: Date; until: Date } {
    return { from: new Date(this.fields.validAfter), until: new Date(this.fields.validUntil) };
  }

  /** Raw text of the first line `field` of a section; undefined when there is none. */
  getField(section: string, field: string): string | undefined {
    return this.getFields(section, field)[0];
  }

  /** Raw text of all lines `field` of a section. */
  getFields(section: string, field: string): string[] {
    const found = this.#sections.find(({ name }) => name === section);
    return found?.entries.filter(({ key }) => key === field).map(({ value }) => value) ?? [];
  }

  /** Where each of its lines stands, in order. */
  get places(): { readonly section: string; readonly key: string }[] {
    return this.#sections.flatMap(({ name, entries }) => entries.map(({ key }) => ({ section: name, key })));
  }

  /** Any of `mbox`, `smtp`, `relay`, `frag`, in this order; none without a way in.   spec: mixminion-directory 3.4 */
  get capabilities(): string[] {
    const { incoming, mbox, smtp, outgoing, maximumFragments } = this.fields;
    if (incoming === undefined) return [];
    const words = { mbox, smtp, relay: outgoing, frag: maximumFragments };
    return Object.entries(words).flatMap(([word, present]) => (present === undefined ? [] : [word]));
  }

  /** Whether it can do at least what is set in `wanted`. */
  hasCapabilities({ email, news, relay, mbox, frag }: Capabilities): boolean {
    if (news) return false;
    const words = { smtp: email, relay, mbox, frag };
    const has = this.capabilities;
    return Object.entries(words).every(([word, needed]) => !needed || has.includes(word));
  }

  /** Whether it is valid from one moment to another, both included.   spec: mixminion-directory 3.4 */
  isValidFrom(from: When, until: When): boolean {
    return this.fields.validAfter <= Number(from) && Number(until) <= this.fields.validUntil;
  }

  /** Whether later descriptors of the same nickname cover all of its lifespan.   spec: mixminion-directory 3.4 */
  isSupersededBy(others: readonly ServerDescriptor[]): boolean {
    const newer = others
      .filter((other) => sameNickname(other, this) && other.fields.published > this.fields.published)
      .sort((a, b) => a.fields.validAfter - b.fields.validAfter);
    let covered = this.fields.validAfter;
    for (const { fields } of newer) {
      if (fields.validAfter > covered) break;
      covered = Math.max(covered, fields.validUntil);
    }
    return covered >= this.fields.validUntil;
  }

  /** Whether packets can go from this server to `other`; to itself they always can.   spec: mixminion-directory 11 */
  canRelayTo(other: ServerDescriptor): boolean {
    const offered = this.fields.outgoing?.protocols ?? [];
    const taken = other.fields.incoming?.protocols ?? [];
    return sameNickname(this, other) || offered.some((protocol) => taken.includes(protocol));
  }

  /** Whether a client that speaks MMTP 0.3 can hand it packets. */
  get acceptsClients(): boolean {
    return this.fields.incoming?.protocols.includes(MMTP_VERSION) ?? false;
  }

  /** Whether it unwraps packets of the version that we build. */
  get acceptsPackets(): boolean {
    return this.fields.packetVersions.includes(PACKET_VERSION);
  }

  /**
   * Whether it can be the last hop for a message to `address`. Nothing is known about exit types other than mail and
   * mbox: those pass. No server delivers news; the last hop of a reply block suits it.   spec: mixminion-directory 10
   */
  supportsAddress(address: Address, traits: MessageTraits = {}): boolean {
    return this.obstacleTo(address, traits) === undefined;
  }

  /** Why it cannot be the last hop for a message to `address`, in a few words; undefined when it can. */
  obstacleTo(address: Address, { size = 0, packets = 1, headers = {} }: MessageTraits = {}): string | undefined {
    if (address.type === 'reply') return undefined;
    if (address.type === 'news') return 'no delivery to newsgroups';
    const { mbox, smtp, nym, maximumFragments = 0, software = '' } = this.fields;
    const reassembles = packets > 1;
    if (reassembles && packets > maximumFragments)
      return maximumFragments === 0 ? 'no reassembly of fragments' : `no more than ${maximumFragments} fragments`;
    const present = Object.entries(headers).filter(([, value]) => value !== undefined);
    if (present.length > 0 && /^Mixminion 0\.0\.(4|5alpha1)/.test(software)) return 'too old for mail headers';

    const { routingType } = exitOf(address);
    if (routingType === NYM_EXIT_TYPE) return nym === undefined ? 'no nymserver' : undefined;
    if (routingType !== RoutingType.SMTP && routingType !== RoutingType.MBOX) return undefined;
    const delivery = routingType === RoutingType.SMTP ? smtp : mbox;
    if (delivery === undefined)
      return `no delivery to ${routingType === RoutingType.MBOX ? 'mboxes' : 'mail addresses'}`;
    if (present.some(([name]) => name.toLowerCase() === 'from') && !delivery.allowFrom) return 'no names of senders';
    const kibibytes = Math.ceil(size / 1024);
    const counted = reassembles ? kibibytes : Math.min(kibibytes, MAX_UNFRAGMENTED);
    return counted <= delivery.maximumSize ? undefined : `no more than ${delivery.maximumSize} KiB`;
  }
}

export function sameNickname(a: ServerDescriptor, b: ServerDescriptor): boolean {
  return a.nickname.toLowerCase() === b.nickname.toLowerCase();
}
