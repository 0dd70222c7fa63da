// How the client reaches servers: each connection on a circuit of its own, and through a proxy when there is one, which
// then also resolves all names.   spec: smallmail 2.11, 2.13

import type { Random } from '../../base/random.ts';
import type { Clock } from '../../base/time.ts';
import type { Connection } from '../../net/connection.ts';
import { dial } from '../../net/dial.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import { isolated } from '../../net/socks-url.ts';
import { ClientError } from './errors.ts';

/** Opens a TLS connection to a server with the pinned key, or with any key when there is no pin. */
export type Dial = (to: Endpoint, pin: Uint8Array | undefined) => Promise<Connection>;

/**
 * Dials through `proxy`, or directly without one. Each connection shows the proxy a new user and password, so that tor
 * gives it a circuit that no other connection has.
 */
export function makeDial({
  proxy,
  clock,
  random,
}: {
  proxy?: Endpoint | undefined;
  clock: Clock;
  random: Random;
}): Dial {
  return async (to, pin) => {
    if (proxy === undefined && to.host.endsWith('.onion')) {
      // Asking for its address would tell the network what is looked for, and find nothing.
      throw new ClientError('undone', `${to.host} is an onion service`, {
        remedy: 'reach it through tor: --proxy socks5://127.0.0.1:9050',
      });
    }
    return dial({ to, pin, clock, proxy: proxy && isolated(proxy, random) });
  };
}
