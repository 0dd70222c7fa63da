// What the operator may set about deliveries: the tables [mix.relay], [mix.smtp], [mix.mbox] and [mix.fragmented].
// spec: mixminion-server 8

import { z } from 'zod';
import { type Endpoint, isLoopback, parseEndpoint } from '../../net/endpoint.ts';
import type { Danger } from '../../post/counter.ts';
import { choiceSetting, durationSetting, flagSetting, sizeSetting, textSetting } from '../../post/setting-kinds.ts';
import { settingTable } from '../../post/setting-tables.ts';
import type { DescriptorFields } from '../directory/descriptor-fields.ts';
import { isMailbox } from '../packet/routing.ts';
import { fragmentCapacity } from '../payload/fragment.ts';
import { planFragments } from '../payload/fragment-plan.ts';
import { deliveryFields, type MailStyle } from './mail.ts';
import { retrySetting } from './retry-setting.ts';

const SMTP_PORT = 25;
/** Octets of a message put together: what one job of the store's queue holds, and some to spare. */
const MOST_REASSEMBLED = 8 * 1024 * 1024;
const DEFAULT_RETRY = '7 hours for 6 days';
/** Senders name themselves freely; at an mbox nobody may set another tag.   spec: mixminion-server 4.1 */
const MBOX_TAG = '[Anon]';

const relay = z.strictObject({
  host: textSetting(
    '',
    'The mail server that takes our mail to the world, as "host:port". Empty: there is none.',
  ).refine((text) => text === '' || parseEndpoint(text, SMTP_PORT) !== undefined, {
    error: 'write a host and its port, such as "localhost:25" or "mail.example.org:465"',
  }),
  tls: choiceSetting(
    ['starttls', 'implicit', 'none'],
    'starttls',
    'How the way there is kept private: "implicit" for port 465, "starttls" for 25 and 587, "none" for this machine alone.',
  ),
  user: textSetting('', 'The name to log in with. Empty: without.'),
  password_file: textSetting('', 'A file with the password, readable by the office alone.'),
  ca_file: textSetting('', "A PEM file with the certificates to trust in place of the system's."),
});

/** What all outgoing mail has in common. */
const mail = {
  advertise: flagSetting(true, 'Whether the directory tells of it. Packets are delivered either way.'),
  retry: retrySetting(DEFAULT_RETRY, 'When to try again what could not be delivered, counted from its arrival.'),
  return_address: textSetting(
    '',
    'The address that outgoing mail comes from. Bounces go there, so nobody should have to answer for it.',
  ).refine((text) => text === '' || isMailbox(text), { error: 'write a mail address, user@host' }),
  maximum_size: sizeSetting('100 KiB', 'The largest text that is delivered: at least 32 KiB, and whole KiB.'),
  allow_from: flagSetting(true, 'Whether a sender may choose the name (never the address) that the mail comes from.'),
  subject: header('Type III Anonymous Message', 'The subject of mail whose sender gave none.'),
  abuse: header('', 'Whom to tell of abuse: goes out as X-Abuse.'),
  comments: header('', 'Goes out as Comments.'),
  message: textSetting('', 'Stands above each message: what this is, and how to have no more of it.').refine(
    (text) => /^[\n -~]*$/.test(text),
    { error: 'use ASCII letters only' },
  ),
};

const smtp = z.strictObject({
  enabled: flagSetting(false, 'Delivers to any mail address. You will hear from people who do not want such mail.'),
  ...mail,
  from_tag: header('[Anon]', "Stands in front of a sender's chosen name.").refine((tag) => !/["\\]/.test(tag), {
    error: 'leave out quotation marks and backslashes',
  }),
  blacklist_file: textSetting(
    '',
    'Who has opted out: lines such as "deny address user@example.org", "deny allhosts example.org", "deny pattern /regex/".',
  ),
});

const mbox = z.strictObject({
  enabled: flagSetting(false, 'Delivers to the users of this server, as address_file names them.'),
  ...mail,
  address_file: textSetting('', 'Lines "NAME : ADDRESS"; mailboxes of this office or anywhere else.'),
});

const fragmented = z.strictObject({
  enabled: flagSetting(false, 'Puts long messages together before it delivers them.'),
  maximum_size: sizeSetting('1 MiB', 'The largest of them, compressed.').refine(
    (size) => size > fragmentCapacity(0) && size <= MOST_REASSEMBLED,
    { error: 'write a size above 28625 octets, up to "8 MiB"' },
  ),
  maximum_interval: durationSetting('2 d', 'How long their parts may take to arrive, in whole days.'),
});

