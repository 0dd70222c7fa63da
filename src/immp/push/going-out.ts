// The way out of everything that is published, pushed or unsubscribed: one durable queue. What is published makes one job, that one
// a job for each domain, and each of these one conversation in which all subscribers there are served; what users push shares
// conversations too. So neither the publisher nor other domains wait for anybody.   spec: immp 2.10

import { hash } from 'node:crypto';
import { codeOf, messageOf } from '../../base/errors.ts';
import { HOUR, MINUTE } from '../../base/time.ts';
import { type Attempt, Outbound } from '../../post/outbound.ts';
import { ClientError } from '../client/errors.ts';
import { Refusal } from '../codes.ts';
import { bounceOf } from '../federation/bounce.ts';
import { FarError } from '../federation/errors.ts';
import { accept } from '../mail/accept.ts';
import type { Room } from '../room.ts';
import { imid, node as nodeKind } from '../wire/imid.ts';
import { Convoys } from './convoys.ts';
import { type Fate, itemOf, serveElsewhere, serveHere } from './item.ts';
import { type JobOf, type PushJob, readJob, writeJob } from './jobs.ts';
import type { Nodes, Subscriber } from './nodes.ts';

const QUEUE = 'immp-push';
/** spec: immp 2.4 */
const RETRY_WAITS = [5 * MINUTE, 15 * MINUTE, HOUR, 4 * HOUR, 8 * HOUR];
/** Longer than a conversation may take: nobody else tries meanwhile. */
const LEASE = 65 * MINUTE;
/** Jobs that are under way at once. */
const AT_ONCE = 256;
/** Jobs for one domain among them: enough to fill its conversation's pipelines. */
const FOR_ONE_DOMAIN = 16;
/** Subscribers between two notes of how far a job has come. */
const BATCH = 100;
/** Subscribers that one job serves before it makes room for others. */
const MAX_SERVED = 1000;
/** Subscribers of one job who are tried again. */
const MAX_AGAIN = 500;

export class GoingOut {
  readonly #room: Room;
  readonly #nodes: Nodes;
  readonly #convoys = new Convoys();
  readonly #outbound: Outbound;

