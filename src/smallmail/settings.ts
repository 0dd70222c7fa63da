// What the operator may set: the [smallmail] section. Every default is the specification's.   spec: smallmail 2.9, 2.10

import { z } from 'zod';
import {
  choiceSetting,
  countSetting,
  durationSetting,
  endpointsSetting,
  flagSetting,
  rateSetting,
  sizeSetting,
} from '../post/setting-kinds.ts';

const ALWAYS_FRESH = '0 s';

export const settings = z.strictObject({
  listen: endpointsSetting(['127.0.0.1:1995'], 'Where SmallMail listens for the open network. [] closes it.'),
  listen_onion: endpointsSetting(
    [],
    'Where it listens for an onion service of this machine (tor: HiddenServicePort 1995 127.0.0.1:1996). ' +
      'The limit on connections from one address does not apply there.',
  ),
  tls_min: choiceSetting(
    ['1.2', '1.0'],
    '1.2',
    'The oldest TLS that is spoken. "1.0" is for a laboratory: its sessions can be read and changed by others.',
  ),
  connections: countSetting(64, 'How many connections may be open at once, on each listening address.', {
    min: 1,
    max: 100_000,
  }),
  connections_per_address: countSetting(
    8,
    'How many of them from one IPv4 address or IPv6 /64. Not for listen_onion.',
    { min: 1, max: 100_000 },
  ),
  idle_time: durationSetting('5 min', 'How long a connection may be silent between commands.'),
  line_time: durationSetting('60 s', 'How long one line may take.'),
  body_time: durationSetting('10 min', 'How long one message or key may take, and how long an ACCEPT holds.'),
  identification: durationSetting(
    '10 min',
    `How long a client that proved its mailbox need not do so again on the same connection. "${ALWAYS_FRESH}": at each command.`,
  ),
  legacy_sha1: flagSetting(
    false,
    'Also take signatures over SHA-1, as clients of 2009 made them. They can be forged by a rich attacker.',
  ),
  check_encrypted: flagSetting(true, 'Take only messages that are encrypted to a key of the mailbox.'),
  message_size: sizeSetting('10 MiB', 'The largest message.'),
  mailbox_size: sizeSetting('100 MiB', 'How much one mailbox holds.'),
  mailbox_messages: countSetting(1000, 'How many messages one mailbox holds.', { min: 1 }),
  total_size: sizeSetting(
    '10 GiB',
    'While the store holds more than this in all, new mailboxes and mail are rejected.',
  ),
  message_age: durationSetting('90 d', 'After this a message is removed.'),
  mailbox_age: durationSetting('180 d', 'A mailbox that nobody opened for so long is removed.'),
  unused_mailbox_age: durationSetting('7 d', 'A new mailbox that nobody ever opened is removed after this.'),
  create_rate: rateSetting('60/h', 'New mailboxes, all connections together.'),
  create_rate_work: rateSetting('600/h', 'New mailboxes for clients that did a proof of work, on top of create_rate.'),
  send_rate: rateSetting('30/min', 'Messages sent over one connection.'),
  mailbox_rate: rateSetting('200/h', 'Messages sent to one mailbox.'),
  mailbox_rate_work: rateSetting(
    '2000/h',
    'Messages sent to one mailbox by clients that did a proof of work, on top of mailbox_rate, so that a flood without work does not shut them out.',
  ),
  work_bits: countSetting(
    20,
    'How hard the proof of work is: each bit doubles it; 20 is about a second. 0 switches it off.',
    {
      max: 28,
    },
  ),
});

export type SmallMailSettings = z.infer<typeof settings>;
