// What can be set inside an office: the settings of the programs, a table for each, and what they share once above them.   spec: ima 2.12

import { z } from 'zod';
import { settingTable } from '../post/setting-tables.ts';
import { flag, type Kind, type Kinds, text, type ValuesOf } from './programs/kinds.ts';
import {
  giveFields,
  handleFields,
  hostparts,
  ownCertificate,
  postOfficeFields,
  receiveFields,
  sendFields,
  submissionFields,
  trustFields,
} from './programs/settings.ts';

/** A table of the file, with all that is wrong in it told. */
export function tableOf<Table extends Kinds>(kinds: Table, about = ''): z.ZodType<ValuesOf<Table>> {
  return settingTable(objectOf(kinds), about);
}

function objectOf<Table extends Kinds>(kinds: Table): z.ZodType<ValuesOf<Table>> {
  const fields = Object.entries(kinds).map(([name, kind]) => [name, checked(kind)]);
  return z.strictObject(Object.fromEntries(fields)) as unknown as z.ZodType<ValuesOf<Table>>;
}

function checked<T>({ about, written, help, read }: Kind<T>): z.ZodType<T> {
  const value = z.unknown().transform((given, context): T => {
    const right = read(given);
    if (right !== undefined) return right;
    context.addIssue({ code: 'custom', message: help, input: given });
    return z.NEVER;
  });
  return value.prefault(written).meta({ about, written });
}

export const settings = z.strictObject({
  hostparts: checked(hostparts),
  cert: checked(ownCertificate.cert),
  key: checked(ownCertificate.key),
  extra_ca: checked(trustFields.extra_ca),
  only_extra_ca: checked(trustFields.only_extra_ca),
  pins: checked(trustFields.pins),
  routing_table: checked(
    text('', 'A file with entries of your own, asked before those that each account and each list has by itself.'),
  ),
  'server-receive': tableOf(receiveFields('127.0.0.1:4625'), 'Mail from other servers (IMDP).'),
  'server-handle-incoming-mail': tableOf(handleFields, 'Which command gets the mail of which address.'),
  'server-give-recipient': tableOf(giveFields('1 GiB', 100_000), 'Mail into the inbox of an account.'),
  'server-post-office': tableOf(postOfficeFields('127.0.0.1:4626'), 'Users fetch their mail (IMRP).'),
  submission: tableOf(submissionFields('127.0.0.1:4627'), 'Users hand in mail. The handler also gets what lists send.'),
  'server-send-mail': tableOf(
    {
      ...sendFields,
      queue: flag(
        false,
        'Keep mail for servers that are away, and try again for five days. Otherwise the sender is told at once.',
      ),
      ordinary_mail: flag(
        true,
        'Send ordinary mail to recipients whose domain has no IMA server, when the SMTP counter of this office is open. Otherwise they are refused.',
      ),
    },
    'Mail to other servers (IMDP).',
  ),
});

export type ImaSettings = z.infer<typeof settings>;
