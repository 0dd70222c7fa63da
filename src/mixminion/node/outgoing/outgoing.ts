// Packets that wait for their next hops, and the attempts to bring them there.   spec: mixminion-server 1.2

import { equalBytes, toHex } from '../../../base/bytes.ts';
import { codeOf } from '../../../base/errors.ts';
import { Slots } from '../../../base/slots.ts';
import type { Acknowledgement } from '../../mmtp/carrier.ts';
import type { HopAddress } from '../../packet/routing.ts';
import type { Census } from '../census.ts';
import { giveBack } from '../memory.ts';
import type { NodeParts } from '../parts.ts';
import type { Spool } from '../spool/spool.ts';
import { afterFailure, type HopState, isGivenUp, nextAttempt, type Waits } from './retry.ts';

/** Packets that are in memory on their way out, all hops together, and those on their way to one hop. */
const MAX_IN_MEMORY = 256;
const MAX_PER_HOP = 16;

/** A packet that left the pool at `queued`, in milliseconds. */
export interface Departure {
  readonly number: number;
  readonly queued: number;
}

interface Queue {
  readonly hop: HopAddress;
  /** In the order of their batches. */
  packets: Departure[];
  /** Packets that are not in `packets` because an attempt has them: those that failed in it, too. */
  underWay: number;
  state: HopState | undefined;
  attempt: Promise<void> | undefined;
}

export interface OutgoingOptions {
  readonly spool: Spool;
  readonly census: Census;
  /** Takes a packet whose next hop is this node itself. */
  receive(packet: Buffer): Promise<Acknowledgement>;
}

export class Outgoing {
  readonly #parts: NodeParts;
  readonly #options: OutgoingOptions;
  readonly #queues = new Map<string, Queue>();
  readonly #memory = new Slots(MAX_IN_MEMORY);
  #waits: Waits;
  #closed = false;

  constructor(parts: NodeParts, waits: Waits, options: OutgoingOptions) {
    this.#parts = parts;
    this.#waits = waits;
    this.#options = options;
  }

  use(waits: Waits): void {
    this.#waits = waits;
  }

  /** Packets that wait, those under way among them. */
  get size(): number {
    let size = 0;
    for (const { packets, underWay } of this.#queues.values()) size += packets.length + underWay;
    return size;
  }

  /** Takes a packet over; nothing is sent before `sendReady`. */
  add(departure: Departure, hop: HopAddress): void {
    const name = `${toHex(hop.keyId)} ${hop.host} ${hop.port}`;
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      queue = { hop, packets: [], underWay: 0, state: undefined, attempt: undefined };
      this.#queues.set(name, queue);
    }
    queue.packets.push(departure);
  }

  /** Gives up what has waited too long, and tries every hop whose time has come. Resolves when all attempts have ended. */
  async sendReady(): Promise<void> {
    const now = this.#parts.clock.now();
    const attempts: Promise<void>[] = [];
    for (const [name, queue] of this.#queues) {
      if (queue.attempt === undefined) {
        await this.#giveUp(queue, now);
        if (queue.packets.length === 0 && queue.state === undefined) this.#queues.delete(name);
        if (queue.packets.length === 0 || nextAttempt(queue.state, this.#waits, now) > now) continue;
      }
      queue.attempt ??= this.#attempt(queue).finally(() => {
        queue.attempt = undefined;
      });
      attempts.push(queue.attempt);
    }
    await Promise.all(attempts);
  }

  /** Begins nothing more. Packets under way are the carrier's to finish or to fail. */
  close(): void {
    this.#closed = true;
  }

  async #giveUp(queue: Queue, now: number): Promise<void> {
    const expired = queue.packets.filter(({ queued }) => isGivenUp(queued, this.#waits, now));
    if (expired.length === 0) return;
    queue.packets = queue.packets.filter(({ queued }) => !isGivenUp(queued, this.#waits, now));
    if (queue.packets.length === 0) queue.state = undefined; // nobody waits for this hop to come back
    this.#options.census.drop('unreachable', expired.length);
    this.#options.census.count('UnretriableRelay', expired.length);
    await this.#options.spool.finish(expired.map(({ number }) => number));
  }

  /** Sends until nothing waits or the hop fails. What comes in meanwhile goes along. */
  async #attempt(queue: Queue): Promise<void> {
    const failed: Departure[] = [];
    let broken = false;
    const lane = async () => {
      while (!broken && !this.#closed) {
        await this.#memory.take();
        const next = queue.packets.shift();
        try {
          if (next === undefined) return;
          queue.underWay += 1;
          const outcome = await this.#send(queue, next);
          if (outcome === 'received') queue.underWay -= 1;
          else failed.push(next);
          broken ||= outcome === 'broken';
        } finally {
          this.#memory.give();
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(MAX_PER_HOP, queue.packets.length) }, lane));
    queue.packets = [...failed, ...queue.packets];
    queue.underWay -= failed.length;
  }

  async #send(queue: Queue, { number }: Departure): Promise<Acknowledgement | 'broken'> {
    const { spool, census, receive } = this.#options;
    const packet = (await spool.readHeld(number))?.octets;
    if (packet === undefined) {
      await spool.finish([number]);
      census.drop('damaged');
      return 'received';
    }
    census.count('AttemptedRelay');
    let outcome: Acknowledgement | 'broken';
    const isOwn = equalBytes(queue.hop.keyId, this.#parts.keyId); // spec: mixminion-mmtp 5
    try {
      outcome = await (isOwn ? receive(packet) : this.#parts.carrier.send(queue.hop, packet));
    } catch (error) {
      this.#parts.log.debug('mix.relay-failed', { code: codeOf(error) });
      outcome = 'broken'; // every failure may be tried again   spec: mixminion-server 1.2
    }
    if (!isOwn) giveBack(packet);
    if (outcome !== 'received') {
      census.count('FailedRelay');
      queue.state = afterFailure(queue.state, this.#parts.clock.now());
      return outcome;
    }
    census.count('SuccessfulRelay');
    census.forward();
    queue.state = undefined;
    // Should the record be lost, the next hop gets the packet again and drops it as a replay.
    spool.finish([number]).catch(() => {}); // a spool that fails says so to whoever hands it the next packet
    return outcome;
  }
}
