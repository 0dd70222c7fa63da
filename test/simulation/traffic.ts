// Messages of all kinds that a network meets: to people, through reply blocks, through reply blocks that were used before, and
// those that are to arrive nowhere.

import { MINUTE, sleep, type VirtualClock } from '../../src/base/time.ts';
import { sha1 } from '../../src/crypto/hash.ts';
import type { RsaPublicKey } from '../../src/crypto/rsa.ts';
import type { PacketCarrier } from '../../src/mixminion/mmtp/carrier.ts';
import { buildForwardPacket, buildReplyPacket } from '../../src/mixminion/packet/build.ts';
import { PAYLOAD_LENGTH } from '../../src/mixminion/packet/layout.ts';
import type { PathNode } from '../../src/mixminion/packet/path.ts';
import { type HopAddress, type Instruction, RoutingType, randomTag } from '../../src/mixminion/packet/routing.ts';
import { createSurb } from '../../src/mixminion/packet/surb.ts';
import { encodeMessage } from '../../src/mixminion/payload/encode.ts';
import { openReply } from '../../src/mixminion/payload/reply.ts';
import type { Chance } from './chance.ts';
import type { Fate, Ledger, Message } from './ledger.ts';

/** Of a hundred messages. */
const KINDS = {
  forward: 52,
  reply: 20,
  'used reply block': 6,
  dummy: 5,
  ping: 3,
  'no module': 2,
  nowhere: 4,
  tampered: 6,
  'old key': 2,
} as const;
export type Kind = keyof typeof KINDS;

const LONGEST_LEG = 3;
const USER_KEY = Buffer.alloc(20, 'reader');
const USE_BY = 2 ** 32 - 1; // reply blocks are of use as long as their keys
const NOBODY: HopAddress = { form: 'host', host: 'gone.example.net', port: 48099, keyId: Buffer.alloc(20, 0xee) };

export interface TrafficOptions {
  readonly clock: VirtualClock;
  readonly chance: Chance;
  readonly ledger: Ledger;
  readonly carrier: PacketCarrier;
  /** The remailers with the keys that they have now. */
  nodes(): readonly PathNode[];
  /** A packet key that no remailer has any more. */
  readonly oldKey: RsaPublicKey;
}

export class Traffic {
  readonly #options: TrafficOptions;
  readonly #pings: Buffer[] = [];
  /** How many messages of each kind were begun. */
  readonly counts = new Map<Kind, number>();

  constructor(options: TrafficOptions) {
    this.#options = options;
  }

  get pingsLost(): number {
    return this.#pings.filter((digest) => !this.#options.ledger.hasReturned(digest)).length;
  }

  /** Makes a message of some kind and hands it in. */
  send(): void {
    const { ledger, clock } = this.#options;
    const kind = this.#kind();
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    const begin = (fate: Fate, tamperedAt?: number): Message => {
      const number = ledger.messages.length;
      const message: Message = {
        number,
        what: kind,
        fate,
        sentAt: clock.now(),
        ...(tamperedAt !== undefined && { tamperedAt }),
        accepted: false,
        arrivedAt: undefined,
      };
      ledger.messages.push(message);
      return message;
    };
    if (kind === 'reply' || kind === 'used reply block') this.#reply(kind, begin);
    else this.#forward(kind, begin);
  }

