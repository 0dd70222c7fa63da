// What the operator may set: the [immp] section.   spec: immp 2.3, 2.6, 2.8, 2.14

import { z } from 'zod';
import {
  choicesSetting,
  countSetting,
  durationSetting,
  endpointsSetting,
  flagSetting,
  listSetting,
  rateSetting,
  sizeSetting,
  textSetting,
} from '../post/setting-kinds.ts';
import { settingTable } from '../post/setting-tables.ts';
import { federationSettings } from './federation/settings.ts';
import { xmppSettings } from './xmpp/settings.ts';

export const settings = z.strictObject({
  listen: endpointsSetting(['127.0.0.1:1025'], 'Where IMMP listens. [] closes it.'),
  domain: textSetting('', 'The domain of the accounts, as it stands behind the @. The name of the office when empty.'),
  connections: countSetting(1000, 'How many connections may be open at once, on each listening address.', {
    min: 1,
    max: 100_000,
  }),
  connections_per_address: countSetting(20, 'How many of them from one IPv4 address or IPv6 /64.', {
    min: 1,
    max: 100_000,
  }),
  connections_per_account: countSetting(5, 'How many of them as one account.', { min: 1, max: 100_000 }),
  message_size: sizeSetting('25 MiB', 'The largest message.'),
  mailbox_size: sizeSetting('1 GiB', 'How much a new mailbox holds.'),
  mailbox_messages: countSetting(1_000_000, 'How many messages a new mailbox holds.', { min: 1 }),
  block_time: durationSetting('10 min', 'How long one block of data may take.'),
  auth: choicesSetting(
    ['K3', 'K2', 'K1'],
    ['K3'],
    'How users may show that they know their password. With K3 the server keeps nothing that could log in; ' +
      'K2 and K1, the way of the old drafts, are for clients that know no better.',
  ),
  scrypt_n: countSetting(32768, 'How dear it is to derive a key from a new password: a power of two.', {
    min: 16384,
    max: 262_144,
  }),
  failures: countSetting(10, 'How often in an hour the password of one account may be wrong.', { min: 1 }),
  deliver_rate: rateSetting('600/h', 'Messages that one account, or one other domain, delivers here.'),
  anonymous_senders: flagSetting(true, 'Whether users may send without their name (-FROM).'),
  blocked: textSetting(
    '',
    'Senders from whom nobody here gets anything: IMIDs and @domains, with spaces between them.',
  ),
  filter: listSetting(
    (text) => text,
    'write a program and its arguments, such as ["/usr/local/bin/judge-mail", "--strict"]',
    [],
    'A program that is given each message on its standard input before it is taken: exit code 0 takes it, 1 puts it into JUNK, ' +
      '2 refuses it.',
  ),
  filter_time: durationSetting('10 s', 'How long that program may take. Then the message is taken.'),
  spam: settingTable(
    z.strictObject({
      threshold: countSetting(
        0,
        'Mail of a domain goes into JUNK when so many users have called some of it spam within 30 days. 0: never.',
      ),
    }),
    'What users report.',
  ),
  ...federationSettings,
  xmpp: settingTable(xmppSettings, 'Mail between domains over XMPP.'),
});

export type ImmpSettings = z.infer<typeof settings>;
