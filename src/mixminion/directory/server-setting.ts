// How an operator names directory servers in a configuration: the fingerprint of the identity key, then the URL.

import { z } from 'zod';
import type { DirectoryServer } from './directory.ts';

const MAX_SERVERS = 100;
const HELP =
  'write the 40 hex digits of its fingerprint, a blank, and its http or https URL: ' +
  '"CD80…56CC http://dir.example.org/"';

/** A list of `FINGERPRINT URL`. An URL that ends in `/` is the base that files are found under. */
export function directoryServersSetting(about: string): z.ZodType<DirectoryServer[]> {
  const server = z.string({ error: HELP }).transform((text, context): DirectoryServer => {
    const [, fingerprint, url] = /^\s*([0-9A-F]{40})\s+(\S+)\s*$/i.exec(text) ?? [];
    if (fingerprint !== undefined && isHttpUrl(url)) return { name: url, url, fingerprint: fingerprint.toUpperCase() };
    context.addIssue({ code: 'custom', message: HELP, input: text });
    return z.NEVER;
  });
  return z
    .array(server, { error: 'write a list' })
    .max(MAX_SERVERS, { error: `at most ${MAX_SERVERS} servers` })
    .refine((servers) => new Set(servers.map(({ fingerprint }) => fingerprint)).size === servers.length, {
      error: 'the same fingerprint stands there twice',
    })
    .prefault([])
    .meta({ about, written: [] });
}

/** A list of http or https URLs. */
export function urlsSetting(about: string): z.ZodType<string[]> {
  const url = z.string().refine(isHttpUrl, { error: 'write an http or https URL' });
  return z.array(url, { error: 'write a list of URLs' }).max(MAX_SERVERS).prefault([]).meta({ about, written: [] });
}

export function isHttpUrl(url: string | undefined): url is string {
  return url !== undefined && URL.canParse(url) && /^https?:\/\/[!-~]+$/i.test(url);
}
