// What the operator may set: the [smtp] section.

import { z } from 'zod';
import { parseEndpoint } from '../net/endpoint.ts';
import {
  choiceSetting,
  countSetting,
  durationSetting,
  endpointsSetting,
  flagSetting,
  listSetting,
  rateSetting,
  sizeSetting,
  textSetting,
} from '../post/setting-kinds.ts';
import { isDomain, parseMailAddress } from './addresses.ts';

const domain = (text: string) => (isDomain(text) ? text.toLowerCase() : undefined);

/** `example.org=mail.example.org:25` */
function route(text: string) {
  const [name = '', at = '', ...more] = text.split('=');
  const endpoint = parseEndpoint(at, 25);
  return more.length === 0 && isDomain(name) && endpoint !== undefined
    ? { domain: name.toLowerCase(), endpoint }
    : undefined;
}

export const settings = z.strictObject({
  domains: listSetting(
    domain,
    'write a list of domains, such as ["example.org"]',
    [],
    'The domains whose mail comes here. []: the name of the office. Mail for other domains is taken from users of this office alone.',
  ),
  listen: endpointsSetting(
    ['127.0.0.1:2525'],
    'Where other mail servers hand in mail, with STARTTLS. The world expects port 25. [] closes it.',
  ),
  listen_submission: endpointsSetting(
    ['127.0.0.1:5870'],
    'Where mail programs of users here send, with STARTTLS and their password. They expect port 587.',
  ),
  listen_submissions: endpointsSetting(
    ['127.0.0.1:4650'],
    'The same with TLS from the start, which is better. They expect port 465.',
  ),
  postmaster: textSetting(
    '',
    'The address of this office that gets mail for postmaster@ and abuse@ its domains. A mail server that others can reach should have one.',
  ).refine((address) => address === '' || parseMailAddress(address) !== undefined, {
    error: 'write an address, such as "alice@example.org"',
  }),
  message_size: sizeSetting('25 MiB', 'The longest message, in and out.'),
  recipients: countSetting(100, 'The most recipients of one message.', { min: 1, max: 1000 }),
  connections: countSetting(256, 'How many connections may be open at once, on each listening address.', {
    min: 1,
    max: 100_000,
  }),
  connections_per_address: countSetting(16, 'How many of them from one IPv4 address or IPv6 /64.', {
    min: 1,
    max: 100_000,
  }),
  idle_time: durationSetting('300 s', 'How long a connection may be silent.'),
  mail_rate: rateSetting('600/min', 'Messages handed in from one address, or by one user.'),
  unknown_rate: rateSetting('20/min', 'Recipients that nobody here is, asked for from one address.'),
  password_rate: rateSetting('20/min', 'Passwords tried from one address, and for one user.'),
  check_senders: flagSetting(
    true,
    'Look up SPF, DKIM, DMARC and ARC of what comes in, and write what was found above the message.',
  ),
  dmarc: choiceSetting(
    ['obey', 'record'],
    'obey',
    '"obey": mail that its alleged sender’s domain asks to reject is refused. "record": it is only marked.',
  ),
  relay: textSetting(
    '',
    'A smart host that takes all outgoing mail: "host:port". "": each domain’s own servers are found in the name service.',
  ).refine((text) => text === '' || parseEndpoint(text, 587) !== undefined, {
    error: 'write an address with its port, such as "mail.example.org:465"',
  }),
  relay_tls: choiceSetting(
    ['starttls', 'implicit', 'none'],
    'starttls',
    'How the smart host is spoken to. "implicit": TLS from the start, as on port 465. "none" only on this machine.',
  ),
  relay_user: textSetting('', 'The name to log in with at the smart host. "": without.'),
  relay_password_file: textSetting('', 'A file with the password, readable by the office alone.'),
  routes: listSetting(
    route,
    'write a list such as ["example.org=mail.internal:25"]',
    [],
    'Domains whose servers are known without the name service.',
  ),
  private_hosts: flagSetting(false, 'Deliver to servers in private networks too, if the name service names such.'),
  tls_out: choiceSetting(
    ['offered', 'always'],
    'offered',
    'TLS to other servers. "offered": where they have it, as is the custom. "always": mail that could only go in the clear waits, and comes ' +
      'back. Domains that publish MTA-STS are held to that either way.',
  ),
  retry_time: durationSetting('5 d', 'How long delivery is tried before a message comes back.'),
  warn_after: durationSetting(
    '4 h',
    'How long delivery is tried before the sender hears that his message is late, once. "0 s": he does not.',
  ),
  sending: countSetting(64, 'How many connections to other servers may be open at once.', { min: 1, max: 1000 }),
  sending_per_domain: countSetting(4, 'How many of them for one domain.', { min: 1, max: 100 }),
  queue_size: sizeSetting('1 GiB', 'How much mail may wait on its way out.'),
  dkim_selector: textSetting(
    'postern',
    'The name of the key that signs outgoing mail: SELECTOR._domainkey.DOMAIN.',
  ).refine((selector) => isDomain(selector) && selector.length <= 63, {
    error: 'write a name of letters, digits and hyphens',
  }),
});

export type SmtpSettings = z.infer<typeof settings>;

/** The domains of this office. */
export function domainsOf({ domains }: Pick<SmtpSettings, 'domains'>, hostname: string): readonly string[] {
  return domains.length > 0 ? domains : [hostname.toLowerCase()];
}
