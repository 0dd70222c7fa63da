// The pinger among servers of different kinds, for weeks, on a clock that the test turns.

import { beforeEach, describe, expect, test } from 'vitest';
import { packetKeyOf, pathOf } from '../../../../test/support/mixminion-network.ts';
import { openTestPost } from '../../../../test/support/post.ts';
import { silentLog } from '../../../base/log.ts';
import { DAY, HOUR, MINUTE, VirtualClock } from '../../../base/time.ts';
import { CounterRandom } from '../../../crypto/aes-ctr.ts';
import { sha1 } from '../../../crypto/hash.ts';
import type { Documents, Store } from '../../../store/store.ts';
import { getReliabilities } from '../../directory/reliability.ts';
import { buildForwardPacket } from '../../packet/build.ts';
import { RoutingType } from '../../packet/routing.ts';
import { unwrap } from '../../packet/unwrap.ts';
import { type OutgoingPing, Pinger } from './pinger.ts';
import { writeResults } from './results.ts';
import { pingTable } from './settings.ts';

const settings = pingTable.parse({});
const START = Date.UTC(2026, 10, 1, 6);

let clock: VirtualClock;
let sent: (OutgoingPing & { at: number })[];
beforeEach(() => {
  clock = new VirtualClock(START);
  sent = [];
});

/** Documents in memory: all that a pinger needs of a store. */
function memoryStore(): { documents: Documents; kept: Map<string, Buffer> } {
  const kept = new Map<string, Buffer>();
  const documents: Documents = {
    get: async (owner, name) => {
      const value = kept.get(`${owner}/${name}`);
      return value && { value, version: 1 };
    },
    async put(owner, name, value) {
      kept.set(`${owner}/${name}`, Buffer.from(value));
      return 1;
    },
    remove: async (owner, name) => kept.delete(`${owner}/${name}`),
    list: async (owner) =>
      [...kept.keys()]
        .filter((key) => key.startsWith(`${owner}/`))
        .map((key) => key.slice(owner.length + 1))
        .sort(),
  };
  return { documents, kept };
}

interface World {
  readonly store?: Pick<Store, 'documents'>;
  readonly servers: readonly string[];
  /** How long a path takes, ms; undefined when it swallows the packet. */
  readonly delay?: (path: readonly string[]) => number | undefined;
}

async function open({ store = memoryStore(), servers, delay = () => MINUTE }: World): Promise<Pinger> {
  const pinger = await Pinger.open({
    store,
    clock,
    random: new CounterRandom(Buffer.alloc(16, sent.length)),
    log: silentLog,
    settings,
    servers: () => servers,
    async send(ping) {
      sent.push({ ...ping, payload: Buffer.alloc(0), at: clock.now() });
      const time = delay(ping.path);
      if (time !== undefined) clock.timer(time, () => pinger.returned(sha1(ping.payload)));
    },
  });
  return pinger;
}

const of = (...path: string[]) => sent.filter((ping) => ping.path.join() === path.join());