  #kind(): Kind {
    let left = this.#options.chance.between(0, 100);
    for (const [kind, share] of Object.entries(KINDS) as [Kind, number][]) {
      left -= share;
      if (left < 0) return kind;
    }
    return 'forward';
  }

  #forward(kind: Kind, begin: (fate: Fate, tamperedAt?: number) => Message): void {
    const { chance, oldKey } = this.#options;
    const [path1, path2] = [this.#leg(), this.#leg()];
    const payload = Buffer.from(chance.bytes(PAYLOAD_LENGTH));
    let exit: Instruction = this.#toSomebody();
    let fate: Fate = { kind: 'dropped', reasons: [] };
    let tamperedAt: number | undefined;
    switch (kind) {
      case 'dummy':
        exit = { routingType: RoutingType.DROP, routingInfo: Buffer.alloc(0) };
        break;
      case 'ping':
        exit = { routingType: RoutingType.PING, routingInfo: sha1(payload) };
        this.#pings.push(sha1(payload));
        break;
      case 'no module':
        exit = { routingType: 0x1234, routingInfo: Buffer.alloc(40) };
        break;
      case 'nowhere':
        path2.push({ address: NOBODY, packetKey: oldKey });
        break;
      case 'old key':
        path2.push({ address: this.#node().address, packetKey: oldKey });
        fate = { kind: 'dropped', reasons: ['undecryptable'] };
        break;
      case 'tampered':
        fate = { kind: 'dropped', reasons: ['undecryptable', 'digest'] };
        // What a remailer sends to itself is on no wire.
        tamperedAt = isSame(path1[0], path1[1] ?? path2[0]) ? 0 : Math.floor(chance.between(0, 2));
        break;
      default: {
        const sent = sha1(payload);
        fate = { kind: 'arrives', isIntact: (arrived) => sha1(arrived).equals(sent) };
      }
    }
    this.#handIn(begin(fate, tamperedAt), path1, buildForwardPacket({ path1, path2, exit, payload }, this.#random));
  }

  #reply(kind: Kind, begin: (fate: Fate) => Message): void {
    const { chance } = this.#options;
    const order = { path: this.#leg(), exit: { routingType: RoutingType.MBOX, routingInfo: Buffer.from('reader') } };
    const { surb, tag } = createSurb(
      { ...order, userKey: USER_KEY, useBy: USE_BY },
      { seed: chance, padding: chance, oaep: chance },
    );
    const text = chance.bytes(100);
    const message = begin({
      kind: 'arrives',
      isIntact(arrived, routingInfo) {
        const opened = routingInfo.subarray(0, tag.length).equals(tag) && openReply(arrived, tag, USER_KEY);
        return opened !== false && opened?.kind === 'singleton';
      },
    });
    const uses = kind === 'used reply block' ? 2 : 1;
    for (let use = 0; use < uses; use += 1) {
      const path1 = this.#leg();
      const [payload = text] = encodeMessage(text, { overhead: 0, random: chance });
      this.#handIn(message, path1, buildReplyPacket({ path1, surb, payload }, this.#random));
    }
  }

  /** As a client does: until somebody has said to have it. */
  #handIn(message: Message, [first]: readonly PathNode[], packet: Buffer): void {
    const { clock, chance, ledger, carrier } = this.#options;
    if (first === undefined) throw new Error('a path has a first remailer');
    ledger.sends(message, packet);
    const attempt = async () => {
      while ((await carrier.send(first.address, packet).catch(() => 'rejected')) !== 'received')
        await sleep(clock, chance.between(5 * MINUTE, 90 * MINUTE));
      message.accepted = true;
    };
    void attempt();
  }

  get #random() {
    return { build: this.#options.chance, oaep: this.#options.chance };
  }

  /** One remailer after another, maybe the same one again. */
  #leg(): PathNode[] {
    const length = Math.floor(this.#options.chance.between(1, LONGEST_LEG + 1));
    return Array.from({ length }, () => this.#node());
  }

  #node(): PathNode {
    const { chance, nodes } = this.#options;
    const all = nodes();
    return all[Math.floor(chance.between(0, all.length))] as PathNode;
  }

  #toSomebody(): Instruction {
    const tag = randomTag(this.#options.chance);
    return { routingType: RoutingType.MBOX, routingInfo: Buffer.concat([tag, Buffer.from('alice')]) };
  }
}

function isSame(one: PathNode | undefined, other: PathNode | undefined): boolean {
  return one?.address.host === other?.address.host;
}
