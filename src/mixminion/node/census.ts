// What became of the packets of a node, since it was opened: counted, never named. Whatever was taken is forwarded,
// delivered, dropped with a reason, or still held.

import type { Labels, Metrics } from '../../base/metrics.ts';
import type { Statistics, StatisticsEvent } from './statistics.ts';

export interface CensusFigures {
  /** Packets taken from others and from this node itself, and those found in the spool at the start. */
  readonly accepted: number;
  readonly forwarded: number;
  /** Handed over to the exits, which count what becomes of them. */
  readonly delivered: number;
  readonly dropped: Readonly<Record<string, number>>;
}

export class Census {
  readonly #statistics: Statistics;
  readonly #counted: (labels?: Labels, by?: number) => void;
  readonly #droppedCounted: (labels?: Labels, by?: number) => void;
  readonly #dropped = new Map<string, number>();
  #accepted = 0;
  #forwarded = 0;
  #delivered = 0;

  constructor(statistics: Statistics, metrics: Metrics) {
    this.#statistics = statistics;
    this.#counted = metrics.counter('postern_mix_events_total', 'What the remailer did', ['event']);
    this.#droppedCounted = metrics.counter('postern_mix_dropped_total', 'Packets that went no further', ['reason']);
  }

  get figures(): CensusFigures {
    return {
      accepted: this.#accepted,
      forwarded: this.#forwarded,
      delivered: this.#delivered,
      dropped: Object.fromEntries(this.#dropped),
    };
  }

  count(event: StatisticsEvent, by = 1): void {
    this.#statistics.count(event, by);
    this.#counted({ event }, by);
  }

  accept(by = 1): void {
    this.#accepted += by;
  }

  forward(): void {
    this.#forwarded += 1;
  }

  deliver(by = 1): void {
    this.#delivered += by;
  }

  /** `reason` is a label of few values. */
  drop(reason: string, by = 1): void {
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + by);
    this.#droppedCounted({ reason }, by);
  }
}
