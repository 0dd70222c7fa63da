// The documents of a store, in memory: for what needs nothing else of a store, and many of them.

import type { Documents, Store } from '../../src/store/store.ts';

export interface MemoryDocuments extends Pick<Store, 'documents'> {
  /** By `owner/name`. */
  readonly kept: Map<string, { value: Buffer; version: number }>;
}

export function memoryDocuments(): MemoryDocuments {
  const kept: MemoryDocuments['kept'] = new Map();
  const documents: Documents = {
    get: async (owner, name) => kept.get(`${owner}/${name}`),
    async put(owner, name, value, ifVersion) {
      const { version = 0 } = kept.get(`${owner}/${name}`) ?? {};
      if (ifVersion !== undefined && ifVersion !== version) return undefined;
      kept.set(`${owner}/${name}`, { value: Buffer.from(value), version: version + 1 });
      return version + 1;
    },
    remove: async (owner, name) => kept.delete(`${owner}/${name}`),
    list: async (owner) =>
      [...kept.keys()]
        .filter((key) => key.startsWith(`${owner}/`))
        .map((key) => key.slice(owner.length + 1))
        .sort(),
  };
  return { documents, kept };
}
