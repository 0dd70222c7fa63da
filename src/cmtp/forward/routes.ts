// Where the server of another domain is: the operator's table, then MX, then the domain itself.   spec: cmtp 6, 9 D12

import type { Endpoint } from '../../net/endpoint.ts';
import { isPublicAddress, type Resolver } from '../../net/resolver.ts';
import { placesOf } from '../../post/far-hosts.ts';
import type { ForwardSettings } from './settings.ts';

/** Addresses tried for one message. */
const MAX_PLACES = 8;

/**
 * Addresses in the order in which to try them; none when the domain takes no mail, or only at addresses that are not to be
 * reached. Throws NetError `dns` when nobody can say now.
 */
export async function routesTo(domain: string, settings: ForwardSettings, resolver: Resolver): Promise<Endpoint[]> {
  const name = domain.toLowerCase();
  const fixed = placesOf(name, settings.forward_hosts);
  if (fixed.length > 0) return fixed;
  const exchangers = await resolver.mx(name);
  const hosts = exchangers.length > 0 ? exchangers.map(({ host }) => host) : [name];
  const places: Endpoint[] = [];
  for (const host of hosts) {
    if (host === '' || places.length >= MAX_PLACES) continue; // an empty host says: no mail here (RFC 7505)
    for (const address of await resolver.addresses(host)) {
      if (settings.forward_private || isPublicAddress(address)) {
        places.push({ host: address, port: settings.forward_port });
      }
    }
  }
  return places.slice(0, MAX_PLACES);
}
