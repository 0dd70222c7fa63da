// How the client reaches its server, and knows it again: by its CMTP key, and over TLS by that key as well. Both are remembered
// when seen first, and nothing is said to a server that shows another one.   spec: cmtp 9 D13, D21, D24

import { fromHex, toHex } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import type { Clock } from '../../base/time.ts';
import { type DialOptions, dial, dialPlain } from '../../net/dial.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import { NetError } from '../../net/errors.ts';
import { ClientError } from './errors.ts';
import { type Home, readServer, saveServer } from './home.ts';
import { CmtpSession } from './session.ts';

export interface Courier {
  readonly home: Home;
  readonly clock: Clock;
  readonly random: Random;
  readonly proxy?: Endpoint | undefined;
  /** What is on its way, for a bar on the terminal. */
  readonly progress?: (done: number, total: number) => void;
}

/** The server of a domain. */
export interface ServerPlace {
  readonly domain: string;
  /** In the clear. */
  readonly server: Endpoint;
  /** Over TLS, which is taken wherever it is known. */
  readonly tls?: Endpoint | undefined;
}

/** One conversation. Throws ClientError `changed-key` when the server is not the one that is known. */
export async function converse<T>(
  courier: Courier,
  at: ServerPlace,
  work: (session: CmtpSession) => Promise<T>,
): Promise<T> {
  const known = await readServer(courier.home, at.domain);
  const pin = known.tls === undefined ? undefined : fromHex(known.tls);
  const place = at.tls ?? at.server;
  if (courier.proxy === undefined && place.host.endsWith('.onion')) {
    // Asking for its address would tell the network what is looked for, and find nothing.
    const remedy = 'reach it through tor: --proxy socks5://127.0.0.1:9050';
    throw new ClientError('address', `${place.host} is an onion service`, { remedy });
  }
  const to = { to: place, clock: courier.clock, proxy: proxyOf(courier) };
  const connection = await (at.tls ? dialKnown({ ...to, pin }, at.domain) : dialPlain(to));
  const tlsKey = connection.peer.serverKey;
  try {
    const session = await CmtpSession.open(connection);
    const seen = toHex(session.serverKey);
    if (known.key !== undefined && known.key !== seen) throw changed(at.domain, `the CMTP key ${seen}`);
    if (known.key === undefined || (tlsKey !== undefined && known.tls === undefined)) {
      await saveServer(courier.home, at.domain, { ...known, key: seen, ...(tlsKey ? { tls: toHex(tlsKey) } : {}) });
    }
    const result = await work(session);
    await session.close();
    return result;
  } finally {
    connection.destroy();
  }
}

async function dialKnown(options: DialOptions, domain: string) {
  try {
    return await dial(options);
  } catch (error) {
    if (!(error instanceof NetError) || error.code !== 'tls' || options.pin === undefined) throw error;
    throw changed(domain, 'another TLS key', error);
  }
}

/** Each conversation on a circuit of its own, where the proxy is tor. */
function proxyOf({ proxy, random }: Courier) {
  return proxy && { ...proxy, user: toHex(random.bytes(16)), password: toHex(random.bytes(16)) };
}

function changed(domain: string, what: string, cause?: unknown): ClientError {
  return new ClientError('changed-key', `the server of ${domain} shows ${what}, not what is known of it`, {
    cause,
    remedy:
      'ask its operator, by another way, whether the key was changed; somebody may be in between. ' +
      `If it was: postern cmtp servers forget ${domain}`,
  });
}
