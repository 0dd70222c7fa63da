// Packets in, messages out: queues, rounds and retries, over a real store, on a clock that the test turns.

import { describe, expect, test } from 'vitest';
import { exitDesk, FRAGMENTS, fragmentsFor, packet, random, singleton } from '../../../test/support/exits.ts';
import { packetKeyOf } from '../../../test/support/mixminion-network.ts';
import { base64, mixminionVectors } from '../../../test/support/vectors.ts';
import { HOUR, MINUTE, SECOND } from '../../base/time.ts';
import { sha256 } from '../../crypto/hash.ts';
import { RoutingType, randomTag } from '../packet/routing.ts';
import { unwrap } from '../packet/unwrap.ts';
import { writeSingleton } from '../payload/singleton.ts';
import type { ExitModule } from './module.ts';

const desk = exitDesk();

// spec: mixminion-server 4, 1.3
describe('a message in one packet', () => {
  test('waits for the round, and leaves in it', async () => {
    const { module, got } = desk.recorder();
    const { exits, events } = await desk.open([module]);
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
    const { module, got } = desk.recorder();
    const { exits } = await desk.open([module]);
    const twice = packet(RoutingType.SMTP, 'a@b.c', singleton('\nx'));
    await exits.deliver(twice);
    await exits.deliver(twice);
    await exits.round();
    expect(got).toHaveLength(1);
  });

  test('is tried again by the schedule, in rounds only, and dropped when the schedule is used up', async () => {
    const { module, got } = desk.recorder([
      { result: 'later', reason: 'away' },
      new Error('the line is down'),
      { result: 'later', reason: 'away' },
    ]);
    const { exits, events } = await desk.open([module]);
    const start = desk.clock.now();
    await exits.deliver(packet(RoutingType.SMTP, 'a@b.c', singleton('\nx')));
    for (let step = 0; step < 10; step += 1) {
      await exits.round();
      await desk.clock.advance(50 * MINUTE);
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
    const { module, got } = desk.recorder();
    const { exits, events } = await desk.open([module]);
    await exits.deliver(packet(RoutingType.MBOX, 'alice', singleton('\nx')));
    await exits.deliver({ ...packet(RoutingType.SMTP, '', singleton('\nx')), routingInfo: Buffer.from('a@b.c') });
    await exits.deliver(packet(RoutingType.FRAGMENT, '', singleton('\nx')));
    await exits.deliver(packet(RoutingType.SMTP, 'a@b.c', writeSingleton(Buffer.from('no zlib'), 0, random)));
    await exits.round();
    expect(got).toEqual([]);
    expect(events).toEqual(['dropped no-module', 'dropped no-tag', 'dropped no-module', 'dropped malformed']);
  });

  test('that was queued when the process died leaves after the next start', async () => {
    const first = await desk.open([desk.recorder().module]);
    await first.exits.deliver(packet(RoutingType.SMTP, 'a@b.c', singleton('\nx')));
    const { module, got } = desk.recorder();
    const { exits } = await desk.open([module]);
    await exits.round();
    expect(got).toHaveLength(1);
    await exits.close(SECOND);
  });

  test('that is under way when the exits close is tried again when its lease is over', async () => {
    const begun = Promise.withResolvers<void>();
    const stuck: ExitModule = {
      ...desk.recorder().module,
      deliver: (_message, signal) => {
        begun.resolve();
        return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))));
      },
    };
    const first = await desk.open([stuck]);
    await first.exits.deliver(packet(RoutingType.SMTP, 'a@b.c', singleton('\nx')));
    const round = first.exits.round();
    await begun.promise;
    await first.exits.close(MINUTE);
    await round;
    const { module, got } = desk.recorder();
    const { exits } = await desk.open([module]);
    await desk.clock.advance(HOUR);
    await exits.round();
    expect(got).toHaveLength(1);
  });

  test('arriving in the middle of a round leaves in one that follows', async () => {
    const { module, got } = desk.recorder();
    const { exits } = await desk.open([module]);
    await exits.deliver(packet(RoutingType.SMTP, 'a@b.c', singleton('\nx')));
    const first = exits.round();
    await desk.clock.advance(1);
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
  const { module, got } = desk.recorder();
  const modules = [0x0100, 0x0101, 0xfffe].map((type) => ({ ...module, type, name: `recorder-${type}` }));
  const { exits, events } = await desk.open(modules, FRAGMENTS);
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
  const old = desk.recorder([{ result: 'later', reason: 'away' }]);
  const { exits, events } = await desk.open([old.module]);
  await exits.deliver(packet(RoutingType.SMTP, 'a@b.c', singleton('\nx')));
  await exits.round();
  await exits.use({ modules: [], fragments: FRAGMENTS });
  expect([RoutingType.SMTP, RoutingType.FRAGMENT].map(exits.accepts)).toEqual([false, true]);
  await desk.clock.advance(HOUR);
  await exits.round();
  const next = desk.recorder();
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
  const { module } = desk.recorder();
  await expect(desk.open([module, { ...module, name: 'other' }])).rejects.toMatchObject({ code: 'exit-module' });
  await expect(desk.open([module, { ...module, type: 0x0200 }])).rejects.toMatchObject({ code: 'exit-module' });
});
