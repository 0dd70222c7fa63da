// One simulated machine with a remailer on it: the node of the product on a disk, a network and a clock of its own, through
// failures of its power, stops and starts, and new keys.

import { silentLog } from '../../src/base/log.ts';
import { noMetrics } from '../../src/base/metrics.ts';
import { DAY, SECOND, sleep, type VirtualClock } from '../../src/base/time.ts';
import type { RsaPrivateKey } from '../../src/crypto/rsa.ts';
import type { PacketCarrier } from '../../src/mixminion/mmtp/carrier.ts';
import { memoryDisk } from '../../src/mixminion/node/disk/memory-disk.ts';
import { MixNode, type NodeFigures } from '../../src/mixminion/node/node.ts';
import type { NodeSettings } from '../../src/mixminion/node/parts.ts';
import { Statistics } from '../../src/mixminion/node/statistics.ts';
import { directUnwrapper } from '../../src/mixminion/node/unwrap/direct.ts';
import type { Unwrapper } from '../../src/mixminion/node/unwrap/unwrapper.ts';
import type { PathNode } from '../../src/mixminion/packet/path.ts';
import type { HopAddress } from '../../src/mixminion/packet/routing.ts';
import type { Chance } from './chance.ts';
import { digestOf, type Ledger } from './ledger.ts';
import { exitsOn, type Mailboxes } from './mailboxes.ts';
import type { RoughNetwork } from './network.ts';
import { carrierOn, clockOn, diskOn, Power, roomOn } from './power.ts';

/** Mean milliseconds of a sync. */
export const SYNC = 20;

export interface World {
  readonly clock: VirtualClock;
  readonly network: RoughNetwork;
  readonly ledger: Ledger;
  readonly chance: Chance;
  /** How likely an exit cannot keep a message at one attempt. */
  readonly exitFailures: number;
}

/** The packet keys of a remailer by time: each is used for `period` and opened for twice as long. */
export interface KeyPlan {
  readonly keys: readonly RsaPrivateKey[];
  readonly period: number;
  readonly since: number;
}

export class Remailer {
  readonly name: string;
  /** Called when something is about to be written: the worst of all moments. */
  beforeWriting = () => {};
  readonly #world: World;
  readonly #plan: KeyPlan;
  readonly #address: HopAddress;
  readonly #disk = memoryDisk();
  readonly #mailboxes: Mailboxes = { waiting: new Map(), out: new Set() };
  readonly #drops = new Map<string, number>();
  #settings: NodeSettings;
  #power = new Power();
  #node: MixNode | undefined;
  #leave = () => {};
  #life = 0;

  constructor(world: World, address: HopAddress, given: { settings: NodeSettings; plan: KeyPlan }) {
    this.name = address.host;
    this.#world = world;
    this.#address = address;
    this.#settings = given.settings;
    this.#plan = given.plan;
    this.#power.fail();
  }

