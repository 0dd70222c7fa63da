// `host:port` as people write it, with brackets around an IPv6 address.

import { isIPv6 } from 'node:net';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port`, `[v6]:port`, or a host alone when `defaultPort` is given; undefined when it is none of these. */
export function parseEndpoint(text: string, defaultPort?: number): Endpoint | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]{1,253}))(?::(\d{1,5}))?$/i.exec(text);
  if (!match) return undefined;
  const [, v6, name, digits] = match;
  const port = digits === undefined ? defaultPort : Number(digits);
  if (port === undefined || port > 65535 || (v6 !== undefined && !isIPv6(v6))) return undefined;
  return { host: v6 ?? name ?? '', port };
}

export function formatEndpoint({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** True for addresses that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
