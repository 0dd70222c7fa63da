// A node with everything around it made up: what comes in goes on, is delivered or is dropped for a reason, through crashes
// that lose whatever was not synced.

import { beforeEach, describe, expect, test } from 'vitest';
import { hopAddress, packetOver, pathNode, toUser } from '../../../test/support/mix-packets.ts';
import { packetKeyOf, serverNames } from '../../../test/support/mixminion-network.ts';
import { silentLog } from '../../base/log.ts';
import { noMetrics } from '../../base/metrics.ts';
import { systemRandom } from '../../base/random.ts';
import { DAY, HOUR, MINUTE, VirtualClock } from '../../base/time.ts';
import { sha1 } from '../../crypto/hash.ts';
import type { ExitPacket } from '../exit/exits.ts';
import type { Acknowledgement } from '../mmtp/carrier.ts';
import { RoutingType } from '../packet/routing.ts';
import { unwrap } from '../packet/unwrap.ts';
import { type MemoryDisk, memoryDisk } from './disk/memory-disk.ts';
import { MixNode } from './node.ts';
import { RELAY_WAITS } from './outgoing/retry.ts';
import type { NodeParts, NodeSettings } from './parts.ts';
import { Statistics } from './statistics.ts';
import { directUnwrapper } from './unwrap/direct.ts';

const [first = '', second = ''] = serverNames;
const keys = { own: packetKeyOf(first), next: packetKeyOf(second) };
const own = pathNode('own', keys.own);
const next = pathNode('next', keys.next);
const settings: NodeSettings = {
  pool: { strategy: 'timed', interval: 30 * MINUTE, minimum: 0, rate: 1 },
  retry: RELAY_WAITS,
  spoolSize: 2 ** 30,
};

interface Sent {
  readonly host: string;
  readonly packet: Buffer;
}

let clock: VirtualClock;
let disk: MemoryDisk;
let sent: Sent[];
let delivered: ExitPacket[];
let answer: (host: string) => Promise<Acknowledgement>;
let keep: (packet: ExitPacket) => Promise<void>;
let pings: Buffer[];
let rounds = 0;

beforeEach(() => {
  clock = new VirtualClock();
  disk = memoryDisk();
  [sent, delivered, pings] = [[], [], []];
  answer = async () => 'received';
  keep = async (packet) => {
    delivered.push(packet);
  };
});

const unreachable = async () => {
  throw new Error('nobody is there');
};

function parts(): NodeParts {
  return {
    clock,
    random: systemRandom,
    log: silentLog,
    metrics: noMetrics,
    disk,
    unwrapper: directUnwrapper(),
    carrier: {
      async send(hop, packet) {
        const acknowledgement = await answer(hop.host);
        if (acknowledgement === 'received') sent.push({ host: hop.host, packet: Buffer.from(packet) });
        return acknowledgement;
      },
      pad: async () => {},
      close: async () => {},
    },
    exits: {
      accepts: (type) => type === RoutingType.MBOX,
      deliver: (packet) => keep(packet),
      async round() {
        rounds += 1;
      },
      waiting: async () => 0,
      close: async () => {},
    },
    keyId: own.address.keyId,
    pingReturned: (digest) => pings.push(digest),
  };
}

async function openNode(change: Partial<NodeSettings> = {}): Promise<MixNode> {
  const statistics = new Statistics(DAY, clock.now());
  const node = await MixNode.open(parts(), { ...settings, ...change }, { keys: [keys.own], statistics });
  await node.settled();
  return node;
}

/** What a power failure leaves: the node is gone, and so is whatever was not synced. */
async function crash(): Promise<MixNode> {
  disk.crash();
  return await openNode();
}

async function mix(node: MixNode): Promise<void> {
  await node.settled();
  await node.mix();
  await node.settled();
}

const relayed = () => packetOver([own, next]);
const forUs = (exit = toUser('alice'), payload?: Buffer) => {
  const packet = packetOver([pathNode('before', keys.own), own], exit, payload);
  const opened = unwrap(packet, [keys.own]); // the hop before us
  if (opened.result !== 'relay') throw new Error('the first hop relays');
  return opened.packet;
};

/** Everything that was taken must be somewhere. */
function expectSum(node: MixNode): void {
  const { accepted, forwarded, delivered: handedOver, dropped, held } = node.figures;
  const sum = (figures: Readonly<Record<string, number>>) => Object.values(figures).reduce((a, b) => a + b, 0);
  expect(forwarded + handedOver + sum(dropped) + sum({ ...held })).toBe(accepted);
}