  /** For whoever makes a path now. */
  get pathNode(): PathNode {
    const [newest] = this.#keys();
    if (newest === undefined) throw new Error('a remailer has a key');
    return { address: this.#address, packetKey: newest.publicKey };
  }

  /** Whether it has power, if only to read its disk. */
  get isOn(): boolean {
    return this.#power.isOn;
  }

  get isUp(): boolean {
    return this.#node !== undefined;
  }

  get figures(): NodeFigures | undefined {
    return this.#node?.figures;
  }

  /** Messages that lie at its exits. */
  get waiting(): number {
    return this.#mailboxes.waiting.size;
  }

  /** What was dropped in all lives, by reason. */
  get drops(): ReadonlyMap<string, number> {
    return this.#drops;
  }

  async start(): Promise<void> {
    if (this.#power.isOn) return;
    const { clock, network, ledger, chance, exitFailures } = this.#world;
    this.#power = new Power();
    this.#life += 1;
    const power = this.#power;
    const ownClock = clockOn(power, clock);
    const wait = () => {
      this.beforeWriting();
      return sleep(ownClock, chance.about(SYNC));
    };
    const statistics = new Statistics(DAY, clock.now());
    const parts = {
      clock: ownClock,
      random: chance,
      log: silentLog,
      metrics: noMetrics,
      disk: diskOn(power, this.#disk, wait),
      unwrapper: this.#watched(directUnwrapper()),
      carrier: this.#written(carrierOn(power, network.carrier())),
      exits: exitsOn({
        mailboxes: this.#mailboxes,
        power,
        ledger,
        wait,
        fails: () => chance.happens(exitFailures),
        now: () => clock.now(),
      }),
      keyId: this.#address.keyId,
      pingReturned: (digest: Buffer) => ledger.pingReturned(digest),
    };
    const node = await MixNode.open(parts, this.#settings, { keys: this.#keys(), statistics });
    this.#node = node;
    this.#leave = network.open(this.#address.keyId, roomOn(power, node));
    node.use(this.#settings); // they may have changed meanwhile
    node.start();
    this.#world.ledger.tell('up', this.name, clock.now());
  }

  /** The power fails, at whatever the machine is doing. */
  crash(): void {
    if (!this.#power.isOn) return;
    const { clock, chance, ledger } = this.#world;
    this.check();
    this.#power.fail();
    this.#end();
    this.#disk.crash(() => chance.happens(0.5));
    ledger.tell('crash', this.name, clock.now());
  }

  /** Somebody stops it. */
  async stop(): Promise<void> {
    const node = this.#node;
    const power = this.#power;
    if (node === undefined) return;
    this.#leave();
    await node.close(SECOND);
    if (this.#power !== power || this.#node !== node) return; // the power failed meanwhile
    this.check();
    this.#end();
    power.fail();
    this.#world.ledger.tell('stop', this.name, this.#world.clock.now());
  }

  use(change: Partial<NodeSettings>): void {
    this.#settings = { ...this.#settings, ...change };
    this.#node?.use(this.#settings);
  }

  async renewKeys(): Promise<void> {
    await this.#node?.useKeys(this.#keys());
  }

  /** Whatever a node took must be somewhere. */
  check(): void {
    if (this.#node === undefined) return;
    const { accepted, forwarded, delivered, dropped, held } = this.#node.figures;
    const sum = (figures: Readonly<Record<string, number>>) => Object.values(figures).reduce((a, b) => a + b, 0);
    const known = forwarded + delivered + sum(dropped) + sum({ ...held });
    if (known !== accepted) this.#world.ledger.breach(`${this.name} took ${accepted} packets and knows of ${known}`);
  }

  #end(): void {
    for (const [reason, count] of Object.entries(this.#node?.figures.dropped ?? {}))
      this.#drops.set(reason, (this.#drops.get(reason) ?? 0) + count);
    this.#world.ledger.ends(this.name, this.#life, this.#world.clock.now());
    this.#leave();
    this.#node = undefined;
  }

  #keys(): RsaPrivateKey[] {
    const { keys, period, since } = this.#plan;
    const age = Math.floor((this.#world.clock.now() - since) / period);
    return [keys[age], keys[age - 1]].filter((key) => key !== undefined);
  }

  /** Opens packets under the eyes of the ledger. */
  #watched(unwrapper: Unwrapper): Unwrapper {
    return {
      ...unwrapper,
      open: async (packet) => {
        const before = digestOf(packet);
        const outcome = await unwrapper.open(packet);
        this.#world.ledger.opens(before, outcome);
        return outcome;
      },
    };
  }

  /** Sends packets under the eyes of the ledger. */
  #written(carrier: PacketCarrier): PacketCarrier {
    const { ledger, clock } = this.#world;
    const [from, life] = [this.name, this.#life];
    return {
      ...carrier,
      send: async (hop, packet) => {
        ledger.goesOut(packet, from, life);
        const answer = await carrier.send(hop, packet);
        if (answer === 'received') ledger.isOut(packet, { from, at: clock.now(), life });
        return answer;
      },
    };
  }
}
