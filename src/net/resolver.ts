// The name service, as far as mail wants it, and which of its answers point into somebody's own network.

import { promises as dns } from 'node:dns';
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import { codeOf } from '../base/errors.ts';
import { type Random, randomInt } from '../base/random.ts';
import { NetError } from './errors.ts';

export interface MxRecord {
  readonly host: string;
  readonly priority: number;
}

export interface SrvRecord {
  readonly host: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/** Each answers with an empty list when there is nothing of the kind, and throws NetError `dns` when nobody can say now. */
export interface Resolver {
  /** IPv4 addresses before IPv6 ones. An address is its own answer. */
  addresses(host: string): Promise<readonly string[]>;
  /** The first to be tried first. A lone host `.` (RFC 7505: no mail here) stands as the empty host. */
  mx(domain: string): Promise<readonly MxRecord[]>;
  /** By priority; those of one priority in no order. A target `.` (RFC 2782: no such service) stands as the empty host. */
  srv(name: string): Promise<readonly SrvRecord[]>;
  /** The strings of each record, joined. */
  txt(name: string): Promise<readonly string[]>;
}

export const systemResolver: Resolver = {
  async addresses(host) {
    if (isIP(host) !== 0) return [host];
    const found = await asked(() => dns.lookup(host, { all: true, order: 'ipv4first' }));
    return found.map(({ address }) => address);
  },
  async mx(domain) {
    const found = await asked(() => dns.resolveMx(domain));
    return byPriority(found.map(({ exchange, priority }) => ({ host: bare(exchange), priority })));
  },
  async srv(name) {
    const found = await asked(() => dns.resolveSrv(name));
    return byPriority(found.map(({ name: host, ...rest }) => ({ ...rest, host: bare(host) })));
  },
  async txt(name) {
    const found = await asked(() => dns.resolveTxt(name));
    return found.map((strings) => strings.join(''));
  },
};

/** What a name answers in `fixedResolver`. `fails` stands for a name service that is out of reach for this name. */
export interface NameRecords {
  readonly addresses?: readonly string[];
  readonly mx?: readonly MxRecord[];
  readonly srv?: readonly SrvRecord[];
  readonly txt?: readonly string[];
  readonly fails?: boolean;
}

/** Answers from a table that may change meanwhile; a name that is not there has no records. Addresses answer for themselves. */
export function fixedResolver(
  names: ReadonlyMap<string, NameRecords> | Readonly<Record<string, NameRecords>>,
): Resolver {
  const ask = async <Kind extends 'addresses' | 'mx' | 'srv' | 'txt'>(name: string, kind: Kind) => {
    const key = name.toLowerCase();
    const records = names instanceof Map ? names.get(key) : (names as Readonly<Record<string, NameRecords>>)[key];
    if (records?.fails) throw noAnswer();
    return records?.[kind] ?? [];
  };
  return {
    addresses: async (host) => (isIP(host) === 0 ? ((await ask(host, 'addresses')) as readonly string[]) : [host]),
    mx: async (domain) => byPriority((await ask(domain, 'mx')) as readonly MxRecord[]),
    srv: async (name) => byPriority((await ask(name, 'srv')) as readonly SrvRecord[]),
    txt: async (name) => (await ask(name, 'txt')) as readonly string[],
  };
}

/** SRV records in the order in which to try them: by priority, and within one drawn by weight. (RFC 2782). */
export function inSrvOrder(records: readonly SrvRecord[], random: Random): SrvRecord[] {
  const left = [...records].sort((a, b) => a.priority - b.priority || a.weight - b.weight);
  const order: SrvRecord[] = [];
  for (let first = left[0]; first !== undefined; first = left[0]) {
    const { priority } = first;
    const group = left.filter((record) => record.priority === priority);
    const total = group.reduce((sum, { weight }) => sum + weight, 0);
    let mark = randomInt(random, total + 1);
    const drawn = group.find(({ weight }) => {
      mark -= weight;
      return mark <= 0;
    });
    const next = drawn ?? first;
    order.push(next);
    left.splice(left.indexOf(next), 1);
  }
  return order;
}

const elsewhere = new BlockList();
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  elsewhere.addSubnet(net, bits, 'ipv4');
}
for (const [net, bits] of [
  ['::', 127], // unspecified and loopback
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001:db8::', 32],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const) {
  elsewhere.addSubnet(net, bits, 'ipv6');
}

/** True for an address of the open internet: not loopback, private, link-local, multicast, unspecified or for documentation. */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !elsewhere.check(address, 'ipv4');
  if (!isIPv6(address)) return false;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return isPublicAddress(mapped);
  return !elsewhere.check(address, 'ipv6') && !/^::ffff:/i.test(address);
}

/** Names that the name service knows nothing of are no failure. */
async function asked<T>(ask: () => Promise<readonly T[]>): Promise<readonly T[]> {
  try {
    return await ask();
  } catch (cause) {
    if (['ENOTFOUND', 'ENODATA', 'EAI_NODATA', 'EAI_NONAME'].includes(codeOf(cause) ?? '')) return [];
    throw noAnswer(cause);
  }
}

function noAnswer(cause?: unknown): NetError {
  return new NetError('dns', 'the name service does not answer', {
    cause,
    remedy: 'is there a connection to the network, and a name server in /etc/resolv.conf?',
  });
}

function byPriority<T extends { readonly priority: number }>(records: readonly T[]): T[] {
  return [...records].sort((a, b) => a.priority - b.priority);
}

function bare(host: string): string {
  return host.replace(/\.$/, '');
}