test('a packet goes on one layer thinner, at the mix and not before', async () => {
  const node = await openNode();
  const packet = relayed();
  expect(await node.receive(Buffer.from(packet))).toBe('received');
  await node.settled();
  expect([sent.length, node.figures.held]).toEqual([0, { arrived: 0, pool: 1, outgoing: 0 }]);
  await mix(node);
  const expected = unwrap(packet, [keys.own]);
  expect(sent).toEqual([{ host: 'next.example.net', packet: expected.result === 'relay' && expected.packet }]);
  expect(node.figures).toMatchObject({ accepted: 1, forwarded: 1, held: { pool: 0, outgoing: 0 } });
});

test('the clock mixes, one interval after the start and then on', async () => {
  const node = await openNode();
  node.start();
  await node.receive(relayed());
  await clock.advance(30 * MINUTE - 1);
  expect(sent).toHaveLength(0);
  await clock.advance(1);
  expect(sent).toHaveLength(1);
  await node.receive(relayed());
  await clock.advance(30 * MINUTE);
  expect(sent).toHaveLength(2);
});

// spec: mixminion-server 5
test('who pads links hears of each mix, and of the interval that is in force then', async () => {
  const mixed: [hosts: string[], interval: number][] = [];
  const node = await MixNode.open(
    { ...parts(), mixed: (hops, interval) => mixed.push([hops.map(({ host }) => host), interval]) },
    settings,
    { keys: [keys.own], statistics: new Statistics(DAY, clock.now()) },
  );
  await node.receive(relayed());
  await node.receive(relayed());
  await mix(node);
  node.use({ ...settings, pool: { ...settings.pool, interval: 45 * MINUTE } });
  await mix(node);
  expect(mixed).toEqual([
    [['next.example.net'], 30 * MINUTE],
    [[], 45 * MINUTE],
  ]);
});

test('what is gone leaves the disk in two hours, also while something waits beside it', async () => {
  const node = await openNode({ pool: { strategy: 'timed', interval: 30 * MINUTE, minimum: 0, rate: 1 } });
  answer = (host) => (host === 'away.example.net' ? unreachable() : Promise.resolve('received'));
  const waiting = packetOver([own, pathNode('away', keys.next)]);
  await node.receive(waiting);
  for (let packets = 0; packets < 5; packets += 1) await node.receive(relayed());
  const onDisk = async () => {
    let octets = 0;
    for (const name of await disk.list()) if (name.startsWith('spool-')) octets += (await disk.open(name)).size;
    return octets;
  };
  for (let turn = 0; turn < 4; turn += 1) {
    await mix(node);
    await clock.advance(30 * MINUTE);
  }
  await mix(node);
  expect(node.figures).toMatchObject({ forwarded: 5, held: { outgoing: 1 } });
  expect(await onDisk()).toBeLessThan(2 * 32_768); // one packet waits
  const again = await crash();
  expect(again.figures.held.outgoing).toBe(1);
});

describe('the end of a way', () => {
  test('a message is handed to the exits', async () => {
    const node = await openNode();
    await node.receive(forUs());
    await mix(node);
    expect(delivered).toEqual([expect.objectContaining({ routingType: RoutingType.MBOX })]);
    expect(delivered[0]?.routingInfo.subarray(20).toString()).toBe('alice');
    expect(delivered[0]?.payload).toHaveLength(28_672);
    expect(node.figures).toMatchObject({ delivered: 1, held: { pool: 0 } });
  });

  test('exits that fail get it again at the next mix', async () => {
    const node = await openNode();
    keep = unreachable;
    await node.receive(forUs());
    await mix(node);
    expect(node.figures).toMatchObject({ delivered: 0, held: { pool: 1 } });
    keep = async (packet) => void delivered.push(packet);
    await mix(node);
    expect(node.figures).toMatchObject({ delivered: 1, held: { pool: 0 } });
    expectSum(node);
  });

  test('a ping is told by its digest and never enters the pool', async () => {
    const node = await openNode();
    const payload = systemRandom.bytes(28_672);
    await node.receive(forUs({ routingType: RoutingType.PING, routingInfo: sha1(payload) }, payload));
    await node.settled();
    expect(pings).toEqual([sha1(payload)]);
    expect(node.figures).toMatchObject({ dropped: { ping: 1 }, held: { pool: 0 } });
  });
});

