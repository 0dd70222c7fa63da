// Where the servers of other domains are, as far as the operator says it himself: a setting of counters that forward.

import type { z } from 'zod';
import { type Endpoint, parseEndpoint } from '../net/endpoint.ts';
import { listSetting } from './setting-kinds.ts';

export interface FarHost {
  /** Lower case. */
  readonly domain: string;
  readonly at: Endpoint;
}

/** A list of `"domain=host:port"`; `port` where none is given. */
export function farHostsSetting(port: number, about: string): z.ZodType<FarHost[]> {
  const help = `write a list such as ["example.org=mail.example.org:${port}"]`;
  return listSetting((text) => readFarHost(text, port), help, [], about);
}

function readFarHost(text: string, port: number): FarHost | undefined {
  const [, domain, place = ''] = /^([a-z0-9._-]{1,253})=(.+)$/i.exec(text) ?? [];
  const at = parseEndpoint(place, port);
  return domain === undefined || at === undefined ? undefined : { domain: domain.toLowerCase(), at };
}

/** The operator's places for a domain, in his order. */
export function placesOf(domain: string, hosts: readonly FarHost[]): Endpoint[] {
  const name = domain.toLowerCase();
  return hosts.filter((host) => host.domain === name).map(({ at }) => at);
}
