// Settings that an office refuses to start with, because somebody would be exposed without noticing.

import { formatEndpoint, isLoopback } from '../net/endpoint.ts';
import type { Danger } from '../post/counter.ts';
import { OfficeError } from './errors.ts';
import { isDemoIdentity } from './identity.ts';
import type { AnyCounter, Settings } from './settings.ts';

/** Throws OfficeError `danger`, naming every such setting of `counters` with its remedy. */
export function refuseDangers(settings: Settings, counters: readonly AnyCounter[]): void {
  const beside = atWork(settings, counters);
  const found = counters.flatMap((counter) => dangersOf(counter, settings, beside));
  if (found.length === 0) return;
  const lines = found.map(({ setting, message, remedy }) => `  ${setting}: ${message}\n    what to do: ${remedy}`);
  throw new OfficeError('danger', `the configuration is refused, because it is dangerous:\n${lines.join('\n')}`);
}

/** The names of those of `counters` that open with these settings. */
export function atWork(settings: Settings, counters: readonly AnyCounter[]): ReadonlySet<string> {
  const open = counters.filter((counter) => counter.rests?.(settings.counters[counter.name]) !== true);
  return new Set(open.map(({ name }) => name));
}

function dangersOf(counter: AnyCounter, settings: Settings, beside: ReadonlySet<string>): Danger[] {
  const own = settings.counters[counter.name];
  const exposed = counter.listens(own).find(({ host }) => !isLoopback(host));
  const dangers = [...(counter.dangers?.(own, beside) ?? [])];
  if (exposed !== undefined && isDemoIdentity(settings)) {
    dangers.push({
      setting: counter.name,
      message: `it would listen on ${formatEndpoint(exposed)}, beyond this machine, with the certificate of a demonstration`,
      remedy:
        'set [office] name to the host name under which others reach this office, or name certificate files in [tls]',
    });
  }
  return dangers;
}
