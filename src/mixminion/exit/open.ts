// The exits of a server at work: one durable queue for each module, and the fragments in front of them.

import { fromHex, toHex } from '../../base/bytes.ts';
import { codeOf, messageOf } from '../../base/errors.ts';
import { sleep } from '../../base/time.ts';
import { sha1 } from '../../crypto/hash.ts';
import { type Attempt, Outbound } from '../../post/outbound.ts';
import type { Post } from '../../post/post.ts';
import type { Job } from '../../store/store.ts';
import { TAG_LENGTH } from '../packet/layout.ts';
import { hasTag, RoutingType, splitExitInfo } from '../packet/routing.ts';
import { ExitError } from './errors.ts';
import type { ExitPacket, Exits } from './exits.ts';
import { fragmentStorage } from './fragment-storage.ts';
import { type FragmentLimits, Fragments, type WholeMessage } from './fragments.ts';
import { classify, type QueuedMessage, readJob, writeJob } from './job.ts';
import type { ExitModule, ExitResult } from './module.ts';

/** Mails on their way at once, for each module. */
const CONCURRENCY = 8;
const FRAGMENT_NAME = 'fragment';
const NO_MODULE = 'none';

/** Something that became of a message; `module` and `reason` are short words, and nothing here tells of whom. */
export interface ExitEvent {
  readonly module: string;
  readonly event: /** An attempt began. */
    | 'attempted'
    /** It is delivered. */
    | 'delivered'
    /** The attempt failed, and there will be another. */
    | 'failed'
    /** There will be none: `reason` says why. */
    | 'dropped'
    /** A fragment is kept until the others come. */
    | 'kept';
  readonly reason: string;
}

/** What an operator may change while the server runs. */
export interface ExitsSetUp {
  /** No two of one exit type or one name. */
  readonly modules: readonly ExitModule[];
  /** When given, messages in fragments are put together. */
  readonly fragments?: FragmentLimits;
}

export interface ExitsOptions extends ExitsSetUp {
  readonly post: Post;
  /** Told of everything that becomes of a message. It is counted as a metric in any case. */
  readonly observe?: (event: ExitEvent) => void;
}

export interface OpenExits extends Exits {
  /**
   * Takes other modules and limits. What waits for a module that is gone stays in the store until one of its name is
   * back. Throws ExitError `exit-module`, and nothing is changed then.
   */
  use(setUp: ExitsSetUp): Promise<void>;
}

/** A module, which may be replaced by another of its name, and its queue. */
interface Way {
  module: ExitModule;
  readonly outbound: Outbound;
}

type Tell = (module: string, event: ExitEvent['event'], reason: string) => void;

