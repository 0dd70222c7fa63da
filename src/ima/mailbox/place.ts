// Where the mailbox of an address lies below the folder of all mailboxes.   spec: ima 2.6

import { join } from 'node:path';
import { sameForm, splitAddress } from '../wire/names.ts';

/** `FOLDER/HOST/NAME`; a name of dots alone, which means something else to a file system, gets a mark. The address must be one. */
export function mailboxPath(folder: string, address: string): string {
  const { local = '', host = '' } = splitAddress(sameForm(address)) ?? {};
  return join(folder, host, /^\.+$/.test(local) ? `%${local}` : local);
}
