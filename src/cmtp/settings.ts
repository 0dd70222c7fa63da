// What the operator may set: the [cmtp] section. Every default is the specification's.   spec: cmtp 9 D1, D12, D13, D14, D18

import { z } from 'zod';
import {
  choiceSetting,
  countSetting,
  durationSetting,
  endpointsSetting,
  flagSetting,
  rateSetting,
  sizeSetting,
  textSetting,
} from '../post/setting-kinds.ts';
import type { Quota } from '../store/store.ts';
import { forwardSettings } from './forward/settings.ts';
import type { MessageLimits } from './incoming.ts';
import { isName } from './wire/names.ts';

export const settings = z.strictObject({
  domain: textSetting('', 'What stands behind the @ of its addresses. "": the name of the office.').refine(
    (domain) => domain === '' || isName(domain),
    { error: 'write a domain, such as "mail.example.org"' },
  ),
  listen: endpointsSetting(['127.0.0.1:9001'], 'Where CMTP listens, in the clear as it is. [] closes it.'),
  dialect: choiceSetting(
    ['auto', 'seed'],
    'auto',
    'What is spoken there. "auto": a client that is silent at first is greeted as the old reference server greeted, and served as it ' +
      'served. "seed": nobody is greeted; right for an address that the whole world can reach.',
  ),
  greeting_delay: durationSetting('2 s', 'How long such a client is silent before it is greeted.'),
  listen_onion: endpointsSetting(
    [],
    'Where it listens for an onion service of this machine (tor: HiddenServicePort 9001 127.0.0.1:9002). It speaks "seed", and the ' +
      'limit on connections from one address does not apply.',
  ),
  listen_tls: endpointsSetting(
    ['127.0.0.1:9003'],
    'Where it listens over TLS. It speaks "seed" and the words with which users make accounts, change keys and read their mail.',
  ),
  fetch_words: flagSetting(
    false,
    'Understand the words for reading mail without TLS as well. Others on the way then see who reads how much.',
  ),
  allow_plaintext: flagSetting(
    false,
    'Take messages of version 0 too, which are not sealed: whoever carries them can read them.',
  ),
  connections: countSetting(256, 'How many connections may be open at once, on each listening address.', {
    min: 1,
    max: 100_000,
  }),
  connections_per_address: countSetting(
    16,
    'How many of them from one IPv4 address or IPv6 /64. Not for listen_onion.',
    { min: 1, max: 100_000 },
  ),
  idle_time: durationSetting('300 s', 'How long a connection may be silent between commands.'),
  silence_time: durationSetting('60 s', 'How long nothing may come in the middle of a message.'),
  log_size: sizeSetting('64 KiB', 'The longest log of a message.'),
  body_size: sizeSetting('32 MiB', 'The longest body of a message.'),
  attachments: countSetting(64, 'The most attachments of a message.', { max: 10_000 }),
  attachments_size: sizeSetting('64 MiB', 'How long the attachments of a message may be together.'),
  mailbox_size: sizeSetting('1 GiB', 'How much one mailbox holds.'),
  mailbox_messages: countSetting(10_000, 'How many messages one mailbox holds.', { min: 1, max: 1_000_000 }),
  mail_rate: rateSetting('600/min', 'Messages handed in from one address.'),
  key_rate: rateSetting('6000/min', 'Requests for keys from one address.'),
  login_rate: rateSetting(
    '30/min',
    'Requests for an xzibit, and attempts to prove an account or to make one, from one address.',
  ),
  ...forwardSettings,
});

export type CmtpSettings = z.infer<typeof settings>;

export function limitsOf(settings: CmtpSettings): MessageLimits {
  const { log_size: log, body_size: body, attachments, attachments_size: attachmentsSize } = settings;
  return { log, body, attachments, attachmentsSize };
}

export function quotaOf({ mailbox_size: bytes, mailbox_messages: messages }: CmtpSettings): Quota {
  return { bytes, messages };
}

/** The domain of the accounts here. */
export function domainOf({ domain }: CmtpSettings, hostname: string): string {
  return (domain === '' ? hostname : domain).toLowerCase(); // as users sign it
}
