// Where the server of a domain is: the operator's table, then SRV, then the domain itself.   spec: immp 2.5

import type { Random } from '../../base/random.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import { inSrvOrder, isPublicAddress, type Resolver } from '../../net/resolver.ts';
import { placesOf } from '../../post/far-hosts.ts';
import type { ImmpSettings } from '../settings.ts';
import { IMMP_PORT } from './settings.ts';

/** Addresses tried for one conversation. */
const MAX_PLACES = 8;

/**
 * Addresses in the order in which to try them; none when the domain has no such service, or only at addresses that a stranger
 * must not make us connect to. Throws NetError `dns` when nobody can say now.
 */
export async function placesFor(
  domain: string,
  settings: Pick<ImmpSettings, 'hosts' | 'allow_private'>,
  { resolver, random }: { readonly resolver: Resolver; readonly random: Random },
): Promise<Endpoint[]> {
  const name = domain.toLowerCase();
  const fixed = placesOf(name, settings.hosts);
  if (fixed.length > 0) return fixed.slice(0, MAX_PLACES);
  const records = inSrvOrder(await resolver.srv(`_immp._tcp.${name}`), random);
  const hosts = records.length > 0 ? records : [{ host: name, port: IMMP_PORT }];
  const places: Endpoint[] = [];
  for (const { host, port } of hosts) {
    if (host === '' || places.length >= MAX_PLACES) continue; // an empty host says: no such service here
    for (const address of await resolver.addresses(host)) {
      if (settings.allow_private || isPublicAddress(address)) places.push({ host: address, port });
    }
  }
  return places.slice(0, MAX_PLACES);
}
