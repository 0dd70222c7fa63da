// When each path is pinged. The times follow from the path and a secret alone, so that they are spread out, need no
// record, and are the same after a restart. Pure.   spec: mixminion-server 5

import { DAY, SECOND } from '../../../base/time.ts';
import { sha1 } from '../../../crypto/hash.ts';

/** How long the pattern of a path is: whole days, and two intervals at least. */
export function periodOf(interval: number): number {
  let period = DAY;
  while (period < 2 * interval) period *= 2;
  return period;
}

/** How far into each interval a path is pinged, ms: the same for ever, and nobody else can tell. */
export function phaseOf(path: readonly string[], interval: number, seed: Uint8Array): number {
  const seconds = Math.max(1, Math.floor(interval / SECOND));
  const digest = sha1(Buffer.from(`${path.join(',')}@@${seconds}@@`), seed);
  return (digest.readUInt32BE() % seconds) * SECOND;
}

/** The first moment after `now` at which a path of that phase is due. */
export function nextPing(phase: number, interval: number, now: number): number {
  const period = periodOf(interval);
  const start = now - (now % period);
  const passed = Math.max(0, Math.floor((now - start - phase) / interval) + 1);
  const next = start + phase + passed * interval;
  return next < start + period ? next : start + period + phase;
}
