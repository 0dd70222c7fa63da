// What can be set, program by program. A program that runs alone reads its own table from a file of its own; inside an office all tables
// stand in the office's file, and what they share stands once above them.   spec: ima 2.12

import { z } from 'zod';
import {
  choiceSetting,
  countSetting,
  endpointsSetting,
  flagSetting,
  listSetting,
  sizeSetting,
  textSetting,
} from '../post/setting-kinds.ts';
import { settingTable } from '../post/setting-tables.ts';
import { parseFixed } from './sending/places.ts';
import { isHostpart } from './wire/names.ts';

const KEY = /^[0-9a-f]{64}$/i;

const hostparts = listSetting(
  (text) => (isHostpart(text) ? text.toLowerCase() : undefined),
  'write domains, such as ["example.org"]',
  [],
  'The domains whose mail is here: what stands behind the @ of its addresses.',
);

const trustFields = {
  extra_ca: listSetting(
    (text) => text || undefined,
    'write names of files',
    [],
    'PEM files with authorities to trust beside those of the system.',
  ),
  only_extra_ca: flagSetting(false, 'Trust the authorities of extra_ca alone: for private networks.'),
  pins: listSetting(
    parsePin,
    'write domains with keys, such as ["example.net=0f3a…"], 64 hex digits each',
    [],
    'Keys (SHA-256 of the SubjectPublicKeyInfo) that the certificate of a domain must have, in addition to all else. A domain may stand there more than once.',
  ),
};

const ownCertificate = {
  cert: textSetting('', 'PEM file with the certificate of this server, and the certificates above it.'),
  key: textSetting('', 'PEM file with the key of that certificate.'),
};

const connectionFields = {
  connections: countSetting(256, 'How many connections may be open at once, on each listening address.', {
    min: 1,
    max: 100_000,
  }),
  connections_per_address: countSetting(16, 'How many of them from one IPv4 address or IPv6 /64.', {
    min: 1,
    max: 100_000,
  }),
};

const handlerSetting = (program: string) =>
  textSetting(
    '',
    `The command that is given each message on its standard input; its output is sent back, its exit decides (0 OK, 1 FAIL, 2 PARTIAL, 3 drop the connection). "": ${program}.`,
  );

const receiveFields = (listen: string) => ({
  listen: endpointsSetting([listen], 'Where other servers deliver mail. [] closes it.'),
  client_eku: choiceSetting(
    ['any', 'clientAuth'],
    'any',
    'Which purpose the certificates of other servers must have. Public authorities issue certificates for servers alone: "any" takes those too.',
  ),
  max_size: sizeSetting('50 MiB', 'The longest message, without its headers.'),
  handler: handlerSetting('server-handle-incoming-mail'),
  early_recipients: flagSetting(true, 'Refuse a message for unknown recipients before its data are sent.'),
  refused: listSetting(
    (text) => (isHostpart(text) ? text.toLowerCase() : undefined),
    'write domains',
    [],
    'Domains from which nothing is taken.',
  ),
  ...connectionFields,
});

const handleFields = {
  lenient_recipients: flagSetting(false, 'Serve the known recipients of a message though others are unknown.'),
};

const giveFields = (size: string, messages: number) => ({
  max_bytes: sizeSetting(size, 'How much an inbox may hold. "0 B": any amount.'),
  max_messages: countSetting(messages, 'How many messages an inbox may hold. 0: any number.'),
});

const postOfficeFields = (listen: string) => ({
  listen: endpointsSetting([listen], 'Where users fetch their mail. [] closes it.'),
  user_ca: listSetting(
    (text) => text || undefined,
    'write names of files',
    [],
    "PEM files with authorities whose certificates, made out to a user's address, are as good as a key that he registered.",
  ),
  ...connectionFields,
});

const submissionFields = (listen: string) => ({
  listen: endpointsSetting([listen], 'Where users hand in mail. [] closes it.'),
  handler: handlerSetting('server-send-mail'),
  ...connectionFields,
});

const sendFields = {
  static_hosts: listSetting(
    parseFixed,
    'write domains with addresses, such as ["example.net=192.0.2.1:4625"]',
    [],
    'Where the servers of some domains are, instead of asking the name service.',
  ),
};