/** The tables by name, for the settings of the counter. */
export const exitTables = {
  relay: settingTable(relay, 'The mail server through which deliveries leave.'),
  smtp: settingTable(smtp, 'Deliveries to mail addresses.'),
  mbox: settingTable(mbox, 'Deliveries to the users of this server.'),
  fragmented: settingTable(fragmented, 'Long messages, which come in several packets.'),
};

export interface ExitSettings {
  readonly relay: z.infer<typeof relay>;
  readonly smtp: z.infer<typeof smtp>;
  readonly mbox: z.infer<typeof mbox>;
  readonly fragmented: z.infer<typeof fragmented>;
}

/** The mail server through which mail leaves; undefined when there is none. */
export function relayEndpoint({ relay }: ExitSettings): Endpoint | undefined {
  return parseEndpoint(relay.host, SMTP_PORT);
}

/** How mail of this kind looks. */
export function mailStyle(table: ExitSettings['smtp'] | ExitSettings['mbox']): MailStyle {
  return {
    returnAddress: table.return_address,
    allowFrom: table.allow_from,
    fromTag: 'from_tag' in table ? table.from_tag : MBOX_TAG,
    subject: table.subject,
    abuse: table.abuse,
    comments: table.comments,
    disclaimer: table.message,
    maximumSize: table.maximum_size,
  };
}

/** What the server's descriptor says of its deliveries.   spec: mixminion-server 4.4, 4.6 */
export function advertised({
  smtp,
  mbox,
  fragmented,
}: ExitSettings): Pick<DescriptorFields, 'smtp' | 'mbox' | 'maximumFragments'> {
  return {
    ...(mbox.enabled && mbox.advertise ? { mbox: deliveryFields(mailStyle(mbox)) } : {}),
    ...(smtp.enabled && smtp.advertise ? { smtp: deliveryFields(mailStyle(smtp)) } : {}),
    ...(fragmented.enabled ? { maximumFragments: planFragments(fragmented.maximum_size, 0).packets } : {}),
  };
}

/**
 * Settings with which no exit can work. `prefix` is the counter's name; `nymserver` says whether there is one in this office, which brings
 * an exit, and an mbox whose mail goes nowhere else.
 */
export function exitDangers(settings: ExitSettings, prefix: string, nymserver: boolean): Danger[] {
  const { relay, smtp, mbox, fragmented } = settings;
  const isForNymserver = nymserver && mbox.address_file === '';
  const to = relayEndpoint(settings);
  const findings: readonly (readonly [found: boolean, setting: string, message: string, remedy: string])[] = [
    [
      to !== undefined && relay.tls === 'none' && !isLoopback(to.host),
      'relay.tls',
      'mail would cross the network in the clear',
      'set it to "starttls" or "implicit", or use a mail server on this machine',
    ],
    [
      (relay.user === '') !== (relay.password_file === ''),
      'relay.password_file',
      'a user and a password belong together',
      'set both or neither',
    ],
    [
      smtp.enabled && to === undefined,
      'relay.host',
      'there is no way out for mail',
      'name a mail server, or set smtp.enabled = false',
    ],
    ...(['smtp', 'mbox'] as const).map((kind) => {
      const table = { smtp, mbox }[kind];
      const sends = table.enabled && !(kind === 'mbox' && isForNymserver);
      return [
        sends && table.return_address === '',
        `${kind}.return_address`,
        'outgoing mail needs an address that it comes from',
        'set one',
      ] as const;
    }),
    [
      mbox.enabled && mbox.address_file === '' && !nymserver,
      'mbox.address_file',
      'no user is named anywhere',
      'name the file with the users',
    ],
    [
      fragmented.enabled && !smtp.enabled && !mbox.enabled && !nymserver,
      'fragmented.enabled',
      'messages would be put together and could not be delivered',
      'enable smtp or mbox, or open a nymserver as well, or set it to false',
    ],
  ];
  return findings
    .filter(([found]) => found)
    .map(([, setting, message, remedy]) => ({ setting: `${prefix}.${setting}`, message, remedy }));
}

/** A text that a mail header can carry. */
function header(byDefault: string, about: string) {
  return textSetting(byDefault, about).refine((text) => /^[ -~]*$/.test(text), {
    error: 'use ASCII letters on one line only',
  });
}
