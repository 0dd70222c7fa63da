// A user's own folder: his account at a server, and the copy of his mailbox.   spec: ima 2.8

import { join } from 'node:path';
import { z } from 'zod';
import { makeFolder, readDocument, writeDocument } from '../../base/user-folder.ts';
import { ImaError } from '../errors.ts';

const endpoint = z.strictObject({ host: z.string(), port: z.number() });
const accountForm = z.strictObject({
  address: z.string(),
  /** Where to connect, in place of what the name service says. */
  imrp: endpoint.optional(),
  submission: endpoint.optional(),
  extraCa: z.array(z.string()),
  onlyExtraCa: z.boolean(),
  password: z.string().optional(),
  cert: z.string(),
  key: z.string(),
});
export type ImaAccount = z.infer<typeof accountForm>;

export class ImaHome {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** The copy of the mailbox. */
  get mail(): string {
    return join(this.path, 'mail');
  }

  /** Throws ImaError `unknown` when nobody has logged in. */
  async account(): Promise<ImaAccount> {
    const account = await readDocument(join(this.path, 'account.json'), accountForm);
    if (account !== undefined) return account;
    throw new ImaError('unknown', 'there is no account here yet', { remedy: 'postern ima login ADDRESS' });
  }

  async save(account: ImaAccount): Promise<void> {
    await makeFolder(this.path);
    await writeDocument(join(this.path, 'account.json'), account);
  }
}