export const programSettings = {
  'server-receive': z.strictObject({
    hostparts,
    ...receiveFields('0.0.0.0:4625'),
    ...ownCertificate,
    ...trustFields,
    routing_table: textSetting('', 'The routing table, for early_recipients.'),
    handler_config: textSetting(
      '',
      'The configuration file of server-handle-incoming-mail, where that is the handler.',
    ),
  }),
  'server-handle-incoming-mail': z.strictObject({
    hostparts,
    routing_table: textSetting('routing_table', 'The file with an entry for each address.'),
    ...handleFields,
    mailboxes: textSetting('mailboxes', 'The folder of all mailboxes: %m in the routing table is MAILBOXES/HOST/NAME.'),
    seen: textSetting(
      '',
      'A folder that remembers for a week what was stored for whom, so that a message sent again is stored once. "": nothing is remembered.',
    ),
    send_config: textSetting('', 'The configuration file of server-send-mail, for lists.'),
    ...giveFields('0 B', 0),
  }),
  'server-give-recipient': z.strictObject(giveFields('0 B', 0)),
  'server-post-office': z.strictObject({
    ...postOfficeFields('0.0.0.0:4626'),
    ...ownCertificate,
    users: textSetting(
      'users.toml',
      'The file of users: a table for each address with `auth`, `password`, `keys`, `mailbox`.',
    ),
    mailboxes: textSetting('mailboxes', 'The folder of all mailboxes, for users without one of their own.'),
  }),
  'server-send-mail': z.strictObject({
    hostparts,
    ...ownCertificate,
    ...trustFields,
    ...sendFields,
    routing_table: textSetting('', 'The routing table, for recipients that are here.'),
    handler: handlerSetting('server-handle-incoming-mail, for recipients that are here'),
    handler_config: textSetting(
      '',
      'The configuration file of server-handle-incoming-mail, where that is the handler.',
    ),
  }),
  'make-ima-message': z.strictObject({}),
  'fetch-mail': z.strictObject({
    host: textSetting('', 'The server: a domain, whose SRV records are asked, or "host:port".'),
    name: textSetting('', 'The name that its certificate must have; that of `host` when empty.'),
    user: textSetting('', 'Your address or name there.'),
    password_file: textSetting('', 'A file with your password, that nobody else may read.'),
    cert: textSetting('', 'PEM file with your own certificate, where that is how you are known.'),
    key: textSetting('', 'PEM file with its key.'),
    ...trustFields,
    local_dir: textSetting('mail', 'The folder that becomes a copy of your mailbox.'),
    delete: flagSetting(false, 'Delete on the server what was fetched.'),
  }),
};

export type ProgramName = keyof typeof programSettings;
export type SettingsOf<Name extends ProgramName> = z.infer<(typeof programSettings)[Name]>;

/** Inside an office. */
export const settings = z.strictObject({
  hostparts,
  ...ownCertificate,
  ...trustFields,
  routing_table: textSetting(
    '',
    'A file with entries of your own, asked before those that each account and each list has by itself.',
  ),
  'server-receive': settingTable(z.strictObject(receiveFields('127.0.0.1:4625')), 'Mail from other servers (IMDP).'),
  'server-handle-incoming-mail': settingTable(
    z.strictObject(handleFields),
    'Which command gets the mail of which address.',
  ),
  'server-give-recipient': settingTable(
    z.strictObject(giveFields('1 GiB', 100_000)),
    'Mail into the inbox of an account.',
  ),
  'server-post-office': settingTable(
    z.strictObject(postOfficeFields('127.0.0.1:4626')),
    'Users fetch their mail (IMRP).',
  ),
  submission: settingTable(z.strictObject(submissionFields('127.0.0.1:4627')), 'Users hand in mail.'),
  'server-send-mail': settingTable(
    z.strictObject({
      ...sendFields,
      queue: flagSetting(
        false,
        'Keep mail for servers that are away, and try again for five days. Otherwise the sender is told at once.',
      ),
      ordinary_mail: flagSetting(
        true,
        'Send ordinary mail to recipients whose domain has no IMA server, when the SMTP counter of this office is open. Otherwise they are refused.',
      ),
    }),
    'Mail to other servers (IMDP).',
  ),
});

export type ImaSettings = z.infer<typeof settings>;

export type TrustFields = Pick<ImaSettings, 'extra_ca' | 'only_extra_ca' | 'pins'>;

function parsePin(text: string): readonly [host: string, key: string] | undefined {
  const [host = '', key = ''] = text.split('=', 2);
  return isHostpart(host) && KEY.test(key) ? [host.toLowerCase(), key.toLowerCase()] : undefined;
}
