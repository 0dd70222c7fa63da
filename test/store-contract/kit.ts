// What the tests of the contract share: a store that is open, and a few ways to fill it and to look into it.

import { codeOf } from '../../src/base/errors.ts';
import type { MessageDraft } from '../../src/store/messages.ts';
import type { MessageOctets, Store } from '../../src/store/store.ts';

export const AMPLE = { bytes: 1e9, messages: 1e6 };
export const BOX = 'smallmail/ABCD';

export interface Kit {
  /** The store that most tests share; each test starts without mailboxes. */
  readonly store: Store;
  /** Opens another, empty one. */
  open(): Promise<Store>;
  /** Appends a message to BOX, or to `box`, and gives its id. */
  put(body: Uint8Array | string, more?: Partial<MessageDraft>, box?: string): Promise<string>;
  /** The ids of the messages in BOX, oldest first. */
  ids(request?: { folder?: string }): Promise<string[]>;
}

export function kitOf(store: () => Store, open: () => Promise<Store>): Kit {
  return {
    get store() {
      return store();
    },
    open,
    async put(body, more = {}, box = BOX) {
      const appended = await store().messages.append(box, { body: Buffer.from(body), arrived: 1000, ...more });
      if (appended.status !== 'stored') throw new Error(`not stored: ${appended.status}`);
      return appended.id;
    },
    async ids(request = {}) {
      return (await store().messages.page(BOX, { ...request, limit: 1000 })).messages.map(({ id }) => id);
    },
  };
}

export async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export async function octets(read: MessageOctets | undefined): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of read?.chunks ?? []) parts.push(part);
  return Buffer.concat(parts);
}

/** The code of the error that `failing` ends with. */
export function codeFrom(failing: Promise<unknown>): Promise<string | undefined> {
  return failing.then(
    () => 'no error',
    (error: unknown) => codeOf(error),
  );
}
