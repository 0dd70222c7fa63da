// Packets in, mail out, over a real store, on a clock that the test turns.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { openMailServer } from '../../../test/support/mail-server.ts';
import { packetKeyOf } from '../../../test/support/mixminion-network.ts';
import { openTestPost, type TestPost } from '../../../test/support/post.ts';
import { base64, hex, mixminionVectors } from '../../../test/support/vectors.ts';
import { pick, shuffle } from '../../base/random.ts';
import { DAY, HOUR, MINUTE, SECOND, VirtualClock } from '../../base/time.ts';
import { CounterRandom, keystream } from '../../crypto/aes-ctr.ts';
import { sha1, sha256 } from '../../crypto/hash.ts';
import { type Acceptance, type Arrival, LocalDelivery } from '../../post/local-delivery.ts';
import type { Post } from '../../post/post.ts';
import { RoutingType, randomTag } from '../packet/routing.ts';
import { unwrap } from '../packet/unwrap.ts';
import { compress } from '../payload/compress.ts';
import { encodeCompressed, encodeMessage } from '../payload/encode.ts';
import { writeExitPrefix } from '../payload/server-fragment.ts';
import { writeSingleton } from '../payload/singleton.ts';
import { readMessages } from '../payload/text.ts';
import { configuredModules } from './configured.ts';
import type { ExitPacket, Exits } from './exits.ts';
import type { ExitMessage, ExitModule, ExitResult } from './module.ts';
import { type ExitEvent, openExits } from './open.ts';
import { exitTables } from './settings.ts';

const HERE = 'here.example';
const FRAGMENTS = { maximumSize: 1024 * 1024, maximumInterval: 2 * DAY };
const random = new CounterRandom(Buffer.alloc(16, 7));

let kept: TestPost;
beforeAll(async () => {
  kept = await openTestPost();
  return () => kept[Symbol.asyncDispose]();
});

let clock: VirtualClock;
let post: Post;
beforeEach(() => {
  clock = new VirtualClock(Date.UTC(2026, 10, 22, 13));
  post = { ...kept, clock, local: new LocalDelivery() };
  return emptyStore;
});

/** One store serves all tests: it takes longer to open than most of them take. */
async function emptyStore(): Promise<void> {
  const { queues, documents } = kept.store;
  for (const queue of ['smtp', 'mbox', 'recorder'].map((name) => `mix/exit/${name}`)) {
    const now = Number.MAX_SAFE_INTEGER;
    for (const { id } of await queues.lease(queue, { now, leaseUntil: now, limit: 100 }))
      await queues.finish(queue, id);
  }
  for (const id of await documents.list('mix/fragments')) {
    for (const piece of await documents.list(`mix/fragments/${id}`))
      await documents.remove(`mix/fragments/${id}`, piece);
    await documents.remove('mix/fragments', id);
  }
}

let packets = 0;
function packet(routingType: number, address: string | Buffer, payload: Buffer, tag = randomTag(random)): ExitPacket {
  const info = [RoutingType.FRAGMENT, RoutingType.DROP].some((type) => type === routingType) ? [] : [tag];
  const routingInfo = Buffer.concat([...info, Buffer.from(address)]);
  return { replayHash: sha1(Buffer.from(`packet ${packets++}`)), routingType, routingInfo, payload };
}

function singleton(text: string): Buffer {
  const [payload] = encodeMessage(Buffer.from(text, 'latin1'), { overhead: 0, random });
  if (payload === undefined) throw new Error('a message has a payload');
  return payload;
}

/** All fragments of a message for an exit of that type, put together here. */
function fragmentsFor(type: number, info: string, length: number): Buffer[] {
  const compressed = compress(Buffer.concat([Buffer.from('\n'), keystream(Buffer.alloc(16, length & 0xff), length)]));
  return encodeCompressed(compressed, {
    overhead: 0,
    random,
    exitPrefix: writeExitPrefix({ type, info: Buffer.from(info) }),
  });
}

/** A module that writes down what it is given, and answers as told, the last answer for ever. */
function recorder(answers: (ExitResult | Error)[] = [{ result: 'done', reason: 'kept' }]) {
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
}

async function open(modules: readonly ExitModule[], fragments?: typeof FRAGMENTS) {
  const events: string[] = [];
  const observe = ({ event, reason }: ExitEvent) => void events.push(`${event} ${reason}`);
  const exits = await openExits({ post, modules, observe, ...(fragments ? { fragments } : {}) });
  return { exits, events };
}

