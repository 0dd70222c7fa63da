// How many octets a remailer moves in a second, in and out together, as its operator allows.   spec: mixminion-mmtp 4

import { Throttle } from '../../base/throttle.ts';
import type { Clock } from '../../base/time.ts';

/** Seconds of the rate that may go at once after a time of silence. */
const BURST = 5;

export class BandwidthLimit {
  readonly #clock: Clock;
  #rate = 0;
  #throttle: Throttle | undefined;

  constructor(clock: Clock, rate: number) {
    this.#clock = clock;
    this.use(rate);
  }

  /** Octets per second from now on; 0 for as many as the line takes. Who waits goes at once. */
  use(rate: number): void {
    if (rate === this.#rate) return;
    this.#rate = rate;
    this.#throttle?.stop();
    this.#throttle = rate === 0 ? undefined : new Throttle({ rate, burst: BURST * rate }, this.#clock);
  }

  /** Resolves when so many octets may be moved. */
  readonly pass = async (octets: number): Promise<void> => {
    await this.#throttle?.pass(octets);
  };

  /** Lets everybody go who waits: the remailer closes. */
  stop(): void {
    this.#throttle?.stop();
  }
}
