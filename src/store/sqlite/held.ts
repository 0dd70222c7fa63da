// Bodies that this process still needs: those that arrive, and those that are being read. Neither outlives the process.

import { DAY } from '../../base/time.ts';

/** Which body: the number of its mailbox and its own. */
export interface BodyKey {
  readonly box: number;
  readonly body: number;
}

interface Upload extends BodyKey {
  /** The first sweep since its last chunk. */
  readonly since: number | undefined;
}

/** An upload at which nothing has happened from one sweep to another, and for this long, is given up. */
const UPLOAD_LIFE = DAY;

const nameOf = ({ box, body }: BodyKey): string => `${box}/${body}`;

export class Held {
  readonly #uploads = new Map<string, Upload>();
  readonly #pins = new Map<string, { readonly box: number; readonly readers: number }>();

  /** Something of the body has arrived. */
  arrive({ box, body }: BodyKey): void {
    this.#uploads.set(nameOf({ box, body }), { box, body, since: undefined });
  }

  arriving(key: BodyKey): boolean {
    return this.#uploads.has(nameOf(key));
  }

  /** Nothing more arrives. */
  settle(key: BodyKey): void {
    this.#uploads.delete(nameOf(key));
  }

  /** The mailbox is gone, and what was arriving for it. */
  forget(box: number): void {
    for (const upload of this.#uploads.values()) if (upload.box === box) this.settle(upload);
  }

  pin(key: BodyKey): void {
    const readers = this.#pins.get(nameOf(key))?.readers ?? 0;
    this.#pins.set(nameOf(key), { box: key.box, readers: readers + 1 });
  }

  unpin(key: BodyKey): void {
    const readers = this.#pins.get(nameOf(key))?.readers ?? 0;
    if (readers > 1) this.#pins.set(nameOf(key), { box: key.box, readers: readers - 1 });
    else this.#pins.delete(nameOf(key));
  }

  pinned(key: BodyKey): boolean {
    return this.#pins.has(nameOf(key));
  }

  /** True when a body of this mailbox is being read. */
  pinnedIn(box: number): boolean {
    for (const pin of this.#pins.values()) if (pin.box === box) return true;
    return false;
  }

  /** Gives up uploads that nothing happens to, and forgets those that `isLoose` says a message has taken; counts the former. */
  sweep(now: number, isLoose: (key: BodyKey) => boolean): number {
    let givenUp = 0;
    for (const [name, upload] of this.#uploads) {
      const { since } = upload;
      if (!isLoose(upload)) this.#uploads.delete(name);
      else if (since === undefined) this.#uploads.set(name, { ...upload, since: now });
      else if (now - since >= UPLOAD_LIFE) givenUp += Number(this.#uploads.delete(name));
    }
    return givenUp;
  }
}