// spec: mixminion-server 4, 1.3
describe('a message in one packet', () => {
  test('waits for the round, and leaves in it', async () => {
    const { module, got } = recorder();
    const { exits, events } = await open([module]);
    expect([RoutingType.SMTP, RoutingType.MBOX, RoutingType.FRAGMENT, RoutingType.PING].map(exits.accepts)).toEqual([
      true,
      false,
      false,
      false,
    ]);
    const tag = randomTag(random);
    await exits.deliver(packet(RoutingType.SMTP, 'bob@example.org', singleton('SUBJECT:Hi\n\nHello\n'), tag));
    expect([got.length, await exits.waiting()]).toEqual([0, 1]);
    await exits.round();
    expect(got).toMatchObject([
      { tag, address: Buffer.from('bob@example.org'), delivery: { kind: 'plain', body: Buffer.from('Hello\n') } },
    ]);
    expect(await exits.waiting()).toBe(0);
    expect(events).toEqual(['attempted due', 'delivered kept']);
  });

  test('is one message however often it is handed over before the round', async () => {
    const { module, got } = recorder();
    const { exits } = await open([module]);
    const twice = packet(RoutingType.SMTP, 'a@b.c', singleton('\nx'));
    await exits.deliver(twice);
    await exits.deliver(twice);
    await exits.round();
    expect(got).toHaveLength(1);
  });

  test('is tried again by the schedule, in rounds only, and dropped when the schedule is used up', async () => {
    const { module, got } = recorder([
      { result: 'later', reason: 'away' },
      new Error('the line is down'),
      { result: 'later', reason: 'away' },
    ]);
    const { exits, events } = await open([module]);
    const start = clock.now();
    await exits.deliver(packet(RoutingType.SMTP, 'a@b.c', singleton('\nx')));
    for (let step = 0; step < 10; step += 1) {
      await exits.round();
      await clock.advance(50 * MINUTE);
    }
    expect(got.map(({ at }) => (at - start) / MINUTE)).toEqual([0, 100, 200]); // due at 60 and at 180
    expect(events.filter((event) => !event.startsWith('attempted'))).toEqual([
      'failed away',
      'failed error',
      'failed away',
      'dropped expired',
    ]);
    expect(new Set(got.map(({ id }) => id.toString('hex'))).size).toBe(1);
    expect(await exits.waiting()).toBe(0);
  });

  test('that is not for us, has no room for a tag, or is broken inside, is dropped with its reason', async () => {
    const { module, got } = recorder();
    const { exits, events } = await open([module]);
    await exits.deliver(packet(RoutingType.MBOX, 'alice', singleton('\nx')));
    await exits.deliver({ ...packet(RoutingType.SMTP, '', singleton('\nx')), routingInfo: Buffer.from('a@b.c') });
    await exits.deliver(packet(RoutingType.FRAGMENT, '', singleton('\nx')));
    await exits.deliver(packet(RoutingType.SMTP, 'a@b.c', writeSingleton(Buffer.from('no zlib'), 0, random)));
    await exits.round();
    expect(got).toEqual([]);
    expect(events).toEqual(['dropped no-module', 'dropped no-tag', 'dropped no-module', 'dropped malformed']);
  });

  test('that was queued when the process died leaves after the next start', async () => {
    const first = await open([recorder().module]);
    await first.exits.deliver(packet(RoutingType.SMTP, 'a@b.c', singleton('\nx')));
    const { module, got } = recorder();
    const { exits } = await open([module]);
    await exits.round();
    expect(got).toHaveLength(1);
    await exits.close(SECOND);
  });

  test('that is under way when the exits close is tried again when its lease is over', async () => {
    const begun = Promise.withResolvers<void>();
    const stuck: ExitModule = {
      ...recorder().module,
      deliver: (_message, signal) => {
        begun.resolve();
        return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))));
      },
    };
    const first = await open([stuck]);
    await first.exits.deliver(packet(RoutingType.SMTP, 'a@b.c', singleton('\nx')));
    const round = first.exits.round();
    await begun.promise;
    await first.exits.close(MINUTE);
    await round;
    const { module, got } = recorder();
    const { exits } = await open([module]);
    await clock.advance(HOUR);
    await exits.round();
    expect(got).toHaveLength(1);
  });

  test('arriving in the middle of a round leaves in one that follows', async () => {
    const { module, got } = recorder();
    const { exits } = await open([module]);
    await exits.deliver(packet(RoutingType.SMTP, 'a@b.c', singleton('\nx')));
    const first = exits.round();
    await clock.advance(1);
    await exits.deliver(packet(RoutingType.SMTP, 'a@b.c', singleton('\ny')));
    expect(exits.round()).toBe(first);
    await first;
    expect(got).toHaveLength(2);
  });
});

