// The book of a simulation, kept from outside: what every packet is at each of its hops, what becomes of the message in it,
// and every rule that was broken. The remailers know nothing of it.

import { toHex } from '../../src/base/bytes.ts';
import { MINUTE } from '../../src/base/time.ts';
import { sha1 } from '../../src/crypto/hash.ts';
import type { Opened, Unopened } from '../../src/mixminion/node/unwrap/unwrapper.ts';

/** A crash that comes so soon after an answer may find it not yet written down: then the packet may go out once more. */
const NOT_YET_DURABLE = MINUTE;
const MAX_BREACHES = 10;

/** What is to become of a message, whatever the network suffers. */
export type Fate =
  /** It arrives once, as it was sent. */
  | { readonly kind: 'arrives'; isIntact(payload: Buffer, routingInfo: Buffer): boolean }
  /** It never arrives, and whoever drops it has one of these reasons. */
  | { readonly kind: 'dropped'; readonly reasons: readonly string[] };

export interface Message {
  readonly number: number;
  readonly what: string;
  readonly fate: Fate;
  readonly sentAt: number;
  /** At which hop somebody changes the packet before it goes in. */
  readonly tamperedAt?: number;
  accepted: boolean;
  arrivedAt: number | undefined;
}

interface Passed {
  readonly from: string;
  readonly at: number;
  readonly life: number;
}

export class Ledger {
  readonly messages: Message[] = [];
  readonly breaches: string[] = [];
  readonly #packets = new Map<string, { readonly message: Message; readonly hop: number }>();
  readonly #payloads = new Map<string, Message>();
  readonly #opened = new Set<string>();
  readonly #pings = new Set<string>();
  readonly #ends = new Map<string, number>();
  readonly #passed = new Map<string, Passed>();
  #story = sha1();

  /** All that happened, in its order, as one digest: the same for the same seed. */
  get story(): string {
    return toHex(this.#story);
  }

  breach(text: string): void {
    if (this.breaches.length < MAX_BREACHES) this.breaches.push(text);
  }

  tell(...what: (string | number)[]): void {
    this.#story = sha1(this.#story, Buffer.from(what.join(' ')));
  }

  /** A new packet of a message, as its sender makes it. */
  sends(message: Message, packet: Buffer): void {
    this.#packets.set(digestOf(packet), { message, hop: 0 });
  }

  /** The message in a packet on the wire, and how many hops are behind it. */
  find(packet: Uint8Array): { readonly message: Message; readonly hop: number } | undefined {
    return this.#packets.get(digestOf(packet));
  }

  /** Somebody changed a packet on its way. */
  becomes(before: Uint8Array, after: Uint8Array): void {
    const found = this.find(before);
    if (found !== undefined) this.#packets.set(digestOf(after), found);
  }

  /** A node opened a packet, maybe again after a crash. `before` is the digest of its octets. */
  opens(before: string, outcome: Opened | Unopened): void {
    const found = this.#packets.get(before);
    if (found === undefined) {
      this.breach('a node has a packet that nobody sent');
      return;
    }
    const { message, hop } = found;
    this.tell('open', message.number, outcome.result);
    if (outcome.result === 'relay') this.#packets.set(digestOf(outcome.packet), { message, hop: hop + 1 });
    if (outcome.result === 'deliver') this.#payloads.set(digestOf(outcome.payload), message);
    if (outcome.result !== 'failed') {
      this.#opened.add(before);
      return;
    }
    if (this.#opened.has(before)) return; // a copy that comes when its key is gone
    if (message.fate.kind === 'arrives') this.breach(`${nameOf(message)}, hop ${hop}, is ${outcome.reason}`);
    else if (!message.fate.reasons.includes(outcome.reason))
      this.breach(`${nameOf(message)} was dropped as ${outcome.reason}`);
  }

  /** A life of a node is over. */
  ends(from: string, life: number, at: number): void {
    this.#ends.set(`${from} ${life}`, at);
  }

  /** A node is about to send a packet on, in its `life`: not one of which the next node has said long ago that it has it. */
  goesOut(packet: Uint8Array, from: string, life: number): void {
    const passed = this.#passed.get(digestOf(packet));
    if (passed === undefined) return;
    const end = this.#ends.get(`${passed.from} ${passed.life}`) ?? Number.POSITIVE_INFINITY;
    if (passed.from !== from) this.breach('two nodes have sent the same packet on');
    else if (passed.life === life || passed.at < end - NOT_YET_DURABLE)
      this.breach(`${from} sent ${nameOf(this.find(packet)?.message)} on again`);
  }

  /** The next node has said that it has the packet. */
  isOut(packet: Uint8Array, { from, at, life }: Passed): void {
    this.tell('out', from, at, this.find(packet)?.message.number ?? -1);
    this.#passed.set(digestOf(packet), { from, at, life });
  }

  pingReturned(payloadDigest: Buffer): void {
    this.#pings.add(payloadDigest.toString('latin1'));
  }

  hasReturned(payloadDigest: Buffer): boolean {
    return this.#pings.has(payloadDigest.toString('latin1'));
  }

  /** A message lies in a mailbox. */
  arrives(payload: Buffer, routingInfo: Buffer, at: number): void {
    const message = this.#payloads.get(digestOf(payload));
    this.tell('arrive', message?.number ?? -1, at);
    if (message === undefined) {
      this.breach('something arrived that nobody sent');
      return;
    }
    if (message.arrivedAt !== undefined) this.breach(`${nameOf(message)} arrived twice`);
    message.arrivedAt = at;
    if (message.fate.kind !== 'arrives') this.breach(`${nameOf(message)} arrived`);
    else if (!message.fate.isIntact(payload, routingInfo)) this.breach(`${nameOf(message)} is not what was sent`);
  }
}

export function digestOf(octets: Uint8Array): string {
  return sha1(octets).toString('latin1');
}

function nameOf(message: Message | undefined): string {
  return message === undefined ? 'an unknown message' : `message ${message.number} (${message.what})`;
}
