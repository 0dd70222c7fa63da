// Which servers take mail for a domain, and in which order to try them. RFC 5321 5.1, RFC 7505

import { type Random, shuffle } from '../../base/random.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import { isPublicAddress, type MxRecord, type Resolver } from '../../net/resolver.ts';
import type { SmtpSettings } from '../settings.ts';

/** Servers that are looked up for one attempt, and addresses that are tried. */
const MAX_HOSTS = 5;
const MAX_ADDRESSES = 8;

export interface Server {
  /** The name that its certificate should carry. */
  readonly name: string;
  readonly at: Endpoint;
}

export type Route =
  | { readonly way: 'servers'; readonly servers: readonly Server[] }
  /** No mail goes there: why, with its status. */
  | { readonly way: 'none'; readonly status: string; readonly words: string };

export interface RouteOptions {
  readonly resolver: Resolver;
  readonly random: Random;
  readonly hostname: string;
  readonly settings: Pick<SmtpSettings, 'routes' | 'private_hosts'>;
  /** Where mail servers listen: 25, but for tests. */
  readonly port: number;
  /** Whether the domain's policy lets mail go to this server. */
  allows(host: string): boolean;
}

/** Throws NetError `dns` when nobody can say now. */
export async function routeTo(domain: string, options: RouteOptions): Promise<Route> {
  const { resolver, random, hostname, settings, port, allows } = options;
  const fixed = settings.routes.find((route) => route.domain === domain)?.endpoint;
  if (fixed !== undefined) return { way: 'servers', servers: [{ name: fixed.host, at: fixed }] };
  const records = await resolver.mx(domain);
  if (records.length === 1 && records[0]?.host === '') return none('5.1.10', 'The domain takes no mail'); // RFC 7505 3
  const hosts = records.length > 0 ? inOrder(records, random) : [domain]; // RFC 5321 5.1: the implicit MX
  const own = hosts.findIndex((host) => host.toLowerCase() === hostname.toLowerCase());
  const before = own < 0 ? hosts : hosts.slice(0, own); // who is further from the goal than we are gets nothing from us
  if (before.length === 0)
    return none('5.4.6', 'The name service sends mail for this domain here, where nobody has the address');
  const allowed = before.filter((host) => host !== '' && allows(host)).slice(0, MAX_HOSTS);
  if (allowed.length === 0) return { way: 'servers', servers: [] };
  const servers: Server[] = [];
  let failure: unknown;
  for (const name of allowed) {
    try {
      for (const host of await resolver.addresses(name)) {
        if (settings.private_hosts || isPublicAddress(host)) servers.push({ name, at: { host, port } });
      }
    } catch (error) {
      failure = error;
    }
  }
  if (servers.length === 0) {
    if (failure !== undefined) throw failure;
    return none('5.1.2', 'The domain has no server that takes mail');
  }
  return { way: 'servers', servers: servers.slice(0, MAX_ADDRESSES) };
}

/** By preference; among equals by chance. */
function inOrder(records: readonly MxRecord[], random: Random): string[] {
  return shuffle(random, [...records])
    .sort((a, b) => a.priority - b.priority)
    .map(({ host }) => host);
}

function none(status: string, words: string): Route {
  return { way: 'none', status, words };
}
