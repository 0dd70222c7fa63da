// The way out of a node: holds the connections to other servers, a limited number of them, and puts each packet on one.
// spec: mixminion-mmtp 3, 4, 5

import { toHex } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import { type Clock, MINUTE, SECOND, sleep } from '../../base/time.ts';
import type { Acknowledgement, PacketCarrier } from './carrier.ts';
import { LinkKeys } from './certificates.ts';
import { MmtpConnection, type MmtpOptions } from './client.ts';
import { MmtpError } from './errors.ts';
import type { Hop } from './link.ts';

const MAX_CONNECTIONS = 16;
/** How long a connection stays open for more, once all it carried is answered. */
const LINGER = 5 * SECOND;
/** How long one server may keep a connection busy while others wait for one. */
const LONGEST_TURN = MINUTE;

export interface CourierOptions extends Omit<MmtpOptions, 'versions' | 'linkKeys'> {
  readonly clock: Clock;
  readonly random: Random;
  /** Connections at a time, 16 when not given; the others wait.   spec: mixminion-mmtp 4 */
  readonly maxConnections?: number;
  /** How long a connection stays open for more, in milliseconds; 5 s when not given, 0 closes it at once. */
  readonly linger?: number;
  /** Counts what becomes of connections.   spec: mixminion-server 6 */
  readonly count?: ((event: 'AttemptedConnect' | 'SuccessfulConnect' | 'FailedConnect') => void) | undefined;
}

/** One connection, from the wish for it to its end, and what goes over it. */
interface Lane {
  readonly key: string;
  readonly connection: MmtpConnection;
  /** Resolves when packets can go; fails with what came in between. */
  readonly opened: PromiseWithResolvers<void>;
  /** Packets and padding on it, or waiting for it. */
  units: number;
  /** When it was opened. */
  since: number;
  ended: boolean;
  stopResting: () => void;
}

/**
 * Packets for one server, which is a host, port and key id, share a connection; six are on their way over it at a time. When
 * it fails, all its packets without an answer fail, and the next packet opens another: to wait before that is for the queue
 * of the node. Which TLS is spoken is told in `tls-profiles.ts`.
 */
export class Courier implements PacketCarrier {
  #options: CourierOptions;
  readonly #clock: Clock;
  readonly #linkKeys = new LinkKeys();
  /** Those that take further packets. */
  readonly #lanes = new Map<string, Lane>();
  /** Those with a connection, however far it is. */
  readonly #open = new Set<Lane>();
  /** Those that wait for a place among the open ones. */
  readonly #waiting: Lane[] = [];
  #closing = false;
  #wake = () => {};

  constructor(options: CourierOptions) {
    this.#options = options;
    this.#clock = options.clock;
  }

  /** Connections open, being opened or being closed. */
  get connections(): number {
    return this.#open.size;
  }

  /** Connections that are opened from now on go by these; those that are open stay as they are. */
  use(changes: Pick<CourierOptions, 'timeout' | 'maxConnections' | 'compat'>): void {
    this.#options = { ...this.#options, ...changes };
    this.#fillPlaces();
  }

  send(hop: Hop, packet: Uint8Array): Promise<Acknowledgement> {
    return this.#use(hop, (connection) => connection.deliver(packet));
  }

  pad(hop: Hop): Promise<void> {
    return this.#use(hop, (connection) => connection.pad());
  }

  async close(grace: number): Promise<void> {
    this.#closing = true;
    for (const lane of [...this.#waiting]) this.#end(lane);
    for (const lane of this.#open) if (lane.units === 0) this.#end(lane);
    const patience = new AbortController();
    this.#wake = () => {
      if (this.#open.size === 0) patience.abort();
    };
    this.#wake();
    await sleep(this.#clock, grace, patience.signal);
    for (const lane of this.#open) lane.connection.destroy();
  }

  async #use<T>(hop: Hop, work: (connection: MmtpConnection) => Promise<T>): Promise<T> {
    if (this.#closing) throw new MmtpError('mmtp-closed', 'this node is closing');
    const lane = this.#laneTo(hop);
    lane.units += 1;
    lane.stopResting();
    try {
      await lane.opened.promise;
      return await work(lane.connection);
    } finally {
      lane.units -= 1;
      if (lane.units === 0) this.#rest(lane);
    }
  }

  #laneTo(hop: Hop): Lane {
    // By the name, not by its address of the moment: the key id says who is there.
    const key = `${hop.host.toLowerCase()} ${hop.port} ${toHex(hop.keyId)}`;
    const known = this.#lanes.get(key);
    if (known !== undefined && this.#takesMore(known)) return known;
    const lane: Lane = {
      key,
      connection: new MmtpConnection(hop, { ...this.#options, linkKeys: this.#linkKeys }),
      opened: Promise.withResolvers(),
      units: 0,
      since: Number.POSITIVE_INFINITY,
      ended: false,
      stopResting: () => {},
    };
    lane.opened.promise.catch(() => {}); // each of its packets says it
    this.#lanes.set(key, lane);
    this.#waiting.push(lane);
    this.#fillPlaces();
    return lane;
  }

  #takesMore({ connection, since }: Lane): boolean {
    if (connection.failure !== undefined) return false;
    return this.#waiting.length === 0 || this.#clock.now() - since < LONGEST_TURN;
  }

  /** Opens what waits, as far as there are places; where there is none, a connection that only rests makes room. */
  #fillPlaces(): void {
    const { maxConnections = MAX_CONNECTIONS } = this.#options;
    while (this.#open.size < maxConnections) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#open.add(next);
      next.since = this.#clock.now();
      this.#connect(next).then(next.opened.resolve, next.opened.reject);
    }
    const closing = [...this.#open].filter(({ ended }) => ended).length;
    const resting = [...this.#open].filter(({ ended, units }) => !ended && units === 0);
    for (const lane of resting.slice(0, Math.max(0, this.#waiting.length - closing))) this.#end(lane);
  }

  async #connect({ connection }: Lane): Promise<void> {
    const { count } = this.#options;
    count?.('AttemptedConnect');
    try {
      await connection.connect();
    } catch (error) {
      count?.('FailedConnect');
      throw error;
    }
    count?.('SuccessfulConnect');
  }

  /** All its packets are answered, one way or the other. */
  #rest(lane: Lane): void {
    const { linger = LINGER } = this.#options;
    const useful = this.#lanes.get(lane.key) === lane && lane.connection.failure === undefined;
    if (!useful || linger === 0 || this.#closing || this.#waiting.length > 0) this.#end(lane);
    else lane.stopResting = this.#clock.timer(linger, () => this.#end(lane));
  }

  /** Closes a connection that carries nothing, or takes one out of those that wait. */
  #end(lane: Lane): void {
    if (lane.ended) return;
    lane.ended = true;
    lane.stopResting();
    if (this.#lanes.get(lane.key) === lane) this.#lanes.delete(lane.key);
    const place = this.#waiting.indexOf(lane);
    if (place >= 0) this.#waiting.splice(place, 1);
    lane.opened.reject(new MmtpError('mmtp-closed', 'this node is closing'));
    void lane.connection.close().then(() => {
      this.#open.delete(lane);
      this.#fillPlaces();
      this.#wake();
    });
  }
}
