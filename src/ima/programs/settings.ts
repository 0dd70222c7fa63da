// What can be set, program by program. A program that runs alone reads its own table from a file of its own; inside an office the same
// settings stand in the office's file, and what several share stands there once.   spec: ima 2.12

import { type Endpoint, parseEndpoint } from '../../net/endpoint.ts';
import { isHostpart } from '../wire/names.ts';
import { choice, count, endpoints, flag, type Kinds, list, size, text, type ValuesOf } from './kinds.ts';

const KEY = /^[0-9a-f]{64}$/i;

const files = (about: string) => list((name) => name || undefined, 'write names of files', [], about);
const domains = (help: string, about: string) =>
  list((name) => (isHostpart(name) ? name.toLowerCase() : undefined), help, [], about);

export const hostparts = domains(
  'write domains, such as ["example.org"]',
  'The domains whose mail is here: what stands behind the @ of its addresses.',
);

export const trustFields = {
  extra_ca: files('PEM files with authorities to trust beside those of the system.'),
  only_extra_ca: flag(false, 'Trust the authorities of extra_ca alone: for private networks.'),
  pins: list(
    parsePin,
    'write domains with keys, such as ["example.net=0f3a…"], 64 hex digits each',
    [],
    'Keys (SHA-256 of the SubjectPublicKeyInfo) that the certificate of a domain must have, in addition to all else. A domain may stand there more than once.',
  ),
};

export const ownCertificate = {
  cert: text('', 'PEM file with the certificate of this server, and the certificates above it.'),
  key: text('', 'PEM file with the key of that certificate, which nobody else may read.'),
};

const connectionFields = {
  connections: count(256, 'How many connections may be open at once, on each listening address.', {
    min: 1,
    max: 100_000,
  }),
  connections_per_address: count(16, 'How many of them from one IPv4 address or IPv6 /64.', { min: 1, max: 100_000 }),
};

const handlerSetting = (program: string) =>
  text(
    '',
    `The command that is given each message on its standard input; its output is sent back, its exit decides (0 OK, 1 FAIL, 2 PARTIAL, 3 drop the connection). "": ${program}.`,
  );

const handlerConfig = text(
  '',
  'The configuration file of server-handle-incoming-mail, where that is the handler. "": the one of its name.',
);

const userField = {
  user: text(
    '',
    'Started by root, become this user as soon as the ports are open and the keys are read; all that it runs is of that user too. "": stay what it is.',
  ),
};

export const receiveFields = (listen: string) => ({
  listen: endpoints([listen], 'Where other servers deliver mail. [] closes it.'),
  client_eku: choice(
    ['any', 'clientAuth'],
    'any',
    'Which purpose the certificates of other servers must have. Public authorities issue certificates for servers alone: "any" takes those too.',
  ),
  max_size: size('50 MiB', 'The longest message, without its headers.'),
  handler: handlerSetting('server-handle-incoming-mail'),
  early_recipients: flag(true, 'Refuse a message for unknown recipients before its data are sent.'),
  refused: domains('write domains', 'Domains from which nothing is taken.'),
  ...connectionFields,
});

export const handleFields = {
  lenient_recipients: flag(false, 'Serve the known recipients of a message though others are unknown.'),
};

export const giveFields = (bytes: string, messages: number) => ({
  max_bytes: size(bytes, 'How much an inbox may hold. "0 B": any amount.'),
  max_messages: count(messages, 'How many messages an inbox may hold. 0: any number.'),
});

export const postOfficeFields = (listen: string) => ({
  listen: endpoints([listen], 'Where users fetch their mail. [] closes it.'),
  user_ca: files(
    "PEM files with authorities whose certificates, made out to a user's address, are as good as a key that he registered.",
  ),
  ...connectionFields,
});

export const submissionFields = (listen: string) => ({
  listen: endpoints([listen], 'Where users hand in mail. [] closes it.'),
  handler: handlerSetting('server-send-mail'),
  ...connectionFields,
});