// spec: mixminion-server 5
describe('a pinger', () => {
  test('sends each server a ping every two hours, and pairs one a day until they are known, then every four', async () => {
    const pinger = await open({ servers: ['aa', 'bb'] });
    pinger.start();
    await clock.advance(16 * DAY);
    for (const server of ['aa', 'bb']) {
      const times = of(server).map(({ at }) => at);
      expect(times.length).toBe(16 * 12);
      for (const [index, at] of times.entries()) if (index > 0) expect(at - (times[index - 1] ?? 0)).toBe(2 * HOUR);
    }
    expect(of('aa')[0]?.at).not.toBe(of('bb')[0]?.at);
    for (const path of [
      ['aa', 'aa'],
      ['aa', 'bb'],
      ['bb', 'aa'],
      ['bb', 'bb'],
    ]) {
      const count = of(...path).length;
      expect(count, path.join()).toBeGreaterThanOrEqual(4);
      expect(count, path.join()).toBeLessThanOrEqual(7);
    }
    expect(sent.every(({ exit }) => exit.routingType === RoutingType.PING && exit.routingInfo.length === 20)).toBe(
      true,
    );
    await pinger.close();
    expect(clock.waiting).toBe(0);
  });

  test('finds out who is good, who is bad, and which chain is broken', async () => {
    let count = 0;
    const pinger = await open({
      servers: ['dead', 'fine', 'half', 'slow'],
      delay(path) {
        if (path.includes('dead') || path.join() === 'fine,slow') return undefined;
        count += path.includes('half') ? 1 : 0;
        if (path.includes('half') && count % 2 === 0) return undefined;
        return path.includes('slow') ? 5 * HOUR + 3 * MINUTE : 2 * MINUTE;
      },
    });
    pinger.start();
    await clock.advance(14 * DAY);
    const { servers, chains, uptime, at } = pinger.results;
    expect(clock.now() - at).toBeLessThanOrEqual(30 * MINUTE);
    expect(uptime).toBe(1);
    const found = Object.fromEntries(servers.map((server) => [server.id, server]));
    expect(found['fine']).toMatchObject({ overall: 1, latency: 2 * MINUTE });
    expect(found['slow']).toMatchObject({ overall: 1, latency: 5 * HOUR });
    expect(found['dead']).toMatchObject({ overall: 0, latency: undefined });
    expect(found['half']?.overall).toBeGreaterThan(0.3);
    expect(found['half']?.overall).toBeLessThan(0.7);
    const broken = chains.filter((chain) => chain.broken).map(({ path }) => path.join());
    expect(broken).toContain('fine,slow');
    expect(broken).toContain('dead,fine');
    for (const good of ['fine,fine', 'slow,fine', 'slow,slow']) expect(broken).not.toContain(good);
    expect(of('fine', 'slow').length).toBeGreaterThan(2 * of('slow', 'fine').length); // interesting: tried each day

    const text = writeResults(pinger.results, (id) => id.toUpperCase());
    expect(text).toMatch(/^pinger 2026-11-15 0[56]:\d\d:00 uptime 100.0%\n/);
    expect(text).toContain('server FINE 100.0% latency 2 min days ************\n');
    expect(text).toMatch(/server DEAD 0\.0% latency unknown days 0{11}[0.]\n/);
    expect(text).toMatch(/broken FINE,SLOW 0\/\d+\n/);
  });

  test('knows after a restart what it knew, and when it was away', async () => {
    const store = memoryStore();
    const first = await open({ store, servers: ['aa', 'bb'] });
    first.start();
    await clock.advance(3 * DAY);
    await first.close();
    const before = first.results;
    const told = await getReliabilities(store, clock.now());
    expect([...told]).toEqual(before.servers.map(({ id, overall }) => [id.toUpperCase(), overall]));
    expect([...(await getReliabilities(store, clock.now() + 2 * DAY))]).toEqual([]); // too old to count
    const times = of('aa').map(({ at }) => at);
    await clock.advance(DAY);
    expect(of('aa')).toHaveLength(times.length);

    const second = await open({ store, servers: ['aa', 'bb'] });
    second.start();
    await clock.advance(1);
    expect(second.results.servers.map(({ overall, latency }) => [overall, latency])).toEqual(
      before.servers.map(({ overall, latency }) => [overall, latency]),
    );
    expect(second.results.uptime).toBeGreaterThan(0.74);
    expect(second.results.uptime).toBeLessThan(0.77);
    await clock.advance(2 * HOUR);
    const next = of('aa').at(-1)?.at ?? 0;
    expect((next - (times[0] ?? 0)) % (2 * HOUR)).toBe(0); // the same phase: nothing shows that it was away
    await second.close();
  });

  test('recognises each of its pings once, and nothing else', async () => {
    const payloads: Buffer[] = [];
    const pinger = await Pinger.open({
      ...{ store: memoryStore(), clock, random: new CounterRandom(Buffer.alloc(16)), log: silentLog, settings },
      servers: () => ['aa'],
      send: async ({ payload, exit }) => {
        expect([payload.length, exit.routingInfo]).toEqual([28672, sha1(payload)]);
        payloads.push(payload);
      },
    });
    pinger.start();
    await clock.advance(4 * HOUR);
    const [payload] = payloads;
    if (payload === undefined) throw new Error('nothing was sent');
    expect(new Set(payloads.map((octets) => octets.toString('hex'))).size).toBe(payloads.length);
    expect(pinger.returned(sha1(Buffer.from('another')))).toBe(false);
    expect(pinger.returned(sha1(payload))).toBe(true);
    expect(pinger.returned(sha1(payload))).toBe(false);
    await pinger.close();
  });

  test('is given back its own packets by the mix', async () => {
    const path1 = ['Amber', 'Birch'];
    const homeward: Buffer[] = [];
    const random = new CounterRandom(Buffer.alloc(16, 1));
    const pinger = await Pinger.open({
      ...{ store: memoryStore(), clock, random, log: silentLog, settings },
      servers: () => path1,
      send: async ({ path, exit, payload }) => {
        const legs = { path1: pathOf(path), path2: pathOf(['Cedar']) };
        let packet = buildForwardPacket({ ...legs, exit, payload }, { build: random, oaep: random });
        for (const server of path) {
          const opened = unwrap(packet, [packetKeyOf(server)]);
          if (opened.result === 'relay') packet = opened.packet;
        }
        homeward.push(packet);
      },
    });
    pinger.start();
    await clock.advance(DAY / 2);
    expect(homeward.length).toBeGreaterThan(10);
    for (const packet of homeward) {
      const opened = unwrap(packet, [packetKeyOf('Cedar')]);
      if (opened.result !== 'deliver') throw new Error('the ping did not come home');
      expect([opened.routingType, opened.routingInfo]).toEqual([RoutingType.PING, sha1(opened.payload)]);
      expect(pinger.returned(sha1(opened.payload))).toBe(true);
    }
    await pinger.close();
  });

  test('counts no ping that could not be sent, and goes on', async () => {
    const pinger = await Pinger.open({
      ...{ store: memoryStore(), clock, random: new CounterRandom(Buffer.alloc(16)), log: silentLog, settings },
      servers: () => ['aa'],
      send: async (ping) => {
        sent.push({ ...ping, at: clock.now() });
        throw new Error('no such server');
      },
    });
    pinger.start();
    await clock.advance(2 * DAY);
    expect(of('aa')).toHaveLength(24);
    expect(pinger.results.servers).toMatchObject([{ overall: undefined, latency: undefined }]);
    expect(pinger.results.chains).toMatchObject([{ sent: 0, broken: false }]);
    await pinger.close();
  });

  test('goes on when the store fails for a while, and writes then what it could not', async () => {
    const { documents, kept } = memoryStore();
    let broken = false;
    const put: Documents['put'] = (...given) =>
      broken ? Promise.reject(new Error('no room')) : documents.put(...given);
    const store = { documents: { ...documents, put } };
    const pinger = await open({ store, servers: ['aa'] });
    pinger.start();
    await clock.advance(HOUR);
    broken = true;
    await clock.advance(DAY);
    broken = false;
    await clock.advance(2 * HOUR);
    await pinger.close();
    const pings = [...kept].filter(([name]) => name.endsWith('/aa')).flatMap(([, value]) => JSON.parse(String(value)));
    expect(pings).toHaveLength(sent.length);
  });

  test('follows the directory', async () => {
    const servers = ['aa'];
    const pinger = await open({ servers });
    pinger.start();
    await clock.advance(DAY);
    servers.splice(0, 1, 'bb');
    await clock.advance(30 * MINUTE);
    const before = of('aa').length;
    await clock.advance(DAY);
    expect([of('aa').length, of('bb').length]).toEqual([before, 12]);
    expect(pinger.results.servers.map(({ id }) => id)).toEqual(['bb']);
    await pinger.close();
  });

  test('keeps its pings a month and its results a year', async () => {
    const { documents, kept } = memoryStore();
    const pinger = await open({ store: { documents }, servers: ['aa'] });
    pinger.start();
    await clock.advance(40 * DAY);
    await pinger.close();
    const days = (what: string) =>
      [...kept.keys()].filter((name) => name.endsWith(`/${what}`)).map((name) => name.split('/')[2]);
    expect(days('aa')).toHaveLength(31);
    expect(days('beats')).toHaveLength(31);
    expect(days('results')).toHaveLength(41);
    expect(days('aa')[0]).toBe('2026-11-11');
    const later = new VirtualClock(clock.now() + 360 * DAY);
    const again = await Pinger.open({
      ...{ store: { documents }, clock: later, random: new CounterRandom(Buffer.alloc(16)), log: silentLog, settings },
      servers: () => [],
      send: async () => {},
    });
    again.start();
    await later.advance(1);
    expect([days('aa'), days('results').length]).toEqual([[], 7]);
    await again.close();
  });

  test('works on the real store too', async () => {
    await using post = await openTestPost(clock);
    const pinger = await open({ store: post.store, servers: ['aa'] });
    pinger.start();
    for (let step = 0; step < 40; step += 1) {
      await clock.advance(10 * MINUTE);
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    await pinger.close();
    const again = await open({ store: post.store, servers: ['aa'] });
    again.start();
    while (again.results.servers.length === 0) {
      await clock.advance(1);
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    expect(again.results.servers).toMatchObject([{ id: 'aa', overall: 1 }]);
    await again.close();
  });
});

// spec: mixminion-server 5; mixminion-mmtp 6
test('padding goes to servers that get nothing else', async () => {
  const servers = Array.from({ length: 100 }, (_, index) => `s${index}`);
  const pinger = await open({ servers });
  const busy = new Set(servers.slice(0, 50));
  expect(pinger.padding(busy, 2 * HOUR)).toEqual(servers.slice(50));
  const some = pinger.padding(busy, 30 * MINUTE);
  expect(some.length).toBeGreaterThan(5);
  expect(some.length).toBeLessThan(45);
});

// spec: mixminion-server 8
test('the settings are those of old, and none is absurd', () => {
  expect(settings).toEqual({
    enabled: true,
    server_ping_period: 2 * HOUR,
    dull_chain_ping_period: 4 * DAY,
    chain_ping_period: DAY,
    server_probe_period: HOUR,
    recompute_interval: 30 * MINUTE,
    retain_data: 30 * DAY,
    retain_results: 365 * DAY,
  });
  for (const name of Object.keys(settings).slice(1))
    expect(pingTable.safeParse({ [name]: '0 s' }).success, name).toBe(false);
});