describe('each packet that goes no further has its reason', () => {
  const damaged = (at: number) => {
    const packet = relayed();
    packet[at] = (packet[at] ?? 0) ^ 1;
    return packet;
  };
  test.each([
    ['noise', () => systemRandom.bytes(32_768), 'undecryptable'],
    ['a header that was changed', () => damaged(300), 'digest'],
    ['a dummy', () => forUs({ routingType: RoutingType.DROP, routingInfo: Buffer.alloc(0) }), 'drop'],
    ['a delivery that nobody does', () => forUs({ routingType: 0x1234, routingInfo: Buffer.alloc(40) }), 'no-module'],
    [
      'an address without a tag',
      () => forUs({ routingType: RoutingType.MBOX, routingInfo: Buffer.from('a') }),
      'no-tag',
    ],
  ])('%s', async (_what, make, reason) => {
    const node = await openNode();
    await node.receive(make());
    await node.settled();
    expect(node.figures).toMatchObject({ accepted: 1, dropped: { [reason]: 1 }, held: { arrived: 0, pool: 0 } });
  });

  test('a second copy', async () => {
    const node = await openNode();
    const packet = relayed();
    await Promise.all([node.receive(Buffer.from(packet)), node.receive(Buffer.from(packet))]);
    await node.settled();
    await node.receive(Buffer.from(packet));
    await mix(node);
    expect(sent).toHaveLength(1);
    expect(node.figures.dropped).toEqual({ replay: 2 });
    expectSum(node);
  });
});

describe('a next hop that is away', () => {
  test('it is tried when its time has come, and only after a mix; then all goes', async () => {
    const node = await openNode();
    let tries = 0;
    answer = async () => {
      tries += 1;
      return await unreachable();
    };
    await node.receive(relayed());
    await mix(node);
    await mix(node);
    expect(tries).toBe(1);
    await clock.advance(HOUR);
    expect(tries).toBe(1);
    await mix(node);
    expect(tries).toBe(2);
    answer = async () => 'received';
    await node.receive(relayed());
    await clock.advance(HOUR);
    await mix(node);
    expect(sent).toHaveLength(2);
    expectSum(node);
  });

  test('one that rejects keeps us trying; one that is never back costs the packet', async () => {
    const node = await openNode();
    answer = async () => 'rejected';
    await node.receive(relayed());
    await mix(node);
    expect(node.figures.held.outgoing).toBe(1);
    await clock.advance(540_000_000);
    await mix(node);
    expect(node.figures.held.outgoing).toBe(1);
    await clock.advance(1);
    await mix(node);
    expect(node.figures).toMatchObject({ dropped: { unreachable: 1 }, held: { outgoing: 0 } });
    expectSum(node);
  });

  test('one hop that is away holds up no other', async () => {
    const node = await openNode();
    answer = (host) => (host.startsWith('next') ? unreachable() : Promise.resolve('received'));
    const other = pathNode('other', keys.next);
    for (let i = 0; i < 20; i += 1) await node.receive(packetOver([own, i % 2 === 0 ? next : other]));
    await mix(node);
    expect(sent.map(({ host }) => host)).toEqual(Array(10).fill('other.example.net'));
    expect(node.figures.held.outgoing).toBe(10);
  });
});

test('what is for the node itself does not leave it', async () => {
  const node = await openNode();
  await node.receive(packetOver([own, own, next]));
  await mix(node);
  expect([sent.length, node.figures.held.pool]).toEqual([0, 1]);
  await mix(node);
  await mix(node);
  expect(sent.map(({ host }) => host)).toEqual([hopAddress('next').host]);
  expectSum(node);
});

// spec: mixminion-server 2, 3
test('packets for an old key are taken as long as it is in force, and its replay log goes with it', async () => {
  const node = await openNode();
  await node.useKeys([keys.next, keys.own]);
  const packet = relayed();
  for (let copy = 0; copy < 2; copy += 1) await node.receive(Buffer.from(packet));
  await node.receive(packetOver([pathNode('own', keys.next), next]));
  await mix(node);
  expect(node.figures).toMatchObject({ forwarded: 2, dropped: { replay: 1 } });
  await node.useKeys([keys.next]);
  await node.receive(relayed());
  await node.settled();
  expect(node.figures.dropped).toEqual({ replay: 1, undecryptable: 1 });
  expect((await disk.list()).filter((name) => name.startsWith('replay-'))).toHaveLength(1);
});