// spec: mixminion-server 4
test('packets of the original program reach the module of their type, and are what its modules saw', async () => {
  interface Hop {
    server: string;
    tag: string;
    address: string;
    exit_type: number;
    module_view: { type: string; headers: Record<string, string>; contents_sha256: string };
  }
  const { cases } = mixminionVectors<{ cases: { name: string; packet_b64: string; hops: Hop[] }[] }>('packets');
  const { module, got } = recorder();
  const modules = [0x0100, 0x0101, 0xfffe].map((type) => ({ ...module, type, name: `recorder-${type}` }));
  const { exits, events } = await open(modules, FRAGMENTS);
  let delivered = 0;
  for (const { name, packet_b64, hops } of cases) {
    let opened = unwrap(base64(packet_b64), [packetKeyOf(hops[0]?.server ?? '')]);
    for (const { server } of hops.slice(1)) {
      if (opened.result === 'relay') opened = unwrap(opened.packet, [packetKeyOf(server)]);
    }
    if (opened.result !== 'deliver') continue;
    await exits.deliver(opened);
    await exits.round();
    const hop = hops.at(-1);
    if (hop === undefined || hop.exit_type === RoutingType.FRAGMENT) continue;
    delivered += 1;
    const message = got.pop();
    const { delivery } = message ?? {};
    if (delivery?.kind !== 'plain') throw new Error(`${name} is not plain`);
    expect([String(message?.tag?.toString('hex')), message?.address.toString('hex')], name).toEqual([
      hop.tag,
      hop.address,
    ]);
    expect(Object.fromEntries(delivery.headers), name).toEqual(hop.module_view.headers);
    expect(sha256(delivery.body).toString('hex'), name).toBe(hop.module_view.contents_sha256);
  }
  expect(delivered).toBeGreaterThan(8);
  expect(events.filter((event) => event.startsWith('dropped'))).toEqual(['dropped not-a-fragment']);
});

test('modules and limits change while the exits work, and what waits goes on with those that are there', async () => {
  const old = recorder([{ result: 'later', reason: 'away' }]);
  const { exits, events } = await open([old.module]);
  await exits.deliver(packet(RoutingType.SMTP, 'a@b.c', singleton('\nx')));
  await exits.round();
  await exits.use({ modules: [], fragments: FRAGMENTS });
  expect([RoutingType.SMTP, RoutingType.FRAGMENT].map(exits.accepts)).toEqual([false, true]);
  await clock.advance(HOUR);
  await exits.round();
  const next = recorder();
  await exits.use({ modules: [next.module], fragments: { ...FRAGMENTS, maximumSize: 40_000 } });
  for (const payload of fragmentsFor(RoutingType.SMTP, 'x', 60_000).slice(0, 1))
    await exits.deliver(packet(RoutingType.FRAGMENT, '', payload));
  await exits.round();
  await exits.use({ modules: [next.module] });
  expect([RoutingType.SMTP, RoutingType.FRAGMENT].map(exits.accepts)).toEqual([true, false]);
  expect([old.got.length, next.got.length]).toEqual([1, 1]);
  expect(events).toEqual([
    'attempted due',
    'failed away',
    'dropped fragment-too-large',
    'attempted due',
    'delivered kept',
  ]);
  await expect(exits.use({ modules: [next.module, old.module] })).rejects.toMatchObject({ code: 'exit-module' });
  expect(exits.accepts(RoutingType.SMTP)).toBe(true);
});

test('two modules for one exit type, or of one name, are refused', async () => {
  const { module } = recorder();
  await expect(open([module, { ...module, name: 'other' }])).rejects.toMatchObject({ code: 'exit-module' });
  await expect(open([module, { ...module, type: 0x0200 }])).rejects.toMatchObject({ code: 'exit-module' });
});