  constructor(room: Room, nodes: Nodes) {
    this.#room = room;
    this.#nodes = nodes;

    this.#outbound = new Outbound(room.post, {
      queue: QUEUE,
      lease: LEASE,
      concurrency: AT_ONCE,
      lanes: { of: (job) => domainOf(readJob(job.body)), places: FOR_ONE_DOMAIN },
      schedule: {
        waits: RETRY_WAITS,
        get patience() {
          return room.settings.queue_time;
        },
      },
      attempt: (job, signal) => this.#attempt(readJob(job.body), signal),
      giveUp: (job, reason) => this.#giveUp(readJob(job.body), reason),
    });
  }

  /** Durable when this resolves; the same job twice is one. */
  async add(job: PushJob): Promise<void> {
    await this.#outbound.push(idOf(job), writeJob(job));
  }

  start(): void {
    this.#outbound.start();
  }

  /** Does what is due now, and what comes of it, and resolves when it is done. */
  round(): Promise<void> {
    return this.#outbound.round();
  }

  close(grace: number): Promise<void> {
    return this.#outbound.stop(grace);
  }

  async #attempt(job: PushJob, signal: AbortSignal): Promise<Attempt> {
    try {
      switch (job.kind) {
        case 'spread':
          return await this.#spread(job);
        case 'domain':
          return await this.#toDomain(job, signal);
        case 'push':
          return await this.#push(job, signal);
        case 'unsubscribe':
          return await this.#unsubscribe(job, signal);
      }
    } catch (error) {
      if (signal.aborted) throw error;
      this.#room.post.log.info('immp.push-failed', { kind: job.kind, code: codeOf(error) });
      if (error instanceof FarError && error.code === 'nowhere') return { fate: 'refused', reason: messageOf(error) };
      return { fate: 'later' };
    }
  }

  async #spread({ node, item }: JobOf<'spread'>): Promise<Attempt> {
    for (const { domain } of await this.#nodes.domains(node)) {
      await this.add({ kind: 'domain', node, item, domain, after: 0, again: [] });
    }
    return { fate: 'done' };
  }

  async #toDomain(job: JobOf<'domain'>, signal: AbortSignal): Promise<Attempt> {
    const item = await itemOf(this.#nodes, job.node, job.item);
    if (item === undefined) return { fate: 'done' }; // the node is gone, or its publisher is far ahead
    const course = new Course(this.#nodes, job);
    try {
      if (job.domain === this.#room.domain) {
        await course.run((subscribers) => serveHere(this.#room, item, subscribers));
      } else {
        const { far } = this.#room;
        if (far === undefined) return { fate: 'refused', reason: 'nothing goes out' };
        await far.converse(
          job.domain,
          (session) => course.run((subscribers) => serveElsewhere(session, item, subscribers)),
          { signal },
        );
      }
    } catch (error) {
      if (signal.aborted) throw error;
      this.#room.post.log.info('immp.push-failed', { kind: job.kind, code: codeOf(error) });
      return { fate: 'later', body: writeJob(course.rest) };
    } finally {
      for (const [fate, count] of course.counts) this.#room.count('(subscriber)', fate, count);
    }
    if (course.ended) return course.rest.again.length > 0 ? { fate: 'later', body: writeJob(course.rest) } : DONE;
    if (course.rest.again.length >= MAX_AGAIN) return { fate: 'later', body: writeJob(course.rest) };
    await this.add(course.rest); // others have their turn first
    return DONE;
  }

  async #push(job: JobOf<'push'>, signal: AbortSignal): Promise<Attempt> {
    const [to, from] = [imid.read(job.to), nodeKind.read(job.from)];
    const { far } = this.#room;
    if (to === undefined || from === undefined || far === undefined) return { fate: 'refused', reason: '450 No way' };
    const block = Buffer.from(job.block, 'base64');
    const { id, title, importance, secure, name, type } = job;
    const label = { name, type, size: block.length, chunks: () => [block] };
    try {
      await this.#convoys.send(far, { to, from, id, title, importance, secure, block: label }, signal);
      return DONE;
    } catch (error) {
      if (signal.aborted) throw error;
      const [code, text] = wordsOf(error);
      if (error instanceof ClientError && error.code === 'refused' && !DISBELIEF.has(code)) {
        return { fate: 'refused', reason: `${code} ${text}` };
      }
      if (error instanceof FarError && error.code === 'nowhere') return { fate: 'refused', reason: `450 ${text}` };
      return { fate: 'later', body: writeJob({ ...job, failure: `${code} ${text}` }) };
    }
  }

  /** Best effort: whatever the publisher says to it, it has heard of it.   spec: immp 2.10 */
  async #unsubscribe({ domain, id }: JobOf<'unsubscribe'>, signal: AbortSignal): Promise<Attempt> {
    const { far } = this.#room;
    await far?.converse(
      domain,
      async (session) => {
        await session.ask({ word: 'UNSUBSCRIBE', id }).catch((error: unknown) => {
          if (!(error instanceof ClientError) || error.code !== 'refused') throw error;
        });
      },
      { signal },
    );
    return DONE;
  }

  async #giveUp(job: PushJob, reason: string): Promise<void> {
    this.#room.post.log.info('immp.push-given-up', { kind: job.kind, expired: reason === 'expired' });
    if (job.kind !== 'push') return;
    const [code = '451', ...text] = (reason === 'expired' ? (job.failure ?? '451 Not reached') : reason).split(' ');
    const failure = { id: job.name, recipient: job.to, code, text: text.join(' '), subject: job.title };
    const notice = bounceOf(failure, job.sender, this.#room.domain);
    if (notice === undefined) return;
    await accept(this.#room, notice, `mailer-daemon@${this.#room.domain}`).catch((error: unknown) => {
      if (!(error instanceof Refusal) || error.code === '700') throw error;
    });
  }
}