test('a pool that keeps some back keeps them over a failure', async () => {
  const pool = { strategy: 'dynamic', interval: MINUTE, minimum: 3, rate: 0.5 } as const;
  let node = await openNode({ pool });
  for (let i = 0; i < 10; i += 1) await node.receive(relayed());
  await mix(node);
  expect([sent.length, node.figures.held.pool]).toEqual([5, 5]);
  disk.crash();
  node = await openNode({ pool });
  await mix(node);
  expect([sent.length, node.figures.held.pool]).toEqual([7, 3]);
  await mix(node);
  expect(sent).toHaveLength(7);
});

test('a full spool takes nothing, and says so', async () => {
  const node = await openNode({ spoolSize: 40_000 });
  expect(await node.receive(relayed())).toBe('received');
  await node.settled();
  expect(await node.receive(relayed())).toBe('received');
  await node.settled();
  expect(await node.receive(relayed())).toBe('rejected');
  await mix(node);
  expect(await node.receive(relayed())).toBe('received');
});

describe('power failures', () => {
  test('what was received goes on, wherever it was', async () => {
    let node = await openNode();
    const packet = relayed();
    await node.receive(Buffer.from(packet)); // perhaps not opened yet
    node = await crash();
    expect(node.figures.held).toEqual({ arrived: 0, pool: 1, outgoing: 0 });
    node = await crash(); // in the pool
    answer = unreachable;
    await mix(node);
    node = await crash(); // waiting for its hop
    expect(node.figures.held).toEqual({ arrived: 0, pool: 0, outgoing: 1 });
    answer = async () => 'received';
    await mix(node);
    expect(sent).toHaveLength(1);
    node = await crash(); // gone
    expect(node.figures.accepted).toBe(0);
    await node.receive(Buffer.from(packet));
    await node.settled();
    expect(node.figures.dropped).toEqual({ replay: 1 });
  });

  test('a delivery that the exits have is not offered again', async () => {
    let node = await openNode();
    await node.receive(forUs());
    await mix(node);
    node = await crash();
    await mix(node);
    expect(delivered).toHaveLength(1);
  });

  test('a delivery that the exits may have is offered to them at the next mix, whatever the pool sends', async () => {
    let node = await openNode();
    await node.receive(forUs());
    await node.settled();
    const power = Promise.withResolvers<never>();
    keep = async (packet) => {
      delivered.push(packet);
      return await power.promise; // it fails right behind this
    };
    void node.mix();
    await clock.advance(0);
    expect(node.figures.held.pool).toBe(1);
    disk.crash();
    node = await openNode({ pool: { ...settings.pool, strategy: 'dynamic', minimum: 10 } });
    await node.receive(forUs());
    rounds = 0;
    keep = unreachable;
    await mix(node);
    expect(rounds).toBe(0); // or they might let it out, and be told of it again
    keep = async (packet) => void delivered.push(packet);
    await mix(node);
    expect(rounds).toBe(1);
    expect(new Set(delivered.map(({ replayHash }) => replayHash.toString('hex'))).size).toBe(1);
    expect(delivered).toHaveLength(2);
    expect(node.figures).toMatchObject({ delivered: 1, held: { pool: 1 } });
    expectSum(node);
  });

  test('at any moment: nothing is lost, and no packet goes on twice', async () => {
    const packets = Array.from({ length: 40 }, (_, i) => (i % 4 === 3 ? forUs() : relayed()));
    const confirmed = new Set<number>();
    let node = await openNode();
    for (const [index, packet] of packets.entries()) {
      // Some are not waited for, so that the failure finds them anywhere between here and the pool.
      const receiving = node.receive(Buffer.from(packet)).then(() => confirmed.add(index));
      for (let turn = 0; turn < (index * 7) % 23; turn += 1) await Promise.resolve();
      if (index % 3 === 0) {
        if (index % 2 === 0) await receiving;
        disk.crash();
        const abandoned = node;
        node = await openNode();
        await abandoned.settled();
        await receiving.catch(() => {});
        if (!confirmed.has(index)) continue;
      } else await receiving;
      if (index % 5 === 0) await mix(node);
    }
    for (const packet of packets) await node.receive(Buffer.from(packet)); // whoever had no answer sends again
    await mix(node);
    const forwarded = sent.map(({ packet }) => sha1(packet).toString('hex'));
    const hashes = delivered.map(({ replayHash }) => replayHash.toString('hex'));
    expect([new Set(forwarded).size, new Set(hashes).size]).toEqual([30, 10]);
    expectSum(node);
  });
});
