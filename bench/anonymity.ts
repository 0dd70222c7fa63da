// How well the pools hide a message, and what that costs in time: the effective size of the set of messages that it may be
// (Serjantov and Danezis), beside latency, for each strategy, at several loads, over paths of several lengths.

import { createHash } from 'node:crypto';
import type { Random } from '../src/base/random.ts';
import { HOUR, MINUTE } from '../src/base/time.ts';
import { CounterRandom } from '../src/crypto/aes-ctr.ts';
import { type PoolParameters, STRATEGIES } from '../src/mixminion/pool/strategy.ts';
import { passages } from './anonymity/network.ts';
import { draw, type Row } from './anonymity/plot.ts';
import { type Bench, median, percentile, type Report } from './harness.ts';

const REMAILERS = 20;
const LOADS = [1, 5, 20, 100];
const PATHS = [1, 3, 5];
const MESSAGES = 4000;
/** As a remailer has it when nobody says otherwise. */
const USUAL = { interval: 30 * MINUTE, minimum: 5, rate: 0.6 };

export const bench: Bench = {
  about: 'how many messages hide one, beside its latency, by mixing strategy, load and length of path',
  run,
};

function run(report: Report): void {
  const rows: Row[] = [];
  for (const hops of PATHS)
    for (const load of LOADS)
      for (const strategy of STRATEGIES) {
        report.progress(`${strategy}, ${hops} hops, ${load} packets a batch`);
        rows.push({ hops, load, strategy, ...measured(hops, load, { ...USUAL, strategy }) });
      }
  report.table({
    columns: ['hops', 'load', 'strategy', 'hours 50 %', '90 %', '99 %', 'hidden among', 'worst 5 %'],
    rows: rows.map(({ hops, load, strategy, hours, hiddenAmong, worst }) => [
      hops,
      load,
      strategy,
      ...[...hours, hiddenAmong, worst].map(rounded),
    ]),
  });
  report.table({
    columns: ['hops', 'load', 'timed, every', 'hours 50 %', '90 %', '99 %', 'hidden among', 'dynamic: hidden among'],
    rows: rows.filter(({ hops, strategy }) => hops === PATHS[1] && strategy === 'dynamic').map(timedLike),
  });
  report.picture(draw(rows));
}

/** What "timed" comes to when it takes as long as "dynamic": with longer intervals, and more packets in each. */
function timedLike(dynamic: Row): (string | number)[] {
  const { hops, load } = dynamic;
  // Of each interval a message waits for half on average, at every remailer.
  const interval = MINUTE * Math.round((2 * dynamic.hours[0] * HOUR) / hops / MINUTE);
  const pool: PoolParameters = { ...USUAL, strategy: 'timed', interval };
  const { hours, hiddenAmong } = measured(hops, (load * interval) / USUAL.interval, pool);
  return [hops, load, `${interval / MINUTE} min`, ...[...hours, hiddenAmong, dynamic.hiddenAmong].map(rounded)];
}

function measured(hops: number, load: number, pool: PoolParameters): Omit<Row, 'hops' | 'load' | 'strategy'> {
  const random = repeatable(`${hops} ${load} ${pool.strategy}`);
  const seen = passages({ remailers: REMAILERS, hops, load, pool, messages: MESSAGES, random });
  const hours = seen.map(({ latency }) => latency / HOUR);
  const sizes = seen.map(({ hiddenAmong }) => hiddenAmong);
  return {
    hours: [percentile(hours, 50), percentile(hours, 90), percentile(hours, 99)],
    hiddenAmong: median(sizes),
    worst: percentile(sizes, 5),
  };
}

/** Three figures, as more are chance. */
function rounded(value: number): number {
  return Number(value.toPrecision(3));
}

/** The same figures each time; octets drawn in advance, as single draws from a cipher are slow. */
function repeatable(name: string): Random {
  const source = new CounterRandom(createHash('sha256').update(name).digest().subarray(0, 16));
  let drawn: Buffer = Buffer.alloc(0);
  return {
    bytes(count) {
      if (drawn.length < count) drawn = source.bytes(Math.max(count, 65_536));
      const taken = drawn.subarray(0, count);
      drawn = drawn.subarray(count);
      return taken;
    },
  };
}
