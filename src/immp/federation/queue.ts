// Messages for other domains while they wait: message files in a mailbox that is nobody's, and a job for each.   spec: immp 2.8, 2.12

import * as z from 'zod';
import type { Post } from '../../post/post.ts';
import { type Kept, WaitingMessages } from '../../post/waiting.ts';
import { type Envelope, type Head, type MessageFile, messageFile, type Part, readHead } from '../mail/message.ts';

/** Of their jobs, in the store. */
export const QUEUE = 'immp-out';
const MAILBOX = 'immp-out/waiting';

const knownShape = z.object({
  /** An IMID, or the domain that it is sealed to. */
  to: z.string(),
  /** The account of this office that hears of failure; nobody else ever does. */
  sender: z.string().optional(),
  importance: z.enum(['important', 'low']).optional(),
  secure: z.boolean(),
  /** The octets before the first part. */
  start: z.int(),
});

const jobShape = knownShape.extend({
  message: z.string(),
  /** What went wrong the last time. */
  failure: z.object({ code: z.string(), text: z.string() }).optional(),
});

type Known = z.infer<typeof knownShape>;
export type MailJob = z.infer<typeof jobShape>;

export interface Waiting {
  readonly head: Head;
  /** The octets of one part, by its place. */
  octets(at: number): AsyncGenerator<Buffer, void, void>;
  /** The message file. */
  whole(): AsyncGenerator<Buffer, void, void>;
}

export class Queue {
  readonly #waiting: WaitingMessages;
  readonly #post: Pick<Post, 'store' | 'clock'>;

  constructor(post: Pick<Post, 'store' | 'clock'>) {
    this.#post = post;
    this.#waiting = new WaitingMessages(post, MAILBOX);
  }

  prepare(size: number): Promise<void> {
    return this.#waiting.prepare(size);
  }

  /** Durable when this resolves. The job to push; undefined when there is no room. */
  async keep(route: Omit<Known, 'start'>, envelope: Envelope, parts: readonly Part[]): Promise<MailJob | undefined> {
    const file = messageFile(envelope, parts);
    const known: Known = { ...route, start: startOf(file) };
    const octets = Buffer.from(JSON.stringify(known));
    const kept: Kept = await this.#waiting.keep(octets, file.chunks(), this.#post.clock.now());
    return kept.status === 'kept' ? { ...known, message: kept.message } : undefined;
  }

  /** Undefined when it is not here any more. */
  async open({ message, start }: MailJob): Promise<Waiting | undefined> {
    const front = await this.#waiting.read(message, { length: start });
    if (front === undefined) return undefined;
    const { head } = readHead(Buffer.concat(await Array.fromAsync(front.chunks)));
    const read = (range: { offset: number; length?: number }) => this.#waiting.read(message, range);
    async function* octets(at: number) {
      const offset = head.parts.slice(0, at).reduce((sum, { length }) => sum + length, start);
      const found = await read({ offset, length: head.parts[at]?.length ?? 0 });
      if (found === undefined) throw new Error('a message went while it was being read');
      yield* found.chunks;
    }
    async function* whole() {
      const found = await read({ offset: 0 });
      if (found === undefined) throw new Error('a message went while it was being read');
      yield* found.chunks;
    }
    return { head, octets, whole };
  }

  drop({ message }: MailJob): Promise<void> {
    return this.#waiting.drop(message);
  }

  /** The job of every message here, page by page. */
  async *jobs(): AsyncGenerator<MailJob[]> {
    for await (const page of this.#waiting.all()) {
      yield page.map(({ message, known }) => ({ ...knownShape.parse(JSON.parse(known.toString())), message }));
    }
  }
}

export function writeJob(job: MailJob): Buffer {
  return Buffer.from(JSON.stringify(job));
}

export function readJob(octets: Uint8Array): MailJob {
  return jobShape.parse(JSON.parse(Buffer.from(octets).toString()));
}

function startOf({ size, head }: MessageFile): number {
  return size - head.parts.reduce((sum, { length }) => sum + length, 0);
}
