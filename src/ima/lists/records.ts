// Where lists are kept: in an office's store, or, for the programs that run alone, in a folder with a file for each, which the operator may
// write by hand.   spec: ima 2.6

import { join } from 'node:path';
import { lockWithin } from '../../base/process-lock.ts';
import { SECOND, systemClock } from '../../base/time.ts';
import { makeFolder, readDocument, writeDocument } from '../../base/user-folder.ts';
import type { Documents } from '../../store/store.ts';
import { ImaError } from '../errors.ts';
import { sameForm } from '../wire/names.ts';
import { listForm, type MailList } from './list.ts';

const OWNER = 'ima/lists';
/** Another process holds a file in real time, whatever clock runs here. */
const PATIENCE = 30 * SECOND;
const fileForm = listForm.omit({ address: true }).partial();

/** Every change begins from what the one before it left, whoever made that. */
export interface ListRecords {
  get(address: string): Promise<MailList | undefined>;
  /** The list as it is then; undefined when there is none. */
  change(address: string, change: (list: MailList) => MailList): Promise<MailList | undefined>;
}

/** With what an operator asks for. */
export interface StoredLists extends ListRecords {
  /** False when there is one of this address. */
  add(list: MailList): Promise<boolean>;
  /** False when there was none. */
  remove(address: string): Promise<boolean>;
  addresses(): Promise<string[]>;
}

export function listsInStore(documents: Documents): StoredLists {
  const octets = (list: MailList) => Buffer.from(JSON.stringify(list));
  const read = (value: Buffer) => listForm.parse(JSON.parse(value.toString()));
  return {
    async get(address) {
      const document = await documents.get(OWNER, sameForm(address));
      return document && read(document.value);
    },
    async change(address, change) {
      for (;;) {
        const document = await documents.get(OWNER, sameForm(address));
        if (document === undefined) return undefined;
        const changed = change(read(document.value));
        if ((await documents.put(OWNER, sameForm(address), octets(changed), document.version)) !== undefined)
          return changed;
      }
    },
    add: async (list) => (await documents.put(OWNER, sameForm(list.address), octets(list), 0)) !== undefined,
    remove: (address) => documents.remove(OWNER, sameForm(address)),
    addresses: () => documents.list(OWNER),
  };
}

/** The routing table says which lists there are; one without a file has no subscribers yet. */
export function listsInFolder(folder: string): ListRecords {
  const fileOf = (address: string) => join(folder, `${sameForm(address)}.json`);
  const get = async (address: string): Promise<MailList> => {
    const {
      posting = 'subscribers',
      subscribers = [],
      pending = [],
    } = (await readDocument(fileOf(address), fileForm)) ?? {};
    return { address, posting, subscribers, pending };
  };
  return {
    get,
    async change(address, change) {
      await makeFolder(folder);
      const lock = await lockWithin(fileOf(address), { clock: systemClock, patience: PATIENCE });
      if (lock === undefined) throw new ImaError('later', 'another program holds the list');
      using _held = lock;
      const { address: _name, ...changed } = change(await get(address));
      await writeDocument(fileOf(address), changed);
      return { address, ...changed };
    },
  };
}

/** As the programs keep it, for `postern export`. */
export async function writeListFile(folder: string, { address, ...list }: MailList): Promise<void> {
  await makeFolder(folder);
  await writeDocument(join(folder, `${sameForm(address)}.json`), list);
}
