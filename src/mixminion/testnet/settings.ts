// What the servers of a test network and the people in it have set.

import { settings as authoritySettings } from '../authority/settings.ts';
import { type MixSettings, settings as mixSettings } from '../node/settings.ts';
import { DOMAIN } from './mailroom.ts';

/** Users whom the remailers deliver to by name. */
const USERS = ['alice', 'bob'];
export const USERS_FILE = 'users';

/** Of the network's time, and it may run hundreds of times faster than that of the machine. */
const PATIENCE = '2 h';
const MIX_INTERVAL = '2 min';

export type DirectoryAt = { readonly url: string; readonly fingerprint: string };

export function authorityOn(port: number) {
  return authoritySettings.parse({ listen: [`127.0.0.1:${port}`], approve: 'all', upload_rate: '100000/h' });
}

/** A remailer that delivers to everybody in the network; `changes` go over the rest, as in a configuration file. */
export function remailerOn(
  port: number,
  nickname: string,
  { url, fingerprint }: DirectoryAt,
  changes: Readonly<Record<string, unknown>> = {},
): MixSettings {
  const mail = { enabled: true, return_address: `nobody@${DOMAIN}` };
  return mixSettings.parse({
    enabled: true,
    nickname,
    contact: `operator@${DOMAIN}`,
    listen: [`127.0.0.1:${port}`],
    timeout: PATIENCE,
    mix_algorithm: 'timed',
    mix_interval: MIX_INTERVAL,
    log_stats: false,
    directory: { servers: [`${fingerprint} ${url}`], publish: true, timeout: PATIENCE },
    pinging: { enabled: false },
    mbox: { ...mail, address_file: USERS_FILE },
    smtp: mail,
    fragmented: { enabled: true },
    ...changes,
  });
}

export function usersFile(): string {
  return USERS.map((user) => `${user} : ${user}@${DOMAIN}\n`).join('');
}

/** The `mix.toml` of somebody in the network. `clock` is what its time is written as, empty for that of the machine. */
export function personConfig({ url, fingerprint }: DirectoryAt, user: string, clock: string): string {
  return `# Somebody in a test network.

[directory]
servers = ["${fingerprint} ${url}"]
timeout = "${PATIENCE}"

[paths]
forward = "*3:*3"
reply = "*3"
surb = "*3"

[surbs]
address = "${user}@${DOMAIN}"

[network]
timeout = "${PATIENCE}"
clock = "${clock}"
`;
}
