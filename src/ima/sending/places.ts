// Where the servers of a hostpart are: a table of our own, SRV records, or the host itself with the usual port.   spec: ima 2.5

import type { Random } from '../../base/random.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import { inSrvOrder, type Resolver } from '../../net/resolver.ts';
import { ImaError } from '../errors.ts';

export const PORTS = { imdp: 4625, imrp: 4626, imsp: 4627 } as const;
export type Service = keyof typeof PORTS;

const MAX_PLACES = 10;

export interface Directions {
  readonly resolver: Resolver;
  readonly random: Random;
  /** By hostpart in lower case. */
  readonly fixed: ReadonlyMap<string, Endpoint>;
}

export interface Place extends Endpoint {
  /** No record and no table names it: it is the domain's own address with the usual port, and perhaps nobody is there. */
  readonly guessed?: boolean;
}

/** In the order in which to try them. Throws ImaError `refused` when there is no such service, and NetError `dns`. */
export async function placesOf(
  host: string,
  service: Service,
  { resolver, random, fixed }: Directions,
): Promise<readonly Place[]> {
  const known = fixed.get(host.toLowerCase());
  if (known) return [known];
  const records = await resolver.srv(`_${service}._tcp.${host}`);
  if (records.length > 0) {
    const places = inSrvOrder(records, random).filter((record) => record.host !== '');
    if (places.length === 0) throw new ImaError('refused', `${host} says that it has no such service`);
    return places.slice(0, MAX_PLACES).map((record) => ({ host: record.host, port: record.port }));
  }
  const addresses = await resolver.addresses(host);
  const found = [...addresses].sort((a, b) => Number(b.includes(':')) - Number(a.includes(':'))); // AAAA before A
  return found.slice(0, MAX_PLACES).map((address) => ({ host: address, port: PORTS[service], guessed: true }));
}
