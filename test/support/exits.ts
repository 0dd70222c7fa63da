// Exits over a real store, for their tests: packets to hand over, and modules that write down what they are given.

import { beforeAll, beforeEach } from 'vitest';
import { DAY, HOUR, VirtualClock } from '../../src/base/time.ts';
import { CounterRandom, keystream } from '../../src/crypto/aes-ctr.ts';
import { sha1 } from '../../src/crypto/hash.ts';
import type { ExitPacket } from '../../src/mixminion/exit/exits.ts';
import type { ExitMessage, ExitModule, ExitResult } from '../../src/mixminion/exit/module.ts';
import { type ExitEvent, type OpenExits, openExits } from '../../src/mixminion/exit/open.ts';
import { RoutingType, randomTag } from '../../src/mixminion/packet/routing.ts';
import { compress } from '../../src/mixminion/payload/compress.ts';
import { encodeCompressed, encodeMessage } from '../../src/mixminion/payload/encode.ts';
import { writeExitPrefix } from '../../src/mixminion/payload/server-fragment.ts';
import { LocalDelivery } from '../../src/post/local-delivery.ts';
import type { Post } from '../../src/post/post.ts';
import { openTestPost, type TestPost } from './post.ts';

export const FRAGMENTS = { maximumSize: 1024 * 1024, maximumInterval: 2 * DAY };
export const random = new CounterRandom(Buffer.alloc(16, 7));

export interface ExitDesk {
  /** A new one for each test. */
  readonly clock: VirtualClock;
  readonly post: Post;
  /** `events` has the event and the reason of all that happens. */
  open(
    modules: readonly ExitModule[],
    fragments?: typeof FRAGMENTS,
  ): Promise<{ readonly exits: OpenExits; readonly events: string[] }>;
  /** A module for SMTP that answers as told, the last answer for ever. */
  recorder(answers?: (ExitResult | Error)[]): {
    readonly module: ExitModule;
    readonly got: (ExitMessage & { readonly at: number })[];
  };
}

/** Call it at the top of a test file. One store serves all of its tests: to open it takes longer than most of them. */
export function exitDesk(): ExitDesk {
  let kept: TestPost | undefined;
  let clock = new VirtualClock();
  let local = new LocalDelivery();
  const post = (): Post => {
    if (kept === undefined) throw new Error('the store is not open');
    return { ...kept, clock, local };
  };
  beforeAll(async () => {
    kept = await openTestPost();
    return () => kept?.[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    clock = new VirtualClock(Date.UTC(2026, 10, 22, 13));
    local = new LocalDelivery();
    return () => emptyStore(post());
  });
  return {
    get clock() {
      return clock;
    },
    get post() {
      return post();
    },
    async open(modules, fragments) {
      const events: string[] = [];
      const observe = ({ event, reason }: ExitEvent) => void events.push(`${event} ${reason}`);
      const exits = await openExits({ post: post(), modules, observe, ...(fragments ? { fragments } : {}) });
      return { exits, events };
    },
    recorder(answers = [{ result: 'done', reason: 'kept' }]) {
      const got: (ExitMessage & { at: number })[] = [];
      const module: ExitModule = {
        type: RoutingType.SMTP,
        name: 'recorder',
        schedule: { ages: [HOUR, 3 * HOUR] },
        async deliver(message) {
          got.push({ ...message, at: clock.now() });
          const answer = answers.length > 1 ? answers.shift() : answers[0];
          if (answer instanceof Error || answer === undefined) throw answer ?? new Error('no answer');
          return answer;
        },
      };
      return { module, got };
    },
  };
}

let packets = 0;

/** A packet that came out of the mix; with a tag where its type has one. */
export function packet(
  routingType: number,
  address: string | Buffer,
  payload: Buffer,
  tag = randomTag(random),
): ExitPacket {
  const info = [RoutingType.FRAGMENT, RoutingType.DROP].some((type) => type === routingType) ? [] : [tag];
  const routingInfo = Buffer.concat([...info, Buffer.from(address)]);
  packets += 1;
  return { replayHash: sha1(Buffer.from(`packet ${packets}`)), routingType, routingInfo, payload };
}

/** The payload of a message that fits into one packet. */
export function singleton(text: string): Buffer {
  const [payload] = encodeMessage(Buffer.from(text, 'latin1'), { overhead: 0, random });
  if (payload === undefined) throw new Error('a message has a payload');
  return payload;
}

/** All fragments of a message of that many octets that do not shrink, to be put together for an exit of that type. */
export function fragmentsFor(type: number, info: string, length: number): Buffer[] {
  const compressed = compress(Buffer.concat([Buffer.from('\n'), keystream(Buffer.alloc(16, length & 0xff), length)]));
  const exitPrefix = writeExitPrefix({ type, info: Buffer.from(info) });
  return encodeCompressed(compressed, { overhead: 0, random, exitPrefix });
}

async function emptyStore({ store: { queues, documents } }: Post): Promise<void> {
  for (const queue of ['smtp', 'mbox', 'recorder'].map((name) => `mix/exit/${name}`)) {
    const now = Number.MAX_SAFE_INTEGER;
    for (const { id } of await queues.lease(queue, { now, leaseUntil: now, limit: 100 }))
      await queues.finish(queue, id);
  }
  for (const id of await documents.list('mix/fragments')) {
    const pieces = `mix/fragments/${id}`;
    for (const piece of await documents.list(pieces)) await documents.remove(pieces, piece);
    await documents.remove('mix/fragments', id);
  }
}