/** Opens the exits, with whatever an earlier run left in their queues. Throws ExitError `exit-module`. */
export async function openExits({ post, observe, ...setUp }: ExitsOptions): Promise<OpenExits> {
  const { store, clock, log, metrics } = post;
  const counted = metrics.counter('postern_mix_deliveries_total', 'What became of messages at the exits', [
    'module',
    'event',
    'reason',
  ]);
  const tell: Tell = (module, event, reason) => {
    counted({ module, event, reason });
    observe?.({ module, event, reason });
  };

  const everyWay = new Map<string, Way>(); // by name, those of modules that are gone too
  let ways = new Map<number, Way>();
  let pool: Fragments | undefined;
  let takesFragments = false;

  async function use({ modules, fragments }: ExitsSetUp): Promise<void> {
    checkDistinct(modules);
    if (fragments) pool ??= await Fragments.open(clock, fragmentStorage(store), fragments);
    if (fragments) pool?.use(fragments);
    takesFragments = fragments !== undefined;
    ways = new Map(
      modules.map((module) => {
        const way = everyWay.get(module.name) ?? openWay(post, module, tell);
        way.module = module;
        everyWay.set(module.name, way);
        return [module.type, way];
      }),
    );
  }
  await use(setUp);

  /** Queues a message, unless there is nothing in it to deliver. */
  async function enqueue({ module, outbound }: Way, id: Uint8Array, message: QueuedMessage): Promise<void> {
    const delivery = classify(message);
    if (delivery.kind === 'malformed')
      tell(module.name, 'dropped', 'malformed'); // spec: mixminion-server 4.1
    else await outbound.push(toHex(id), writeJob(message));
  }

  async function deliver(packet: ExitPacket): Promise<void> {
    const { replayHash, routingType, routingInfo, payload } = packet;
    if (routingType === RoutingType.FRAGMENT && takesFragments && pool !== undefined) {
      const reason = await pool.take(routingInfo, payload);
      tell(FRAGMENT_NAME, reason === undefined ? 'kept' : 'dropped', reason ?? 'fragment');
      return;
    }
    const way = ways.get(routingType);
    if (way === undefined) return tell(NO_MODULE, 'dropped', 'no-module');
    const tagged = hasTag(routingType);
    if (tagged && routingInfo.length < TAG_LENGTH) return tell(way.module.name, 'dropped', 'no-tag'); // spec: mixminion-server 4
    const { tag, address } = splitExitInfo(packet);
    await enqueue(way, replayHash, { form: 'packet', tag: tagged ? tag : undefined, address, contents: payload });
  }

  /** A message put together here goes to the module of its own exit type.   spec: mixminion-server 4.4 */
  async function accept({ id, type, info, compressed }: WholeMessage): Promise<void> {
    if (type === RoutingType.DROP) return tell(FRAGMENT_NAME, 'delivered', 'drop'); // spec: mixminion-server 4.5
    const way = ways.get(type);
    if (way === undefined) return tell(FRAGMENT_NAME, 'dropped', 'no-module');
    const message = { form: 'reassembled', tag: undefined, address: Buffer.from(info), contents: compressed } as const;
    await enqueue(way, sha1(Buffer.from(FRAGMENT_NAME), Buffer.from(id)), message);
  }

  /**
   * Fragments first, so that what became whole leaves in the same round. When the store fails in the middle of that,
   * nothing leaves: a message that is queued and still whole would be queued again.   spec: mixminion-server 1.3
   */
  async function once(): Promise<void> {
    try {
      await pool?.collect(accept, (reason) => tell(FRAGMENT_NAME, 'dropped', reason));
      await Promise.all([...ways.values()].map(({ outbound }) => outbound.round()));
    } catch (error) {
      log.error('mix.exits-failed', { code: codeOf(error), reason: messageOf(error) }); // all stays, for the next round
    }
  }

  let running: Promise<void> | undefined;
  let again = false;
  async function rounds(): Promise<void> {
    do {
      again = false;
      await once();
    } while (again);
    running = undefined;
  }

  return {
    use,
    accepts: (routingType) => ways.has(routingType) || (routingType === RoutingType.FRAGMENT && takesFragments),
    deliver,
    round() {
      again = true;
      running ??= rounds();
      return running;
    },
    async waiting() {
      const counts = await Promise.all([...ways.values()].map(({ module }) => store.queues.count(queueOf(module))));
      return counts.reduce((sum, count) => sum + count, 0);
    },
    async close(grace) {
      again = false;
      await Promise.all([...everyWay.values()].map(({ outbound }) => outbound.stop(grace)));
      const patience = new AbortController();
      await Promise.race([running, sleep(clock, grace, patience.signal)]);
      patience.abort();
    },
  };
}

function checkDistinct(modules: readonly ExitModule[]): void {
  const [types, names] = [new Set(modules.map(({ type }) => type)), new Set(modules.map(({ name }) => name))];
  if (types.size < modules.length || names.size < modules.length)
    throw new ExitError('exit-module', 'two modules deliver the same exit type, or have the same name');
}

function openWay(post: Post, first: ExitModule, tell: Tell): Way {
  const { name } = first;
  const outbound = new Outbound(post, {
    queue: queueOf(first),
    get schedule() {
      return way.module.schedule;
    },
    concurrency: CONCURRENCY,
    async attempt(job, signal): Promise<Attempt> {
      tell(name, 'attempted', 'due');
      const { result, reason } = await attempt(post, way.module, job, signal);
      if (result === 'drop') return { fate: 'refused', reason };
      tell(name, result === 'done' ? 'delivered' : 'failed', reason);
      return { fate: result };
    },
    async giveUp(_job, reason) {
      tell(name, 'dropped', reason);
    },
  });
  const way: Way = { module: first, outbound };
  return way;
}

async function attempt({ log }: Post, module: ExitModule, job: Job, signal: AbortSignal): Promise<ExitResult> {
  const queued = readJob(job.body);
  const id = fromHex(job.id);
  const delivery = queued && classify(queued);
  if (queued === undefined || id === undefined || delivery === undefined || delivery.kind === 'malformed')
    return { result: 'drop', reason: 'damaged' };
  try {
    return await module.deliver({ id, address: queued.address, tag: queued.tag, delivery }, signal);
  } catch (error) {
    if (signal.aborted) throw error; // cut off: it counts for nothing
    log.warn('mix.exit-failed', { module: module.name, code: codeOf(error) });
    return { result: 'later', reason: 'error' };
  }
}

function queueOf({ name }: ExitModule): string {
  return `mix/exit/${name}`;
}
