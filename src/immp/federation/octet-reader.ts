// Octets that come in chunks, taken in pieces of another size.

export class OctetReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** What comes before the next LF, which is taken as well; undefined when there is none within `limit` octets. */
  async line(limit: number): Promise<Buffer | undefined> {
    for (;;) {
      const end = this.#held.indexOf(0x0a);
      if (end >= limit || (end < 0 && this.#held.length >= limit)) return undefined;
      if (end >= 0) return this.#drop(end + 1).subarray(0, end);
      if (!(await this.#more())) return undefined;
    }
  }

  /** So many octets, or fewer when there are no more. */
  async *take(count: number): AsyncGenerator<Buffer, void, void> {
    for (let left = count; left > 0; ) {
      if (this.#held.length === 0 && !(await this.#more())) return;
      const piece = this.#drop(Math.min(left, this.#held.length));
      left -= piece.length;
      yield piece;
    }
  }

  /** Whether nothing is left. Throws what the source throws at its end. */
  async ended(): Promise<boolean> {
    while (this.#held.length === 0) if (!(await this.#more())) return true;
    return false;
  }

  async cancel(): Promise<void> {
    await this.#chunks.return?.().catch(() => {});
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#chunks.next();
    if (done) return false;
    this.#held = Buffer.concat([this.#held, value]);
    return true;
  }

  #drop(count: number): Buffer {
    const piece = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    return piece;
  }
}
