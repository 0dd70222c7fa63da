// What the operator may set about other domains; part of the [immp] section.   spec: immp 2.4, 2.5, 2.6, 2.8

import { z } from 'zod';
import { farHostsSetting } from '../../post/far-hosts.ts';
import {
  choiceSetting,
  durationSetting,
  flagSetting,
  listSetting,
  sizeSetting,
  textSetting,
} from '../../post/setting-kinds.ts';
import { settingTable } from '../../post/setting-tables.ts';
import { domain, imid } from '../wire/imid.ts';

/** spec: immp 2.5 */
export const IMMP_PORT = 1025;

export interface Route {
  readonly domain: string;
  /** The domain whose server takes its mail. */
  readonly proxy: string;
}

const pin = z.strictObject({
  require_ca: flagSetting(
    false,
    'Take a server that is met for the first time only with a certificate of an authority.',
  ),
  roll: choiceSetting(
    ['admin', 'ca'],
    'admin',
    'Who replaces the key of a server that shows another than before, without having announced it: only the administrator, or ' +
      'also an authority that vouches for the new one.',
  ),
});

const cookie = z.strictObject({
  accept_tofu: flagSetting(
    false,
    'Believe a domain that is met for the first time, and that no authority vouches for, that it is what it says.',
  ),
});

export const federationSettings = {
  hosts: farHostsSetting(IMMP_PORT, 'Where other domains are, asked before DNS: "domain=host:port".'),
  routes: listSetting(
    readRoute,
    'write a list such as ["example.org=proxy.example.net"]',
    [],
    'Domains whose mail is handed to another domain, which passes it on: "domain=proxy".',
  ),
  allow_private: flagSetting(
    false,
    'Also connect to private addresses that DNS names, such as 10.0.0.1. Hosts in `hosts` may always be private.',
  ),
  relay_for: domainsSetting('Domains to which other servers may send mail through this one.'),
  trusted_proxies: domainsSetting('Domains that may pass on mail of other domains, and are believed whose it is.'),
  seal: choiceSetting(
    ['routes', 'always', 'never'],
    'routes',
    'Which mail for other domains is encrypted to the key of the domain: what goes through a proxy, all, or none.',
  ),
  queue_size: sizeSetting('1 GiB', 'How much mail for other domains may wait.'),
  queue_time: durationSetting('5 d', 'How long mail for another domain is tried, before its sender gets it back.'),
  admin: textSetting('', 'Who hears of servers with changed keys. "": admin@ the domain.').refine(isImidOrNothing, {
    error: 'write an address, such as "admin@example.org"',
  }),
  pin: settingTable(pin, 'The keys of other servers.'),
  cookie: settingTable(cookie, 'How other domains show who they are.'),
} as const;

/** A list of domain names, lower case. */
function domainsSetting(about: string): z.ZodType<string[]> {
  return listSetting(readDomain, 'write a list of domains, such as ["example.org"]', [], about);
}

function readDomain(text: string): string | undefined {
  return text.length > 253 ? undefined : domain.read(text)?.toLowerCase();
}

function readRoute(text: string): Route | undefined {
  const [to, through, ...more] = text.split('=').map(readDomain);
  return to === undefined || through === undefined || more.length > 0 ? undefined : { domain: to, proxy: through };
}

function isImidOrNothing(text: string): boolean {
  return text === '' || (text.length <= 512 && imid.read(text) !== undefined);
}
