// The delivery modules that a configuration asks for, with the files that it names.

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { messageOf } from '../../base/errors.ts';
import type { Post } from '../../post/post.ts';
import type { RelayHost } from '../../smtp/relay.ts';
import { parseAddressFile } from './address-file.ts';
import { parseBlacklist } from './blacklist.ts';
import { ExitError } from './errors.ts';
import { mboxModule } from './mbox-module.ts';
import type { ExitModule } from './module.ts';
import { retrySchedule } from './retry-setting.ts';
import { sendMail } from './send-mail.ts';
import { type ExitSettings, mailStyle, relayEndpoint } from './settings.ts';
import { smtpModule } from './smtp-module.ts';

export interface Configuration {
  readonly post: Post;
  readonly settings: ExitSettings;
  /** What this office calls itself to the relay host. */
  readonly hostname: string;
  /** Where the file names of the settings are relative to. */
  readonly folder: string;
  /** Mboxes besides those of the address file, by name: counters of this office have them. */
  readonly mboxes?: ReadonlyMap<string, string>;
}

/** Throws ExitError `exit-file` or `exit-line` when a file cannot be used: an exit without its blacklist must not run. */
export async function configuredModules({
  post,
  settings,
  hostname,
  folder,
  mboxes = new Map(),
}: Configuration): Promise<ExitModule[]> {
  const { smtp, mbox } = settings;
  if (!smtp.enabled && !mbox.enabled) return [];
  const read = (name: string) => readNamed(resolve(folder, name));
  const send = sendMail(post, hostname, await relayHost(settings, read));
  const modules: ExitModule[] = [];
  if (smtp.enabled) {
    const blacklist = parseBlacklist(smtp.blacklist_file === '' ? '' : await read(smtp.blacklist_file));
    modules.push(smtpModule({ schedule: retrySchedule(smtp.retry), style: mailStyle(smtp), blacklist, send }));
  }
  if (mbox.enabled) {
    const named = parseAddressFile(mbox.address_file === '' ? '' : await read(mbox.address_file));
    const users = new Map([...named, ...mboxes]);
    modules.push(mboxModule({ schedule: retrySchedule(mbox.retry), style: mailStyle(mbox), users, send }));
  }
  return modules;
}

async function relayHost(
  settings: ExitSettings,
  read: (name: string) => Promise<string>,
): Promise<RelayHost | undefined> {
  const { tls, user, password_file, ca_file } = settings.relay;
  const endpoint = relayEndpoint(settings);
  if (endpoint === undefined) return undefined;
  const login = user === '' ? {} : { user, password: (await read(password_file)).trim() };
  return { endpoint, tls, ...login, ...(ca_file === '' ? {} : { ca: await read(ca_file) }) };
}

async function readNamed(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new ExitError('exit-file', `a file of the settings cannot be read: ${messageOf(cause)}`, {
      cause,
      remedy: 'is the name right, and may this user read it?',
    });
  }
}