const DONE: Attempt = { fate: 'done' };
/** The other server does not believe who we are, which says nothing of the push and may be mended. */
const DISBELIEF: ReadonlySet<string> = new Set(['401', '410', '711']);

function wordsOf(error: unknown): [code: string, text: string] {
  const reply = error instanceof ClientError ? error.reply : undefined;
  return reply === undefined ? ['451', messageOf(error)] : [reply.code, reply.text];
}

/** Jobs of one domain do not keep those of another waiting. */
function domainOf(job: PushJob): string {
  if (job.kind === 'push') return imid.read(job.to)?.domain.toLowerCase() ?? job.to;
  return job.kind === 'spread' ? job.node : job.domain;
}

/** Another job for the same thing is the same job. */
function idOf(job: PushJob): string {
  const parts: readonly (string | number)[] =
    job.kind === 'push'
      ? [job.name, job.to]
      : job.kind === 'unsubscribe'
        ? [job.domain, job.id]
        : job.kind === 'spread'
          ? [job.node, job.item]
          : [job.node, job.item, job.domain, job.after, ...job.again];
  return `${job.kind}-${hash('sha256', parts.join('\0'), 'hex')}`;
}

/** How far a job has come through the subscribers of its domain. */
class Course {
  readonly counts = new Map<Fate, number>();
  /** True when nobody is left behind the last place. */
  ended = false;
  readonly #nodes: Nodes;
  readonly #job: JobOf<'domain'>;
  #after: number;
  #again: number[];

  constructor(nodes: Nodes, job: JobOf<'domain'>) {
    this.#nodes = nodes;
    this.#job = job;
    this.#after = job.after;
    this.#again = [...job.again];
  }

  /** The job for what is still to be done. */
  get rest(): JobOf<'domain'> {
    return { ...this.#job, after: this.#after, again: this.#again };
  }

  /** Serves those who are due, some at a time; what `serve` throws passes through, and `rest` knows who was settled before. */
  async run(serve: (subscribers: readonly Subscriber[]) => Promise<readonly Fate[]>): Promise<void> {
    for (let waiting = [...this.#again]; waiting.length > 0; waiting = waiting.slice(BATCH)) {
      const batch = await this.#at(waiting.slice(0, BATCH));
      const fates = await serve(batch);
      const due = new Set(waiting.slice(0, BATCH));
      this.#again = this.#again.filter((uid) => !due.has(uid));
      await this.#settle(batch, fates);
    }
    let served = 0;
    let batch: Subscriber[] = [];
    const finish = async () => {
      const last = batch.at(-1);
      if (last === undefined) return;
      const fates = await serve(batch);
      this.#after = last.uid;
      served += batch.length;
      const done = batch;
      batch = [];
      await this.#settle(done, fates);
    };
    for await (const subscriber of this.#nodes.subscribers(this.#job.node, this.#job.domain, this.#after)) {
      if (served >= MAX_SERVED || this.#again.length >= MAX_AGAIN) return;
      batch.push(subscriber);
      if (batch.length >= BATCH) await finish();
    }
    await finish();
    this.ended = true;
  }

  async #at(uids: readonly number[]): Promise<Subscriber[]> {
    const found = await Promise.all(uids.map((uid) => this.#nodes.subscriberAt(this.#job.node, this.#job.domain, uid)));
    return found.flatMap((subscriber) => subscriber ?? []);
  }

  async #settle(subscribers: readonly Subscriber[], fates: readonly Fate[]): Promise<void> {
    for (const [at, { id, uid }] of subscribers.entries()) {
      const fate = fates[at] ?? 'later';
      this.counts.set(fate, (this.counts.get(fate) ?? 0) + 1);
      if (fate === 'later') this.#again.push(uid);
      if (fate === 'ended') await this.#nodes.unsubscribe(id, this.#job.domain);
    }
  }
}
