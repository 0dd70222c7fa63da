// Which names a nym may have.   spec: mixminion-nym 2.1

import { NymError } from './errors.ts';

const MAX_NAME = 64;
const NAME = /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/;

/** Mail to these is the operator's, or the nymserver's own. */
const RESERVED: ReadonlySet<string> = new Set([
  'abuse',
  'hostmaster',
  'mailer-daemon',
  'noc',
  'nobody',
  'nym-shutdown',
  'nymserver',
  'postmaster',
  'root',
  'security',
  'webmaster',
]);

/** The one spelling of a name, in lower case. Throws NymError `name`. */
export function nymName(text: string): string {
  const name = text.toLowerCase();
  if (name.length > MAX_NAME || !NAME.test(name) || name.includes('..')) {
    throw new NymError('name', `${JSON.stringify(text.slice(0, MAX_NAME))} cannot be a nym`, {
      remedy: `1 to ${MAX_NAME} of a-z, 0-9 and . _ -, a letter or digit first and last, no two dots together`,
    });
  }
  if (RESERVED.has(name)) throw new NymError('name', `${name} is not given out`, { remedy: 'choose another name' });
  return name;
}