// spec: mixminion-server 4.4; mixminion-e2e 6.4, 7
describe('a message in fragments', () => {
  test('of the original program is put together and delivered in the same round, without a tag', async () => {
    interface Vector {
      prefix: string;
      message_stream_seed: string;
      message_len: number;
      reassembly_order: number[];
      fragments: { payload_b64: string | null }[];
    }
    const { messages } = mixminionVectors<{ messages: Vector[] }>('fragments');
    const vector = messages.find(({ prefix }) => prefix !== '');
    if (vector === undefined) throw new Error('no vector has a prefix');
    const { module, got } = recorder();
    const { exits, events } = await open([module], FRAGMENTS);
    for (const index of vector.reassembly_order) {
      const payload = base64(vector.fragments[index]?.payload_b64 ?? '');
      await exits.deliver(packet(RoutingType.FRAGMENT, '', payload));
    }
    await exits.round();
    const message = keystream(hex(vector.message_stream_seed), vector.message_len);
    expect(got).toMatchObject([{ tag: undefined, address: Buffer.from('alice@example.com') }]);
    const delivery = got[0]?.delivery;
    const body = delivery?.kind === 'plain' ? delivery.body : Buffer.alloc(0);
    expect(message.subarray(message.length - body.length).equals(body)).toBe(true);
    expect(body.length).toBeGreaterThan(vector.message_len - 5);
    expect(events).toEqual(['kept fragment', 'kept fragment', 'attempted due', 'delivered kept']);
  });

  test('comes together over restarts, in any order, repeated, and once', async () => {
    const all = shuffle(random, [
      ...fragmentsFor(RoutingType.SMTP, 'a@b.c', 600_000),
      ...fragmentsFor(RoutingType.SMTP, 'd@e.f', 60_000),
    ]);
    const { module, got } = recorder();
    for (const payload of all) {
      const { exits } = await open([module], FRAGMENTS); // as after a crash: nothing was closed
      await exits.deliver(packet(RoutingType.FRAGMENT, '', payload));
      await exits.deliver(packet(RoutingType.FRAGMENT, '', pick(random, all)));
      await exits.round();
    }
    expect(got.map(({ address }) => String(address)).sort()).toEqual(['a@b.c', 'd@e.f']);
    const sizes = got.map(({ delivery }) => (delivery.kind === 'plain' ? delivery.body.length : 0));
    expect(sizes.sort()).toEqual([60_000, 600_000].sort());
    const [state] = await post.store.documents.list('mix/fragments');
    expect(await post.store.documents.list(`mix/fragments/${state}`)).toEqual([]);
  });

  test('is handed over once when the process dies between queueing and forgetting', async () => {
    const { module, got } = recorder();
    const { documents } = post.store;
    const broken = Object.assign(Object.create(post.store) as Post['store'], {
      documents: Object.assign(Object.create(documents), {
        put: (owner: string, name: string, value: Buffer) =>
          String(value).includes('"completed"')
            ? Promise.reject(new Error('the power went'))
            : documents.put(owner, name, value),
      }),
    });
    const dying = await openExits({ post: { ...post, store: broken }, modules: [module], fragments: FRAGMENTS });
    for (const payload of fragmentsFor(RoutingType.SMTP, 'a@b.c', 60_000))
      await dying.deliver(packet(RoutingType.FRAGMENT, '', payload));
    await dying.round();
    expect([got.length, await dying.waiting()]).toEqual([0, 1]); // queued, and still whole
    const { exits } = await open([module], FRAGMENTS);
    await exits.round();
    await exits.round();
    expect(got).toHaveLength(1);
  });

  test('that cannot be delivered is dropped with its reason', async () => {
    const { module, got } = recorder();
    const { exits, events } = await open([module], FRAGMENTS);
    expect(exits.accepts(RoutingType.FRAGMENT)).toBe(true);
    const hand = async (payloads: readonly Buffer[]) => {
      for (const payload of payloads) await exits.deliver(packet(RoutingType.FRAGMENT, '', payload));
      await exits.round();
      return events.splice(0).filter((event) => event !== 'kept fragment');
    };
    const [first] = fragmentsFor(RoutingType.SMTP, 'a@b.c', 30_000);
    if (first === undefined) throw new Error('no fragment');
    expect(await hand([singleton('\nx')])).toEqual(['dropped not-a-fragment']);
    expect(await hand([Buffer.alloc(28672)])).toEqual(['dropped not-a-fragment']);
    await exits.deliver({ ...packet(RoutingType.FRAGMENT, '', first), routingInfo: Buffer.from('x') });
    expect(await hand([])).toEqual(['dropped fragment-address']);
    expect(await hand(fragmentsFor(RoutingType.DROP, '', 30_000).slice(0, 2))).toEqual(['delivered drop']);
    expect(await hand(fragmentsFor(RoutingType.MBOX, 'x', 30_000).slice(0, 2))).toEqual(['dropped no-module']);
    expect(await hand(fragmentsFor(RoutingType.FRAGMENT, '', 30_000).slice(0, 2))).toEqual(['dropped no-module']);
    expect(await hand(fragmentsFor(RoutingType.SMTP, 'x', 1_100_000).slice(0, 1))).toEqual([
      'dropped fragment-too-large',
    ]);
    const cutOff = encodeCompressed(Buffer.alloc(30_000, 0xff), { overhead: 0, random }).slice(0, 2);
    expect(await hand(cutOff)).toEqual(['dropped fragment-prefix']);
    const noZlib = encodeCompressed(
      Buffer.concat([writeExitPrefix({ type: RoutingType.SMTP, info: Buffer.from('a@b.c') }), Buffer.alloc(30_000)]),
      { overhead: 0, random },
    );
    expect(await hand(noZlib.slice(0, 2))).toEqual(['dropped malformed']);
    expect(await hand(noZlib.slice(2))).toEqual(['dropped fragment-finished']);
    expect(got).toEqual([]);
  });

  test('that does not become whole in time is given up', async () => {
    const { exits, events } = await open([recorder().module], FRAGMENTS);
    const [first, second] = fragmentsFor(RoutingType.SMTP, 'a@b.c', 30_000);
    if (first === undefined || second === undefined) throw new Error('no fragments');
    await exits.deliver(packet(RoutingType.FRAGMENT, '', first));
    for (let day = 0; day < 2; day += 1) {
      await exits.round();
      await clock.advance(DAY);
    }
    await exits.round();
    expect(events).toEqual(['kept fragment']);
    await clock.advance(DAY);
    await exits.round();
    await exits.deliver(packet(RoutingType.FRAGMENT, '', second));
    expect(events).toEqual(['kept fragment', 'dropped fragments-expired', 'dropped fragment-finished']);
    await clock.advance(61 * DAY);
    await exits.round();
    expect(await post.store.documents.list('mix/fragments')).toEqual([]);
  });
});

