// Bodies that this process still needs: those that arrive, and those that are being read. Neither outlives the process.

import { DAY } from '../../base/time.ts';

/** Which body: its number, which no other body of the store has, and that of its mailbox. */
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

export class Held {
  readonly #uploads = new Map<number, Upload>();
  /** How many read each body. */
  readonly #pins = new Map<number, number>();

  /** Something of the body has arrived. */
  arrive({ box, body }: BodyKey): void {
    this.#uploads.set(body, { box, body, since: undefined });
  }

  arriving({ body }: BodyKey): boolean {
    return this.#uploads.has(body);
  }

  /** Nothing more arrives. */
  settle({ body }: BodyKey): void {
    this.#uploads.delete(body);
  }

  /** The mailbox is gone, and what was arriving for it. */
  forget(box: number): void {
    for (const upload of this.#uploads.values()) if (upload.box === box) this.settle(upload);
  }

  pin({ body }: BodyKey): void {
    this.#pins.set(body, (this.#pins.get(body) ?? 0) + 1);
  }

  unpin({ body }: BodyKey): void {
    const readers = this.#pins.get(body) ?? 0;
    if (readers > 1) this.#pins.set(body, readers - 1);
    else this.#pins.delete(body);
  }

  pinned({ body }: BodyKey): boolean {
    return this.#pins.has(body);
  }

  /** Gives up uploads that nothing happens to, and forgets those that `isLoose` says a message has taken; counts the former. */
  sweep(now: number, isLoose: (key: BodyKey) => boolean): number {
    let givenUp = 0;
    for (const [body, upload] of this.#uploads) {
      const { since } = upload;
      if (!isLoose(upload)) this.#uploads.delete(body);
      else if (since === undefined) this.#uploads.set(body, { ...upload, since: now });
      else if (now - since >= UPLOAD_LIFE) givenUp += Number(this.#uploads.delete(body));
    }
    return givenUp;
  }
}
