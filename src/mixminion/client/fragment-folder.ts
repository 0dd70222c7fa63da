// The fragment pool on disk: a folder for each message, with its record and its pieces. The record is replaced last, so
// that a crash leaves at worst a piece that no record speaks of. One process at a time.

import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../base/errors.ts';
import { replaceFile } from '../../base/files.ts';
import type { ReassemblyStorage } from '../payload/reassembly.ts';
import type { MessageState } from '../payload/reassembly-state.ts';
import { Mix3BadFormatError } from './errors.ts';

const RECORD = 'record.json';
const ID = /^[0-9a-f]{40}$/;

/** A storage in a folder, which is made when it is missing. Its errors are those of the file system. */
export function fragmentFolder(folder: string): ReassemblyStorage {
  const place = (id: string, name = '') => join(folder, id, name);
  const stateOf = (id: string) => readRecord(place(id, RECORD));
  return {
    state: stateOf,
    async states() {
      const ids = (await namesIn(folder)).filter((name) => ID.test(name));
      const found = await Promise.all(ids.map(stateOf));
      return found.filter((state) => state !== undefined);
    },
    piece: (id, name) => readFile(place(id, name)),
    async change(state, { put, remove }) {
      if ((await mkdir(place(state.id), { recursive: true, mode: 0o700 })) !== undefined) await syncFolder(folder);
      if (put !== undefined) await replaceFile(place(state.id, put[0]), put[1]);
      await replaceFile(place(state.id, RECORD), JSON.stringify(state));
      const leave = [RECORD, ...(put === undefined ? [] : [put[0]])];
      const gone = remove === 'all' ? await namesIn(place(state.id)) : remove;
      for (const name of gone) if (!leave.includes(name)) await rm(place(state.id, name), { force: true });
    },
    forget: (id) => rm(place(id), { recursive: true, force: true }),
  };
}

async function readRecord(path: string): Promise<MessageState | undefined> {
  const text = await unlessMissing(readFile(path, 'utf8'));
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as MessageState; // written by `change` above, whole
  } catch (cause) {
    throw new Mix3BadFormatError('a record of the fragment pool is damaged', { cause });
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return (await unlessMissing(readdir(folder))) ?? [];
}

async function unlessMissing<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, 'r');
  await handle.sync();
}
