// Answers in the order of their questions, though they are found in any order: each goes out once all before it have, and
// those that are ready together go out together.

import type { Connection } from '../../net/connection.ts';

/** Questions without an answer at a time: as many packets as a peer may send ahead, half a MiB.   spec: mixminion-mmtp 3 */
const WINDOW = 16;

interface Slot {
  /** Resolves when `octets` is there. */
  readonly found: Promise<void>;
  octets?: Buffer;
}

export class AnswerQueue {
  readonly #connection: Connection;
  /** The oldest first; those that are being written are out already. */
  readonly #slots: Slot[] = [];
  #writing: Promise<void> | undefined;
  #room: PromiseWithResolvers<void> | undefined;
  #failure: unknown;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** What an answer, or the connection while it was written to, failed with; undefined while all is well. */
  get failure(): unknown {
    return this.#failure;
  }

  /**
   * Takes the answer to the next question and resolves when there is room for one more. An answer that fails ends the
   * connection, after the answers before it.
   */
  async push(answer: Promise<Buffer>): Promise<void> {
    const slot: Slot = {
      found: answer.then((octets) => {
        slot.octets = octets;
      }),
    };
    slot.found.catch(() => {}); // whether anybody still waits for it or not
    this.#slots.push(slot);
    this.#writing ??= this.#write();
    while (this.#slots.length >= WINDOW && this.#failure === undefined) {
      this.#room ??= Promise.withResolvers();
      await this.#room.promise;
    }
  }

  /** Resolves when all answers are out, or will never be. */
  async drain(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    try {
      for (let oldest = this.#slots[0]; oldest !== undefined; oldest = this.#slots[0]) {
        await oldest.found;
        await this.#connection.write(Buffer.concat(this.#takeFound()));
        this.#makeRoom();
      }
    } catch (error) {
      this.#failure = error;
      this.#makeRoom();
      this.#connection.destroy();
    }
    this.#writing = undefined;
  }

  #takeFound(): Buffer[] {
    const found: Buffer[] = [];
    for (let octets = this.#slots[0]?.octets; octets !== undefined; octets = this.#slots[0]?.octets) {
      found.push(octets);
      this.#slots.shift();
    }
    return found;
  }

  #makeRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }
}
