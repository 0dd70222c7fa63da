// What the operator may set about pings: the table [mix.pinging].   spec: mixminion-server 5, 8

import { z } from 'zod';
import { MINUTE } from '../../../base/time.ts';
import { durationSetting, flagSetting } from '../../../post/setting-kinds.ts';
import { settingTable } from '../../../post/setting-tables.ts';

function period(byDefault: string, about: string) {
  return durationSetting(byDefault, about).refine((time) => time >= MINUTE, {
    error: 'write a time of at least "1 min"',
  });
}

const pinging = z.strictObject({
  enabled: flagSetting(true, 'Whether this server tries out the others, and pads links that would be silent.'),
  server_ping_period: period('2 h', 'How often each server is tried.'),
  dull_chain_ping_period: period('4 d', 'How often each pair of servers is tried.'),
  chain_ping_period: period('1 d', 'How often a pair is tried that seems broken, or of which little is known.'),
  server_probe_period: period('1 h', 'How often, on average, a silent link carries padding.'),
  recompute_interval: period('30 min', 'How often the results are worked out.'),
  retain_data: period('30 d', 'How long single pings are kept. Twelve days count for the results.'),
  retain_results: period('365 d', 'How long the results of each day are kept.'),
});

export type PingSettings = z.infer<typeof pinging>;

export const pingTable: z.ZodType<PingSettings> = settingTable(pinging, 'How this server finds out which others work.');
