// What the house counts, for Prometheus: prom-client behind the house's own small interface, with the process's figures.

import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Metrics } from '../base/metrics.ts';

export interface OfficeMetrics extends Metrics {
  readonly contentType: string;
  /** All figures in the text format. */
  text(): Promise<string>;
}

export function openMetrics(): OfficeMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    counter(name, help, labels = []) {
      const known = registry.getSingleMetric(name);
      const counter =
        known instanceof Counter ? known : new Counter({ name, help, labelNames: [...labels], registers: [registry] });
      return (values = {}, by = 1) => counter.inc(values, by);
    },
    gauge(name, help, read) {
      registry.removeSingleMetric(name);
      const gauge: Gauge = new Gauge({
        name,
        help,
        registers: [registry],
        async collect() {
          gauge.set(await read());
        },
      });
    },
  };
}
