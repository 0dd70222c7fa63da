// What the house counts. A subsystem names its figures once and calls what it gets back; who collects them is the office's matter.

export type Labels = Readonly<Record<string, string>>;

export interface Metrics {
  /** A figure that only grows. Names end in `_total`; one that is asked for again goes on where it was. */
  counter(name: string, help: string, labels?: readonly string[]): (labels?: Labels, by?: number) => void;
  /** A figure read when somebody asks, by the last `read` that was given for the name. */
  gauge(name: string, help: string, read: () => number | Promise<number>): void;
}

export const noMetrics: Metrics = { counter: () => () => {}, gauge: () => {} };
