// A raw download: octets in frames, with their number and digest at the end; compressed in one piece when that was asked for.
// spec: immp 2.9, 2.11

import { createHash } from 'node:crypto';
import { constants, createGzip, type Gzip } from 'node:zlib';
import { toHex } from '../../base/bytes.ts';
import type { Answers } from '../session.ts';
import { frame, MAX_FRAME } from '../wire/texts.ts';

export class Download {
  readonly #answers: Answers;
  readonly #gzip: Squeezer | undefined;
  /** Of the octets before compression. */
  readonly #hash = createHash('sha256');
  #total = 0;

  constructor(answers: Answers, compressed: boolean) {
    this.#answers = answers;
    this.#gzip = compressed ? new Squeezer() : undefined;
  }

  /** Sends all of `chunks` in frames; what they compress to is out when this resolves. */
  async send(chunks: AsyncIterable<Buffer>): Promise<void> {
    const buffer = new Frames(this.#answers);
    for await (const chunk of chunks) {
      this.#hash.update(chunk);
      this.#total += chunk.length;
      await buffer.add(this.#gzip ? await this.#gzip.push(chunk) : chunk);
    }
    if (this.#gzip) await buffer.add(await this.#gzip.flush());
    await buffer.flush();
  }

  async end(): Promise<void> {
    if (this.#gzip) {
      const buffer = new Frames(this.#answers);
      await buffer.add(await this.#gzip.end());
      await buffer.flush();
    }
    await this.#answers.send('251', frame.total(this.#total, toHex(this.#hash.digest())));
  }
}

/** Gathers small pieces into frames; what is large goes out as it came, so that nothing is copied for the sake of full frames. */
class Frames {
  readonly #answers: Answers;
  #held: Buffer[] = [];
  #size = 0;

  constructor(answers: Answers) {
    this.#answers = answers;
  }

  async add(octets: Buffer): Promise<void> {
    for (let at = 0; at < octets.length; at += MAX_FRAME) {
      const piece = octets.subarray(at, at + MAX_FRAME);
      if (this.#size + piece.length > MAX_FRAME) await this.flush();
      this.#held.push(piece);
      this.#size += piece.length;
    }
  }

  async flush(): Promise<void> {
    if (this.#size === 0) return;
    const held = this.#held;
    this.#held = [];
    this.#size = 0;
    await this.#answers.frame(held);
  }
}

class Squeezer {
  readonly #gzip: Gzip = createGzip();
  #out: Buffer[] = [];

  constructor() {
    this.#gzip.on('data', (chunk: Buffer) => this.#out.push(chunk));
  }

  async push(chunk: Buffer): Promise<Buffer> {
    await new Promise<void>((resolve, reject) =>
      this.#gzip.write(chunk, (error) => (error ? reject(error) : resolve())),
    );
    return this.#taken();
  }

  /** What follows refers to nothing before it: the length of one message tells nothing of what another says. */
  async flush(): Promise<Buffer> {
    await new Promise<void>((resolve) => this.#gzip.flush(constants.Z_FULL_FLUSH, resolve));
    return this.#taken();
  }

  async end(): Promise<Buffer> {
    await new Promise<void>((resolve) => this.#gzip.once('end', resolve).end());
    return this.#taken();
  }

  #taken(): Buffer {
    return Buffer.concat(this.#out.splice(0));
  }
}
