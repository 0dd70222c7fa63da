// One store for all servers of a test network, each with a part of its own: a store costs two threads.

import type { Store } from '../../store/store.ts';

/** What `store` is to the server `name`: its own queues and documents. Mailboxes and seen sets are everybody's. */
export function storePart(store: Store, name: string): Store {
  const { mailboxes, messages, seen, queues, documents } = store;
  const own = (other: string) => `${name}/${other}`;
  return {
    mailboxes,
    messages,
    seen,
    queues: {
      push: (queue, job) => queues.push(own(queue), job),
      lease: (queue, request) => queues.lease(own(queue), request),
      finish: (queue, id) => queues.finish(own(queue), id),
      postpone: (queue, id, notBefore, body) => queues.postpone(own(queue), id, notBefore, body),
      endLeases: (queue, now) => queues.endLeases(own(queue), now),
      nextDue: (queue) => queues.nextDue(own(queue)),
      count: (queue) => queues.count(own(queue)),
      watch: (queue, wake) => queues.watch(own(queue), wake),
    },
    documents: {
      get: (owner, document) => documents.get(own(owner), document),
      put: (owner, document, value, ifVersion) => documents.put(own(owner), document, value, ifVersion),
      remove: (owner, document) => documents.remove(own(owner), document),
      list: (owner) => documents.list(own(owner)),
    },
    sweep: (now) => store.sweep(now),
    usage: () => store.usage(),
    backup: (path) => store.backup(path),
    verify: (progress) => store.verify(progress),
    close: () => store.close(),
  };
}