export const sendFields = {
  static_hosts: list(
    parseFixed,
    'write domains with addresses, such as ["example.net=192.0.2.1:4625"]',
    [],
    'Where the servers of some domains are, instead of asking the name service.',
  ),
};

export const programSettings = {
  'server-receive': {
    hostparts,
    ...receiveFields('0.0.0.0:4625'),
    ...ownCertificate,
    ...trustFields,
    ...userField,
    routing_table: text('', 'The routing table, for early_recipients.'),
    handler_config: handlerConfig,
  },
  'server-handle-incoming-mail': {
    hostparts,
    routing_table: text('routing_table', 'The file with an entry for each address.'),
    ...handleFields,
    mailboxes: text('mailboxes', 'The folder of all mailboxes: %m in the routing table is MAILBOXES/HOST/NAME.'),
    seen: text(
      '',
      'A folder that remembers for a week what was stored for whom, so that a message sent again is stored once. "": nothing is remembered.',
    ),
    lists: text(
      'lists',
      'The folder with a file for each list of the routing table: who is subscribed, who may write.',
    ),
    sender: text('', 'The command that sends what lists write, as server-send-mail does. "": server-send-mail.'),
    send_config: text(
      '',
      'The configuration file of server-send-mail, where that is the sender. "": the one of its name.',
    ),
    ...userField,
    ...giveFields('0 B', 0),
  },
  'server-give-recipient': giveFields('0 B', 0),
  'server-post-office': {
    ...postOfficeFields('0.0.0.0:4626'),
    ...ownCertificate,
    ...userField,
    users: text(
      'users.toml',
      'The file of users: a table for each address with `auth`, `password`, `keys`, `mailbox`.',
    ),
    mailboxes: text('mailboxes', 'The folder of all mailboxes, for users without one of their own.'),
  },
  'server-send-mail': {
    hostparts,
    ...ownCertificate,
    ...trustFields,
    ...userField,
    ...sendFields,
    queue: text(
      '',
      'A folder for mail to servers that are away; `server-send-mail --retry` tries again, for five days. "": nothing is kept, and the sender is told at once.',
    ),
    routing_table: text('', 'The routing table, for recipients that are here.'),
    handler: handlerSetting('server-handle-incoming-mail, for recipients that are here'),
    handler_config: handlerConfig,
  },
  'make-ima-message': {},
  'fetch-mail': {
    host: text('', 'The server: a domain, whose SRV records are asked, or "host:port".'),
    name: text('', 'The name that its certificate must have; that of `host` when empty.'),
    user: text('', 'Your address or name there.'),
    password_file: text('', 'A file with your password, that nobody else may read.'),
    cert: text('', 'PEM file with your own certificate, where that is how you are known.'),
    key: text('', 'PEM file with its key, which nobody else may read.'),
    ...trustFields,
    local_dir: text('mail', 'The folder that becomes a copy of your mailbox.'),
    delete: flag(false, 'Delete on the server what was fetched.'),
  },
} satisfies Readonly<Record<string, Kinds>>;

export type ProgramName = keyof typeof programSettings;
export type SettingsOf<Name extends ProgramName> = ValuesOf<(typeof programSettings)[Name]>;
export type TrustFields = ValuesOf<typeof trustFields>;

function parsePin(pin: string): readonly [host: string, key: string] | undefined {
  const [host = '', key = ''] = pin.split('=', 2);
  return isHostpart(host) && KEY.test(key) ? [host.toLowerCase(), key.toLowerCase()] : undefined;
}

/** `b.test=127.0.0.1:4625`; undefined when it is not of this form. */
function parseFixed(text: string): readonly [host: string, at: Endpoint] | undefined {
  const [host = '', at = ''] = text.split('=', 2);
  const endpoint = parseEndpoint(at.trim());
  return endpoint === undefined || host.trim() === '' ? undefined : [host.trim().toLowerCase(), endpoint];
}
