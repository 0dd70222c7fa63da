// What the operator may set: the [directory] section.

import { z } from 'zod';
import { choiceSetting, countSetting, endpointsSetting, rateSetting, textSetting } from '../../post/setting-kinds.ts';
import { compareVersions } from '../directory/recommended-versions.ts';
import { directoryServersSetting, isHttpUrl } from '../directory/server-setting.ts';

const VERSIONS = ['0.0.7.1', '0.0.8alpha3'];
const MOST_VERSIONS = 100;

export const settings = z
  .strictObject({
    listen: endpointsSetting(
      [],
      'Where the directory is served over plain HTTP, which is what old remailers and clients speak; all that counts in it is ' +
        'signed. With [] here and in listen_tls, this office is no directory server.',
    ),
    listen_tls: endpointsSetting([], 'Where it is served over HTTPS, with the certificate of the office.'),
    url: textSetting(
      '',
      'The URL under which others find this directory server, with a "/" at its end. Empty: the name of the office and the ' +
        'first port above. It must be set where there are voters.',
    ).refine((url) => url === '' || isBase(url), { error: 'write an http or https URL that ends in "/"' }),
    voters: directoryServersSetting(
      'The other directory servers of the network, each as "FINGERPRINT URL"; the URLs end in "/". All of them vote each day, ' +
        'and what more than half of them want is in the directory. All have to name the same voters; this one may stand ' +
        'among them.',
    ).refine((voters) => voters.every(({ url }) => isBase(url)), { error: 'write URLs that end in "/"' }),
    approve: choiceSetting(
      ['operator', 'all'],
      'operator',
      'Who decides about new remailers. "operator": they wait for `postern directory approve`. "all": everybody is in at once, ' +
        'and the directory of the day is made anew with each. That is for test networks: on loopback addresses only.',
    ),
    client_versions: versionsSetting('Versions of the client program that are recommended.'),
    server_versions: versionsSetting('Versions of the remailer program that are recommended.'),
    least_reliability: countSetting(
      0,
      'Remailers whose pings come back less often than this, in per cent, are listed but not recommended. It needs a remailer ' +
        'with a pinger in this office. 0: all that the operator approved are recommended.',
      { max: 100 },
    ),
    most_pending: countSetting(200, 'How many new remailers may wait for the operator.', { max: 10_000 }),
    upload_rate: rateSetting('60/h', 'Descriptors that one IPv4 address or IPv6 /64 may send.'),
    connections: countSetting(256, 'How many connections may be open at once, on each listening address.', {
      min: 1,
      max: 100_000,
    }),
    connections_per_address: countSetting(
      8,
      'How many of them from one IPv4 address or IPv6 /64. Not on loopback addresses, where a proxy may speak for many.',
      { min: 1, max: 100_000 },
    ),
  })
  .refine(({ voters, url }) => voters.length === 0 || url !== '', {
    path: ['url'],
    error: 'set it, and give it to the other voters: a vote carries it',
  });

export type AuthoritySettings = z.infer<typeof settings>;

/** A list of version numbers as the old program has them.   spec: mixminion-directory 8 */
function versionsSetting(about: string): z.ZodType<string[]> {
  const error = 'write version numbers such as "0.0.8alpha3"';
  const version = z.string({ error }).refine((text) => compareVersions(text, text) === 0, { error });
  return z.array(version, { error }).max(MOST_VERSIONS).prefault(VERSIONS).meta({ about, written: VERSIONS });
}

function isBase(url: string): boolean {
  return isHttpUrl(url) && url.endsWith('/');
}
