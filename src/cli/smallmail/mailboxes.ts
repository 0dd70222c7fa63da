// `postern smallmail new` and `address`.

import { writeFile } from 'node:fs/promises';
import { parseEndpoint } from '../../net/endpoint.ts';
import { DEFAULT_PORT, formatAddress, formatUri } from '../../smallmail/client/address.ts';
import { armourKey, formatFingerprint } from '../../smallmail/client/contacts.ts';
import { readMailbox, readServer } from '../../smallmail/client/home.ts';
import { publicHalf } from '../../smallmail/client/key-pair.ts';
import { createMailbox } from '../../smallmail/client/sending.ts';
import { askSecret } from '../ask-person.ts';
import type { OfflineOptions, OnlineOptions } from '../client-options.ts';
import { UsageError } from '../command.ts';
import { facts, print, printJson } from '../output.ts';
import { homeOf, withCourier } from './client.ts';

interface NewOptions extends OnlineOptions {
  readonly server: string;
  readonly sealed?: boolean;
}

export async function makeMailbox(label: string, options: NewOptions): Promise<void> {
  const server = parseEndpoint(options.server.toLowerCase(), DEFAULT_PORT);
  if (server === undefined) throw new UsageError(`${options.server} is not a server`, 'give host:port');
  const passphrase = options.sealed ? await newPassphrase() : undefined;
  const mailbox = await withCourier(options, `making ${label}`, (courier) =>
    createMailbox(courier, { label, server, passphrase }),
  );
  const address = formatAddress(mailbox.address);
  if (options.json) return printJson({ name: label, address });
  print(
    facts([
      ['mailbox', label],
      ['address', address],
      ['pass on', `postern smallmail address ${label} --key ${label}.asc`],
    ]),
  );
}

async function newPassphrase(): Promise<string> {
  const given = process.env['POSTERN_PASSPHRASE'];
  if (given) return given;
  const first = await askSecret('New passphrase: ');
  if (!first)
    throw new UsageError('a sealed key needs a passphrase', 'run this in a terminal, or set POSTERN_PASSPHRASE');
  if ((await askSecret('Again: ')) !== first) throw new UsageError('the two are not the same');
  return first;
}

interface AddressOptions extends OfflineOptions {
  readonly key?: string;
  readonly pin?: boolean;
}

export async function showAddress(label: string, options: AddressOptions): Promise<void> {
  const home = await homeOf(options);
  const mailbox = await readMailbox(home, label);
  const { pin } = options.pin ? await readServer(home, mailbox.address) : {};
  const address = { ...mailbox.address, ...(pin === undefined ? {} : { pin }) };
  if (options.key !== undefined) await writeFile(options.key, await armourKey(await publicHalf(mailbox.secretKey)));
  if (options.json) {
    return printJson({ name: label, address: formatAddress(address), uri: formatUri(address), made: mailbox.made });
  }
  const [first = '', second = ''] = formatFingerprint(address.mailbox).split('\n');
  print(
    facts([
      ['address', formatAddress(address)],
      ['fingerprint', first],
      ['', second],
      ...(options.key === undefined ? [] : ([['key', options.key]] as const)),
      ...(mailbox.made ? [] : ([['note', `not on its server yet: postern smallmail new ${label}`]] as const)),
    ]),
  );
}
