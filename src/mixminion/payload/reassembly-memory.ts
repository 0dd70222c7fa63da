// A storage for the reassembly pool that lives as long as the process: for tests, and for a reader who decodes in one go.

import { PayloadError } from './errors.ts';
import type { ReassemblyStorage } from './reassembly.ts';
import type { MessageState } from './reassembly-state.ts';

export function memoryReassemblyStorage(): ReassemblyStorage {
  const kept = new Map<string, { state: MessageState; pieces: Map<string, Buffer> }>();
  return {
    async state(id) {
      return kept.get(id)?.state;
    },
    async states() {
      return [...kept.values()].map(({ state }) => state);
    },
    async piece(id, name) {
      const piece = kept.get(id)?.pieces.get(name);
      if (piece === undefined) throw new PayloadError('fragments', 'a piece of the message is missing');
      return piece;
    },
    async change(state, { put, remove }) {
      const pieces = remove === 'all' ? new Map<string, Buffer>() : (kept.get(state.id)?.pieces ?? new Map());
      if (remove !== 'all') for (const name of remove) pieces.delete(name);
      if (put !== undefined) pieces.set(put[0], Buffer.from(put[1])); // a copy: a fragment is a view of its whole payload
      kept.set(state.id, { state, pieces });
    },
    async forget(id) {
      kept.delete(id);
    },
  };
}
