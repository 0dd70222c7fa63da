// Who wants to hear of changes in which mailbox. Each change is read from the store once, however many wait for it, and an idle
// watcher is one entry in a set.   spec: immp 2.9

import { toHex } from '../base/bytes.ts';
import type { Message } from '../store/messages.ts';
import type { Store } from '../store/store.ts';
import { readEntry } from './mail/message.ts';

const AT_ONCE = 500;

export interface Change {
  readonly event: 'new' | 'flags' | 'gone';
  readonly folder: string;
  readonly uuid: string;
  readonly q: number;
  /** Of what is still there. */
  readonly message?: Message;
}

/** Told of some changes at once. */
export type Watcher = (changes: readonly Change[]) => void;

interface Watched {
  readonly watchers: Set<Watcher>;
  readonly stop: () => void;
}

export class Watching {
  readonly #store: Store;
  readonly #watched = new Map<string, Watched>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Tells `watcher` of each change in the mailbox after now; resolves with the end of it when nothing is missed any more. */
  async watch(mailbox: string, watcher: Watcher): Promise<() => void> {
    const modseq = (await this.#store.mailboxes.get(mailbox))?.modseq ?? 0;
    const watched = this.#watched.get(mailbox) ?? this.#begin(mailbox, modseq);
    watched.watchers.add(watcher);
    return () => {
      watched.watchers.delete(watcher);
      if (watched.watchers.size > 0 || this.#watched.get(mailbox) !== watched) return;
      watched.stop();
      this.#watched.delete(mailbox);
    };
  }

  #begin(mailbox: string, modseq: number): Watched {
    const watchers = new Set<Watcher>();
    let since = modseq;
    let [running, again] = [false, false];
    const pump = async () => {
      again = true;
      if (running) return;
      running = true;
      try {
        while (again) {
          again = false;
          const found = await this.#store.messages.changes(mailbox, since, AT_ONCE);
          const changes = changesOf(found, since);
          since = Math.max(since, found.modseq);
          again ||= found.more;
          if (changes.length > 0) for (const watcher of [...watchers]) watcher(changes);
        }
      } finally {
        running = false;
      }
    };
    const watched = { watchers, stop: this.#store.messages.watch(mailbox, () => void pump().catch(() => {})) };
    this.#watched.set(mailbox, watched);
    void pump().catch(() => {}); // what changed since the number was read
    return watched;
  }
}

function changesOf(found: Awaited<ReturnType<Store['messages']['changes']>>, since: number): Change[] {
  const kept = found.messages.map((message): Change => {
    const event = message.uid > since ? 'new' : 'flags';
    return { event, folder: message.folder, uuid: readEntry(message.index).envelope.uuid, q: message.modseq, message };
  });
  const gone = found.gone.flatMap(({ folder, name }): Change[] =>
    name === undefined ? [] : [{ event: 'gone', folder, uuid: uuidText(name), q: found.modseq }],
  );
  return [...kept, ...gone];
}

/** The 16 octets that a message is stored under, by its UUID. */
export function uuidOctets(uuid: string): Buffer {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex');
}

function uuidText(octets: Uint8Array): string {
  return toHex(octets).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
