// The whole configuration file as a schema: the office's own tables, then one table for each counter.

import { z } from 'zod';
import { SECOND } from '../base/time.ts';
import { isLoopback } from '../net/endpoint.ts';
import type { Counter } from '../post/counter.ts';
import {
  choiceSetting,
  choicesSetting,
  durationSetting,
  endpointsSetting,
  textSetting,
} from '../post/setting-kinds.ts';
import { settingTable } from '../post/setting-tables.ts';

/** A counter whose settings nobody but itself looks into. */
export type AnyCounter = Counter<unknown>;

export interface Settings {
  readonly office: z.infer<ReturnType<typeof office>>;
  readonly tls: z.infer<typeof tls>;
  readonly log: z.infer<typeof log>;
  readonly health: z.infer<typeof health>;
  /** By the counter's name. */
  readonly counters: Readonly<Record<string, unknown>>;
}

const office = (counters: readonly string[]) =>
  z.strictObject({
    name: textSetting(
      'localhost',
      'The host name (or IP address) under which others reach this office. The certificate that the office makes for ' +
        'itself carries it. "localhost" will do until somebody else is to connect.',
    ).refine((name) => /^[a-z0-9.:_-]{1,253}$/i.test(name), { error: 'write a host name or an IP address' }),
    counters: choicesSetting(counters, counters, 'Which counters open. Each has a table of its own below.'),
    sweep_every: durationSetting('5 min', 'How often expired mail and mailboxes are cleared away.').refine(
      (every) => every >= SECOND,
      { error: 'write a time of at least "1 s"' },
    ),
  });

const tls = z
  .strictObject({
    certificate: textSetting(
      '',
      'A PEM file with the certificate to show, followed by its chain. Empty: the office makes and renews one itself, ' +
        'always over the same key, so that clients who pinned it go on working.',
    ),
    key: textSetting('', 'The unencrypted PEM private key of that certificate, readable by the office alone.'),
    next_key: textSetting(
      'keys/tls-next.key',
      'A PEM private key that will take the place of the present one. As soon as the file is there, peers who have pinned the ' +
        'present key are told of it; let some weeks pass before you move it to the other’s place.',
    ),
  })
  .refine((files) => (files.certificate === '') === (files.key === ''), {
    error: 'certificate and key belong together: set both or neither',
  });

const log = z.strictObject({
  level: choiceSetting(['debug', 'info', 'warn', 'error'], 'info', 'How much is told: this level and all above it.'),
  format: choiceSetting(
    ['auto', 'json', 'text'],
    'auto',
    '"json": one JSON object a line. "text": short lines for people. "auto": text on a terminal, otherwise JSON.',
  ),
  file: textSetting('', 'A file to append to; SIGHUP opens it again, for logrotate. Empty: standard error.'),
});

const health = z.strictObject({
  listen: endpointsSetting(
    ['127.0.0.1:8190'],
    'Where /health (JSON, status 200 or 503) and /metrics (Prometheus) are served over HTTP. Loopback only; [] for nowhere.',
  )
    .refine((list) => list.every(({ host }) => isLoopback(host)), {
      error:
        'only loopback addresses: these pages tell how busy the office is; let a proxy with a password publish them',
    })
    .refine((list) => list.length <= 1, { error: 'one address at most' }),
});

/** The schema of a configuration file for these counters. A file that says nothing gives every default. */
export function settingsSchema(counters: readonly AnyCounter[]): z.ZodType<Settings> {
  const names = counters.map(({ name }) => name);
  const ofCounters = counters.map(({ name, title, settings }) => [
    name,
    settingTable(settings, `The ${title} counter.`),
  ]);
  return z
    .strictObject({
      office: settingTable(office(names), 'The office as a whole.'),
      tls: settingTable(tls, 'The certificate of all TLS ports. File names are relative to the data folder.'),
      log: settingTable(log, 'What the office says about itself. No line ever holds an address or content of mail.'),
      health: settingTable(health, 'For whoever watches the office.'),
      ...(Object.fromEntries(ofCounters) as Record<string, z.ZodType>),
    })
    .transform(({ office, tls, log, health, ...rest }) => ({ office, tls, log, health, counters: rest }));
}
