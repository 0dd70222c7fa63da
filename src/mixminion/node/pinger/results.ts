// What a pinger found out, worked out from its pings, and as a text for people and other programs.

import { formatDuration } from '../../../base/text.ts';
import { writeTime } from '../../directory/value-kinds.ts';
import {
  type ChainState,
  chainState,
  type Journey,
  latencies,
  type Reliability,
  reliability,
  typicalLatency,
} from './estimate.ts';

/** A ping through one server or two and back. Servers go by their KEYID in hex. */
export interface Ping extends Journey {
  readonly path: readonly string[];
}

export interface ServerResult extends Reliability {
  readonly id: string;
  /** Rounded, ms; undefined when no ping came back. */
  readonly latency: number | undefined;
}

export interface ChainResult extends ChainState {
  readonly path: readonly [string, string];
}

export interface PingResults {
  /** When they were worked out. */
  readonly at: number;
  /** From 0 to 1: how much of the time this server was up itself. */
  readonly uptime: number;
  readonly servers: readonly ServerResult[];
  /** Those that are broken or interesting. */
  readonly chains: readonly ChainResult[];
}

/** Works out what the pings say at `now` of `servers`, all pairs of them included. */
export function results(servers: readonly string[], pings: Iterable<Ping>, uptime: number, now: number): PingResults {
  const byPath = new Map<string, Ping[]>();
  for (const ping of pings) {
    const key = ping.path.join(',');
    const known = byPath.get(key);
    if (known) known.push(ping);
    else byPath.set(key, [ping]);
  }
  const times = new Map(servers.map((id) => [id, latencies(byPath.get(id) ?? [])]));
  // Nothing ever came back from there: then what others take is the measure of being late.
  const everybody = [...times.values()].flat().sort((a, b) => a - b);
  const found = servers.map((id): ServerResult => {
    const own = times.get(id) ?? [];
    const known = own.length > 0 ? own : everybody;
    return { id, ...reliability(byPath.get(id) ?? [], known, now), latency: typicalLatency(own) };
  });
  const chains = found.flatMap((first) =>
    found.map((second): ChainResult => {
      const path = [first.id, second.id] as const;
      return { path, ...chainState(byPath.get(path.join(',')) ?? [], [first, second], now) };
    }),
  );
  return { at: now, uptime, servers: found, chains: chains.filter(({ broken, interesting }) => broken || interesting) };
}

/**
 * One line for each server and each chain that is broken, words with blanks between them:
 *
 *     pinger 2026-11-22 13:00:00 uptime 99.8%
 *     server Amber 98.7% latency 40 min days ...9999987
 *     broken Amber,Birch 0/4
 *
 * `days` has a digit for each day, tenths, `*` for all, `.` for none. `nameOf` gives the nickname of a KEYID.
 */
export function writeResults({ at, uptime, servers, chains }: PingResults, nameOf: (id: string) => string): string {
  const lines = [`pinger ${writeTime(at)} uptime ${percent(uptime)}`];
  for (const { id, overall, latency, daily } of servers) {
    const takes = latency === undefined ? 'unknown' : formatDuration(latency);
    const rate = overall === undefined ? 'unknown' : percent(overall);
    lines.push(`server ${nameOf(id)} ${rate} latency ${takes} days ${daily.map(digit).join('')}`);
  }
  for (const { path, sent, received, broken } of chains)
    if (broken) lines.push(`broken ${path.map(nameOf).join(',')} ${received}/${sent}`);
  return `${lines.join('\n')}\n`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}

function digit(share: number | undefined): string {
  if (share === undefined) return '.';
  return share >= 1 ? '*' : String(Math.floor(share * 10));
}
