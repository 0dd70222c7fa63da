// The fragments that wait for the rest of their message, kept in the durable store. The record of a message is the truth:
// a piece is written before the record that names it, and removed after the one that no longer does, so that a crash
// between the two leaves a piece too many and never one too few.

import type { Store } from '../../store/store.ts';
import { PayloadError } from '../payload/errors.ts';
import type { ReassemblyStorage } from '../payload/reassembly.ts';
import type { MessageState } from '../payload/reassembly-state.ts';

const RECORDS = 'mix/fragments';

/** A storage for one server's pool; `ReassemblyPool` takes its steps one after another. */
export function fragmentStorage({ documents }: Pick<Store, 'documents'>): ReassemblyStorage {
  const pieces = (id: string) => `${RECORDS}/${id}`;

  async function state(id: string): Promise<MessageState | undefined> {
    const found = await documents.get(RECORDS, id);
    return found === undefined ? undefined : (JSON.parse(found.value.toString('utf8')) as MessageState);
  }

  async function removePieces(id: string, names: readonly string[] | 'all'): Promise<void> {
    const gone = names === 'all' ? await documents.list(pieces(id)) : names;
    await Promise.all(gone.map((name) => documents.remove(pieces(id), name)));
  }

  return {
    state,
    async states() {
      const found = await Promise.all((await documents.list(RECORDS)).map(state));
      return found.filter((record) => record !== undefined);
    },
    async piece(id, name) {
      const found = await documents.get(pieces(id), name);
      if (found === undefined) throw new PayloadError('fragments', 'a piece of the message is missing');
      return found.value;
    },
    async change(record, { put, remove }) {
      if (put !== undefined) await documents.put(pieces(record.id), put[0], put[1]);
      await documents.put(RECORDS, record.id, Buffer.from(JSON.stringify(record)));
      await removePieces(record.id, remove);
    },
    async forget(id) {
      await removePieces(id, 'all');
      await documents.remove(RECORDS, id);
    },
  };
}
