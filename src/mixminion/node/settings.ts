// What the operator may set about the remailer: the [mix] section, with the tables of its parts.   spec: mixminion-server 8

import { z } from 'zod';
import { DAY, HOUR } from '../../base/time.ts';
import {
  choiceSetting,
  countSetting,
  durationSetting,
  endpointsSetting,
  flagSetting,
  sizeSetting,
  textSetting,
} from '../../post/setting-kinds.ts';
import { settingTable } from '../../post/setting-tables.ts';
import { isValidNickname } from '../directory/value-kinds.ts';
import { retrySetting } from '../exit/retry-setting.ts';
import { exitTables } from '../exit/settings.ts';
import { isMailbox } from '../packet/routing.ts';
import { STRATEGIES } from '../pool/strategy.ts';
import { directorySettings } from './directory/settings.ts';
import { pingTable } from './pinger/settings.ts';

const MAX_LINE = 256;
/** A packet in and out each second. */
const LEAST_BANDWIDTH = 64 * 1024;

export const settings = z.strictObject({
  enabled: flagSetting(
    false,
    'Whether this office is a remailer: it passes on the packets of strangers, and its address becomes known to all.',
  ),
  nickname: textSetting(
    '',
    'What the remailer is called: up to 24 letters, digits and hyphens, a letter first.',
  ).refine((name) => name === '' || isValidNickname(name), {
    error: 'write up to 24 letters, digits and hyphens, a letter first',
  }),
  contact: textSetting('', 'The mail address of whoever runs it. It is published.').refine(
    (text) => text === '' || isMailbox(text),
    { error: 'write a mail address, user@host' },
  ),
  contact_fingerprint: line('The fingerprint of an OpenPGP key for that address. It is published.'),
  comments: line('Whatever else the directory shall say.'),
  listen: endpointsSetting(['127.0.0.1:48099'], 'Where other remailers and senders come in.'),
  advertised_port: countSetting(0, 'The port that the directory names. 0: that of the first address in `listen`.', {
    max: 65_535,
  }),
  compat: choiceSetting(
    ['none', 'mixminion-0.0.8'],
    'none',
    'Also speaks to remailers of the old program, by TLS that is weak. What they carry stays encrypted, but who talks to ' +
      'whom can be seen, and such a link can be broken into.',
  ),
  listen_compat: endpointsSetting(
    [],
    'Where those of the old program come in. A directory can name only one of the ports.',
  ),
  connections: countSetting(500, 'How many connections may be open at once, on each listening address.', {
    min: 1,
    max: 100_000,
  }),
  connections_per_address: countSetting(16, 'How many of them from one IPv4 address or IPv6 /64.', {
    min: 1,
    max: 100_000,
  }),
  timeout: durationSetting('5 min', 'How long a connection may be silent.'),
  outgoing_connections: countSetting(16, 'How many other remailers are talked to at once.', { min: 1, max: 10_000 }),
  max_bandwidth: sizeSetting(
    '0 B',
    'How much the remailer moves in a second, in and out together; five times as much at once after a pause. 0: as much as ' +
      'the line takes.',
  ).refine((size) => size === 0 || size >= LEAST_BANDWIDTH, { error: 'write at least "64 KiB", or 0' }),
  mix_algorithm: choiceSetting(
    STRATEGIES,
    'dynamic',
    'How packets are mixed. "dynamic" and "binomial" keep some back and send a part of the rest; "timed" sends all, ' +
      'which hides little while there is little traffic.',
  ),
  mix_interval: durationSetting('30 min', 'From one batch to the next.').refine((time) => time > 0, {
    error: 'write a time such as "30 min"',
  }),
  mix_pool_minimum: countSetting(5, 'How many packets stay, whatever happens. Not for "timed".', { max: 1_000_000 }),
  mix_pool_rate: countSetting(60, 'The largest part of the pool that leaves at a time, in percent. Not for "timed".', {
    min: 1,
    max: 100,
  }),
  retry: retrySetting(
    'every 1 hour for 1 day, 7 hours for 5 days',
    'When a remailer that is away is tried again. Afterwards the packets for it are given up.',
  ),
  spool_size: sizeSetting('10 GiB', 'How much disk the packets may take. Beyond it others are told to wait.'),
  identity_key_bits: countSetting(2048, 'The size of the identity key, which is made once.', { min: 2048, max: 4096 }),
  public_key_lifetime: durationSetting('30 d', 'How long one packet key is used.').refine((time) => time >= DAY, {
    error: 'write a time of at least "1 d"',
  }),
  public_key_overlap: durationSetting('24 h', 'How long packets for a key are still taken after its time.').refine(
    (time) => time >= 6 * HOUR && time <= 72 * HOUR,
    { error: 'write a time from "6 h" to "72 h"' },
  ),
  log_stats: flagSetting(true, 'Whether figures are written to a file `stats`, one block for each period.'),
  stats_interval: durationSetting('1 d', 'The period of a block.').refine((time) => time > 0, {
    error: 'write a time such as "1 d"',
  }),
  directory: settingTable(directorySettings, 'The network that the remailer belongs to.'),
  pinging: pingTable,
  ...exitTables,
});

export type MixSettings = z.infer<typeof settings>;

/** A text that one line of a descriptor can carry. */
function line(about: string) {
  return textSetting('', about).refine((text) => /^[ -~]*$/.test(text) && text.length <= MAX_LINE, {
    error: `use ASCII letters on one line, at most ${MAX_LINE}`,
  });
}