// spec: mixminion-server 4.2, 4.3
describe('mail that leaves', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'postern-exits-'));
    return () => rm(folder, { recursive: true });
  });

  /** Exits as the settings say, an owner of all addresses at HERE that answers as told, and a mail server. */
  async function setUp() {
    const owner: { answer: Acceptance | Error } = { answer: 'stored' };
    const server = await openMailServer();
    const arrivals: Arrival[] = [];
    post.local.register({
      name: 'test',
      owns: async (address) => address.endsWith(`@${HERE}`),
      async deliver(arrival) {
        arrivals.push(arrival);
        if (owner.answer instanceof Error) throw owner.answer;
        return owner.answer;
      },
    });
    await writeFile(join(folder, 'users'), `alice : alice@${HERE}\nbob : bob@example.org\n`);
    await writeFile(join(folder, 'blacklist'), 'deny allhosts example.net\n');
    const settings = z.strictObject(exitTables).parse({
      relay: { host: `127.0.0.1:${server.endpoint.port}`, tls: 'none' },
      smtp: { enabled: true, return_address: 'anon@exit.example', blacklist_file: 'blacklist', maximum_size: '32 KiB' },
      mbox: { enabled: true, return_address: 'anon@exit.example', address_file: 'users' },
    });
    const { exits, events } = await open(await configuredModules({ post, settings, hostname: HERE, folder }));
    return {
      server,
      owner,
      arrivals,
      settings,
      exits,
      events,
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  }

  const deliver = async (exits: Exits, ...given: Parameters<typeof packet>) => {
    await exits.deliver(packet(...given));
    await exits.round();
  };

  test('goes to the relay host as it was written, with the sender that the operator chose', async () => {
    await using room = await setUp();
    const text = 'Hello\n.\n-----\nCR\rLF\r\n\xe4\n';
    await deliver(room.exits, RoutingType.SMTP, 'carol@example.com', singleton(`SUBJECT:Hi\n\n${text}`));
    const [mail] = room.server.mails;
    expect(mail).toMatchObject({ from: 'anon@exit.example', to: ['carol@example.com'], hello: HERE });
    expect(mail?.message.toString('latin1')).toBe(
      [
        'To: carol@example.com',
        'From: anon@exit.example',
        'Subject: Hi',
        'X-Anonymous: yes',
        '',
        '-----BEGIN TYPE III ANONYMOUS MESSAGE-----',
        'Message-type: plaintext',
        '',
        'Hello',
        '.',
        '- -----',
        'CR',
        'LF',
        '\xe4',
        '-----END TYPE III ANONYMOUS MESSAGE-----',
        '',
      ].join('\r\n'),
    );
    expect(room.events).toEqual(['attempted due', 'delivered relayed']);
  });

  test('for an address of this office stays in the house, whichever way it is named', async () => {
    await using room = await setUp();
    await deliver(room.exits, RoutingType.MBOX, 'alice', singleton('\nHello\n'));
    await deliver(room.exits, RoutingType.SMTP, `alice@${HERE}`, singleton('\nHello\n'));
    expect(room.server.mails).toEqual([]);
    expect(room.arrivals).toMatchObject(Array(2).fill({ to: `alice@${HERE}`, from: 'anon@exit.example', via: 'mix' }));
    const [first, second] = room.arrivals;
    expect(String(first?.message)).toMatch(/^To: alice@here\.example\r\nFrom: anon@exit\.example\r\n/);
    expect(first?.once).not.toEqual(second?.once);
    expect(room.events.filter((event) => event.startsWith('delivered'))).toEqual(Array(2).fill('delivered stored'));
  });

  test('ends as the office says', async () => {
    await using room = await setUp();
    for (const [answer, event] of [
      ['duplicate', 'delivered duplicate'],
      ['full', 'failed full'],
      ['unknown', 'dropped unknown'],
      ['refused', 'dropped refused'],
      [new Error('locked'), 'failed error'],
    ] as const) {
      room.owner.answer = answer;
      await deliver(room.exits, RoutingType.MBOX, 'alice', singleton('\nHello\n'));
      expect(room.events.splice(0)).toEqual(['attempted due', event]);
    }
  });

  const hostile = [
    ['a user who is not here', RoutingType.MBOX, 'carol', 'unknown-user'],
    ['a user in other letters', RoutingType.MBOX, 'Alice', 'unknown-user'],
    ['a user of the prototype', RoutingType.MBOX, '__proto__', 'unknown-user'],
    ['nobody', RoutingType.MBOX, '', 'unknown-user'],
    ['an address that opted out', RoutingType.SMTP, 'x@a.example.net', 'blacklisted'],
    ['two addresses', RoutingType.SMTP, 'a@b.c,d@e.f', 'bad-address'],
    ['an address and a command', RoutingType.SMTP, 'a@b.c>\r\nRCPT TO:<d@e.f', 'bad-address'],
    ['an address and a header', RoutingType.SMTP, 'a@b.c\nBcc: d@e.f', 'bad-address'],
    ['a NUL', RoutingType.SMTP, 'a@b.c\0', 'bad-address'],
    ['letters beyond ASCII', RoutingType.SMTP, 'j\u00fcrgen@example.org', 'bad-address'],
    ['quotes', RoutingType.SMTP, '"a b"@example.org', 'bad-address'],
    ['a host by number', RoutingType.SMTP, 'a@127.0.0.1', 'bad-address'],
    ['an address that no server takes', RoutingType.SMTP, `${'a'.repeat(254)}@b.c`, 'bad-address'],
    ['nobody at all', RoutingType.SMTP, '', 'bad-address'],
  ] as const;
  test('is dropped when it is for somebody impossible', async () => {
    await using room = await setUp();
    for (const [what, type, address, reason] of hostile) {
      await deliver(room.exits, type, address, singleton('\nHello\n'));
      expect(room.events.splice(0), what).toEqual(['attempted due', `dropped ${reason}`]);
    }
    expect([room.server.mails.length, room.arrivals.length]).toEqual([0, 0]);
  });

  test('is dropped when it is too large, before anybody is asked', async () => {
    await using room = await setUp();
    const text = keystream(Buffer.alloc(16, 3), 32 * 1024).toString('base64'); // it shrinks, but not twentyfold
    for (const length of [32 * 1024 + 1, 32 * 1024])
      await deliver(room.exits, RoutingType.SMTP, 'a@b.c', singleton(`SUBJECT:Hi\n\n${text.slice(0, length)}`));
    expect(room.events.filter((event) => !event.startsWith('attempted'))).toEqual([
      'dropped too-large',
      'delivered relayed',
    ]);
  });

  test('waits while the relay is away or defers, and is dropped when it is refused', async () => {
    const room = await setUp();
    const events = () => room.events.splice(0).filter((event) => !event.startsWith('attempted'));
    room.server.answers.to.set('bob@example.org', 451);
    await deliver(room.exits, RoutingType.MBOX, 'bob', singleton('\nHello\n'));
    expect(events()).toEqual(['failed deferred']);
    room.server.answers.to.set('bob@example.org', 550);
    await clock.advance(7 * HOUR);
    await room.exits.round();
    expect(events()).toEqual(['dropped refused']);
    room.server.answers.data = 554;
    await deliver(room.exits, RoutingType.SMTP, 'a@b.c', singleton('\nHello\n'));
    expect(events()).toEqual(['dropped refused']);
    await room[Symbol.asyncDispose]();
    await deliver(room.exits, RoutingType.SMTP, 'a@b.c', singleton('\nHello\n'));
    expect(events()).toEqual(['failed relay-away']);
    expect(await room.exits.waiting()).toBe(1);
  });

  test('leaves a relay alone for a while that was away several times', async () => {
    const room = await setUp();
    const port = room.server.endpoint.port;
    await room[Symbol.asyncDispose]();
    for (let mail = 0; mail < 4; mail += 1) {
      await deliver(room.exits, RoutingType.SMTP, 'a@b.c', singleton('\nHello\n'));
      expect(room.events.splice(0)).toEqual(['attempted due', 'failed relay-away']);
    }
    await using back = await openMailServer({}, port);
    await deliver(room.exits, RoutingType.SMTP, 'a@b.c', singleton('\nHello\n'));
    expect([room.events.splice(0), back.mails]).toEqual([['attempted due', 'failed relay-away'], []]);
    await clock.advance(10 * MINUTE);
    await deliver(room.exits, RoutingType.SMTP, 'a@b.c', singleton('\nHello\n'));
    expect(room.events.splice(0)).toEqual(['attempted due', 'delivered relayed']);
  });

  test('of octets that mean nothing to us is passed on whole', async () => {
    await using room = await setUp();
    const tag = randomTag(random);
    const payload = keystream(Buffer.alloc(16, 9), 28672);
    await deliver(room.exits, RoutingType.SMTP, 'a@b.c', payload, tag);
    expect(readMessages(room.server.mails[0]?.message ?? Buffer.alloc(0))).toEqual([
      { type: 'encrypted', contents: payload, tag },
    ]);
    const bomb = Buffer.alloc(2_000_000);
    await deliver(room.exits, RoutingType.SMTP, 'a@b.c', writeSingleton(compress(bomb), 0, random));
    expect(readMessages(room.server.mails[1]?.message ?? Buffer.alloc(0))).toEqual([
      { type: 'overcompressed', contents: compress(bomb) },
    ]);
  });

  test('does not leave while a file of the settings is missing or wrong', async () => {
    await using room = await setUp();
    const again = (smtp: object, relay = {}) =>
      configuredModules({
        post,
        hostname: HERE,
        folder,
        settings: {
          ...room.settings,
          relay: { ...room.settings.relay, ...relay },
          smtp: { ...room.settings.smtp, ...smtp },
        },
      });
    await expect(again({ blacklist_file: 'none' })).rejects.toMatchObject({ name: 'ExitError', code: 'exit-file' });
    await expect(again({ blacklist_file: 'users' })).rejects.toMatchObject({ code: 'exit-line' });
    await expect(again({}, { user: 'x', password_file: 'none' })).rejects.toMatchObject({ code: 'exit-file' });
    expect(await again({ blacklist_file: '' })).toHaveLength(2);
  });

  test('for elsewhere waits while there is no relay', async () => {
    await using room = await setUp();
    const settings = { ...room.settings, relay: { ...room.settings.relay, host: '' } };
    const [, mbox] = await configuredModules({ post, settings, hostname: HERE, folder });
    if (mbox === undefined) throw new Error('no module');
    const { exits, events } = await open([mbox]);
    await deliver(exits, RoutingType.MBOX, 'bob', singleton('\nHello\n'));
    await deliver(exits, RoutingType.MBOX, 'alice', singleton('\nHello\n'));
    expect(events).toEqual(['attempted due', 'failed no-relay', 'attempted due', 'delivered stored']);
  });
});
