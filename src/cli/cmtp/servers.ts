// `postern cmtp servers`: the keys by which servers are known.

import { forgetServer, knownServers } from '../../cmtp/client/home.ts';
import type { OfflineOptions } from '../client-options.ts';
import { print, printJson, table } from '../output.ts';
import { homeOf } from './client.ts';

export async function list(options: OfflineOptions): Promise<void> {
  const rows = (await knownServers(await homeOf(options))).map(({ domain, server }) => ({ domain, ...server }));
  if (options.json) return printJson(rows);
  if (rows.length === 0) return print('no server was met yet');
  print(
    table(
      ['domain', 'CMTP key', 'TLS key'],
      rows.map(({ domain, key = '', tls = '' }) => [domain, key, tls]),
    ),
  );
}

export async function forget(domain: string, options: OfflineOptions): Promise<void> {
  const forgotten = await forgetServer(await homeOf(options), domain.toLowerCase());
  if (options.json) printJson({ domain, forgotten });
  else
    print(forgotten ? `the next keys that the server of ${domain} shows are taken` : `nothing was known of ${domain}`);
}
