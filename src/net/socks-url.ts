// A SOCKS5 proxy as people write it, and as one connection uses it.

import { toHex } from '../base/bytes.ts';
import type { Random } from '../base/random.ts';
import type { SocksProxy } from './dial.ts';
import { type Endpoint, parseEndpoint } from './endpoint.ts';

/** Reads `socks5://127.0.0.1:9050` (or `socks5h:`); undefined when it is nothing of the kind. */
export function parseSocksUrl(text: string): Endpoint | undefined {
  const [, place = ''] = /^socks5h?:\/\/([^/]+)\/?$/i.exec(text) ?? [];
  const at = parseEndpoint(place);
  return at === undefined || at.port === 0 ? undefined : at;
}

/** The proxy with a new user and password, for which tor makes a circuit that no other connection has. */
export function isolated(proxy: Endpoint, random: Random): SocksProxy {
  return { host: proxy.host, port: proxy.port, user: toHex(random.bytes(16)), password: toHex(random.bytes(16)) };
}
