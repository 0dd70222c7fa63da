// What the operator may set about mail for other domains; part of the [cmtp] section.   spec: cmtp 9 D12

import { BlockList, isIP } from 'node:net';
import { type FarHost, farHostsSetting } from '../../post/far-hosts.ts';
import { countSetting, durationSetting, flagSetting, listSetting, sizeSetting } from '../../post/setting-kinds.ts';

/** The port of the old reference server, which every one listens on that is not told otherwise.   spec: cmtp 1 */
const DEFAULT_PORT = 9001;

export const forwardSettings = {
  forward_from: listSetting(
    parseRange,
    'write a list of addresses or ranges, such as ["192.0.2.7", "2001:db8::/32"]',
    [],
    'Who may hand in mail for other domains and ask for keys there without proving an account: addresses and ranges.',
  ),
  forward_hosts: farHostsSetting(DEFAULT_PORT, 'Where other domains are, asked before DNS: "domain=host:port".'),
  forward_port: countSetting(DEFAULT_PORT, 'The port of the CMTP servers of other domains.', { min: 1, max: 65535 }),
  forward_time: durationSetting('48 h', 'How long mail for another domain is tried, before its sender gets it back.'),
  forward_size: sizeSetting('1 GiB', 'How much mail for other domains may wait.'),
  forward_private: flagSetting(
    false,
    'Also forward to private addresses that DNS names, such as 10.0.0.1. Hosts in forward_hosts may always be private.',
  ),
} as const;

export interface ForwardSettings {
  readonly forward_from: readonly Range[];
  readonly forward_hosts: readonly FarHost[];
  readonly forward_port: number;
  readonly forward_time: number;
  readonly forward_size: number;
  readonly forward_private: boolean;
}

/** An address with the number of bits that count. */
export interface Range {
  readonly address: string;
  readonly family: 'ipv4' | 'ipv6';
  readonly bits: number;
}

/** Says of an address whether it lies in one of the ranges. IPv4 in IPv6 clothes counts as what it is. */
export function rangesHold(ranges: readonly Range[]): (address: string) => boolean {
  const list = new BlockList();
  for (const { address, bits, family } of ranges) list.addSubnet(address, bits, family);
  return (given) => {
    const address = given.replace(/^::ffff:(?=\d+\.)/i, '');
    const family = isIP(address);
    return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6');
  };
}

function parseRange(text: string): Range | undefined {
  const [, address = '', digits] = /^([0-9a-f:.]+)(?:\/(\d{1,3}))?$/i.exec(text) ?? [];
  const family = isIP(address);
  const most = family === 4 ? 32 : 128;
  const bits = digits === undefined ? most : Number(digits);
  if (family === 0 || bits > most) return undefined;
  return { address, bits, family: family === 4 ? 'ipv4' : 'ipv6' };
}
