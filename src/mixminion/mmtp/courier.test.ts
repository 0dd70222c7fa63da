// Packets from a courier to listening ports over real TLS: sharing and limiting connections, renewing certificates, and
// what goes wrong on the way.

import { afterEach, describe, expect, test } from 'vitest';
import { packetOf } from '../../../test/support/mmtp.ts';
import { certificatesOf, nodeIdentity, startTestNode, type TestNode } from '../../../test/support/mmtp-node.ts';
import { openProxy } from '../../../test/support/socks.ts';
import { Throttle } from '../../base/throttle.ts';
import { DAY, MINUTE, SECOND, systemClock, VirtualClock } from '../../base/time.ts';
import { CounterRandom } from '../../crypto/aes-ctr.ts';
import { Ports } from '../../net/ports.ts';
import { fixedResolver, isPublicAddress } from '../../net/resolver.ts';
import type { PacketRoom } from './carrier.ts';
import { Courier, type CourierOptions } from './courier.ts';
import { mmtpPort } from './port.ts';
import * as wire from './wire.ts';

const random = new CounterRandom(Buffer.alloc(16, 9));
const resolver = fixedResolver({
  'amber.test': { addresses: ['127.0.0.1'] },
  'second-address.test': { addresses: ['127.0.0.2', '127.0.0.1'] },
  'down.test': { fails: true },
});

const open: { close(grace: number): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close(0);
});

async function startNode(options: Parameters<typeof startTestNode>[0] = {}): Promise<TestNode> {
  const node = await startTestNode(options);
  open.push(node.ports);
  return node;
}

function startCourier(options: Partial<CourierOptions> = {}): Courier {
  const courier = new Courier({ clock: systemClock, random, resolver, timeout: 3 * SECOND, ...options });
  open.push(courier);
  return courier;
}

/** Resolves when `holds`, which it does soon. */
async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 600 && !holds(); turn += 1) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(holds()).toBe(true);
}

// spec: mixminion-mmtp 3, 5, 6
describe('one server', () => {
  test('gets packets and padding over one connection, which is closed when it has rested', async () => {
    const node = await startNode();
    const courier = startCourier({ linger: 50 });
    const sent = [0, 1, 2, 3, 4, 5, 6, 7].map((index) => courier.send(node.hop, packetOf(index)));
    const padded = courier.pad({ ...node.hop, host: 'AMBER.test' });
    expect(await Promise.all(sent)).toEqual(Array(8).fill('received'));
    await padded;
    expect(node.packets.map((packet, index) => packet.equals(packetOf(index)))).toEqual(Array(8).fill(true));
    expect(node.pads).toBe(1);
    expect(await courier.send(node.hop, packetOf(0))).toBe('received');
    expect(courier.connections).toBe(1);
    expect(node.ports.connections).toBe(1);
    await until(() => courier.connections === 0);
    await until(() => node.endings.length === 1);
    expect(node.endings).toEqual(['finished']);
    expect(await courier.send(node.hop, packetOf(1))).toBe('received');
    expect(node.conversations).toBe(2);
  });

  test('may reject one packet and take the next', async () => {
    const node = await startNode();
    node.keep = async (packet) => (packet.equals(packetOf(1)) ? 'rejected' : 'received');
    const courier = startCourier();
    const sent = [0, 1, 2].map((index) => courier.send(node.hop, packetOf(index)));
    expect(await Promise.all(sent)).toEqual(['received', 'rejected', 'received']);
  });

  test('that fails takes all packets without an answer with it; the next packet opens another connection', async () => {
    const node = await startNode();
    node.keep = async (packet) => {
      if (packet.equals(packetOf(1))) throw new Error('the disk is gone');
      return 'received';
    };
    const courier = startCourier();
    const [first, ...others] = await Promise.allSettled(
      [0, 1, 2, 3, 4, 5, 6, 7].map((index) => courier.send(node.hop, packetOf(index))),
    );
    expect(first).toMatchObject({ status: 'fulfilled', value: 'received' });
    for (const other of others)
      expect(other).toMatchObject({ status: 'rejected', reason: { name: 'MmtpError', retriable: true } });
    expect(await courier.send(node.hop, packetOf(2))).toBe('received');
    expect(node.endings).toEqual(['room-failed']);
  });

  test('that went away while its connection rested is noticed before a packet is lost on it', async () => {
    const node = await startNode();
    const courier = startCourier({ linger: 60 * SECOND });
    await courier.send(node.hop, packetOf(0));
    await node.ports.close(0);
    const again = await startNode({ port: node.hop.port });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await courier.send(node.hop, packetOf(1))).toBe('received');
    expect(again.packets).toHaveLength(1);
  });

  test('has no answer for longer than the timeout: all fail', async () => {
    const node = await startNode();
    node.keep = () => new Promise(() => {});
    const courier = startCourier({ timeout: 200 });
    await expect(courier.send(node.hop, packetOf(0))).rejects.toMatchObject({ code: 'mmtp-timeout', retriable: true });
    expect(courier.connections).toBeLessThanOrEqual(1);
  });
});

// spec: mixminion-mmtp 1.3, 5
describe('reaching a server', () => {
  test.each([
    ['another server than was meant', { keyId: Buffer.alloc(20, 7) }, 'mmtp-auth'],
    ['a name without an address', { host: 'nobody.test' }, 'mmtp-network'],
    ['a name service that is down', { host: 'down.test' }, 'mmtp-network'],
    ['a port where nobody listens', { port: 1 }, 'mmtp-network'],
  ])('%s', async (_, wrong, code) => {
    const node = await startNode();
    const counted: string[] = [];
    const courier = startCourier({ count: (event) => void counted.push(event) });
    const sent = [0, 1].map((index) => courier.send({ ...node.hop, ...wrong }, packetOf(index)));
    for (const result of await Promise.allSettled(sent))
      expect(result).toMatchObject({ status: 'rejected', reason: { code } });
    await until(() => courier.connections === 0);
    expect(node.packets).toEqual([]);
    expect(counted).toEqual(['AttemptedConnect', 'FailedConnect']);
    expect(await courier.send(node.hop, packetOf(2))).toBe('received');
    expect(counted.slice(2)).toEqual(['AttemptedConnect', 'SuccessfulConnect']);
  });

  test('goes on to its next address', async () => {
    const node = await startNode();
    expect(await startCourier().send({ ...node.hop, host: 'second-address.test' }, packetOf(0))).toBe('received');
  });

  test('not at addresses that it must not connect to', async () => {
    const node = await startNode();
    const sent = startCourier({ mayReach: isPublicAddress }).send(node.hop, packetOf(0));
    await expect(sent).rejects.toMatchObject({ code: 'mmtp-network' });
  });

  test('through a proxy, which looks up the name', async () => {
    const node = await startNode();
    await using proxy = await openProxy(node.hop.port);
    const courier = startCourier({ proxy: { host: '127.0.0.1', port: proxy.port } });
    expect(await courier.send({ ...node.hop, host: 'hidden.onion' }, packetOf(0))).toBe('received');
    expect(proxy.asked).toMatchObject([{ kind: 3, host: 'hidden.onion' }]);
    await courier.close(SECOND);
  });

  test('a link key that was checked is known again, also as that of another', async () => {
    const node = await startNode();
    const courier = startCourier({ linger: 0 });
    for (const index of [0, 1]) expect(await courier.send(node.hop, packetOf(index))).toBe('received');
    const other = { ...node.hop, keyId: Buffer.alloc(20, 7) };
    await expect(courier.send(other, packetOf(2))).rejects.toMatchObject({ code: 'mmtp-auth' });
    expect(await courier.send(node.hop, packetOf(3))).toBe('received');
  });
});

// spec: mixminion-mmtp 4
describe('the number of connections', () => {
  test('is limited; those that wait get their turn when one has rested or ended', async () => {
    const nodes = await Promise.all([1, 2, 3, 4, 5].map(() => startNode()));
    const courier = startCourier({ maxConnections: 2, linger: 60 * SECOND });
    let most = 0;
    for (const node of nodes)
      node.keep = async () => {
        most = Math.max(
          most,
          nodes.reduce((sum, { ports }) => sum + ports.connections, 0),
        );
        return 'received';
      };
    const sent = nodes.flatMap(({ hop }) => [0, 1, 2].map((index) => courier.send(hop, packetOf(index))));
    expect(await Promise.all(sent)).toEqual(Array(15).fill('received'));
    expect(most).toBeLessThanOrEqual(2);
    expect(courier.connections).toBeLessThanOrEqual(2);
    const [first] = nodes;
    if (first) expect(await courier.send(first.hop, packetOf(3))).toBe('received');
  });

  test('no server keeps its place for ever while others wait', async () => {
    const clock = new VirtualClock(Date.now());
    const [busy, other] = [await startNode(), await startNode()];
    const held: (() => void)[] = [];
    busy.keep = () => new Promise((resolve) => held.push(() => resolve('received')));
    const courier = startCourier({ maxConnections: 1, clock, timeout: 10 * MINUTE });
    const first = courier.send(busy.hop, packetOf(0));
    await until(() => held.length === 1);
    const waiting = courier.send(other.hop, packetOf(1));
    const second = courier.send(busy.hop, packetOf(2)); // goes along: the turn is not over
    await until(() => held.length === 2);
    await clock.advance(2 * MINUTE);
    const third = courier.send(busy.hop, packetOf(3));
    for (const keep of held.splice(0)) keep();
    expect(await Promise.all([first, second, waiting])).toEqual(Array(3).fill('received'));
    expect(held).toEqual([]);
    await until(() => held.length === 1);
    held[0]?.();
    expect(await third).toBe('received');
  });

  test('and more of them at once, when the limit is lifted', async () => {
    const [busy, other] = [await startNode(), await startNode()];
    const held: (() => void)[] = [];
    busy.keep = () => new Promise((resolve) => held.push(() => resolve('received')));
    const courier = startCourier({ maxConnections: 1 });
    const first = courier.send(busy.hop, packetOf(0));
    await until(() => held.length === 1);
    const waiting = courier.send(other.hop, packetOf(1));
    expect(other.packets).toEqual([]);
    courier.use({ maxConnections: 2 });
    expect(await waiting).toBe('received');
    held[0]?.();
    expect(await first).toBe('received');
  });

  test('counts servers that do not answer, and does not wait for them for ever', async () => {
    const node = await startNode();
    const courier = startCourier({ maxConnections: 1, timeout: 300 });
    node.keep = () => new Promise(() => {});
    const stuck = courier.send(node.hop, packetOf(0));
    const other = await startNode();
    const sent = courier.send(other.hop, packetOf(1));
    await expect(stuck).rejects.toMatchObject({ code: 'mmtp-timeout' });
    expect(await sent).toBe('received');
  });
});

describe('closing', () => {
  test('waits for answers, and takes nothing more', async () => {
    const node = await startNode();
    node.keep = () => new Promise((resolve) => setTimeout(() => resolve('received'), 50));
    const courier = startCourier();
    const sent = courier.send(node.hop, packetOf(0));
    await until(() => node.packets.length === 1);
    await courier.close(2 * SECOND);
    expect(await sent).toBe('received');
    await expect(courier.send(node.hop, packetOf(1))).rejects.toMatchObject({ code: 'mmtp-closed' });
    expect(courier.connections).toBe(0);
  });

  test('does not wait for ever, nor for those that have no connection yet', async () => {
    const node = await startNode();
    node.keep = () => new Promise(() => {});
    const courier = startCourier({ maxConnections: 1 });
    const stuck = courier.send(node.hop, packetOf(0));
    const waiting = courier.send((await startNode()).hop, packetOf(1));
    const failing = Promise.all(
      [stuck, waiting].map((sent) => expect(sent).rejects.toMatchObject({ code: 'mmtp-closed', retriable: true })),
    );
    await until(() => node.packets.length === 1);
    await courier.close(50);
    await failing;
  });
});

test('packets leave no faster than there is bandwidth', async () => {
  const node = await startNode();
  const throttle = new Throttle({ rate: 20 * wire.UNIT_LENGTH, burst: wire.UNIT_LENGTH }, systemClock);
  const courier = startCourier({ pace: (octets) => throttle.pass(octets) });
  const begun = performance.now();
  await Promise.all([0, 1, 2, 3, 4].map((index) => courier.send(node.hop, packetOf(index))));
  expect(performance.now() - begun).toBeGreaterThan(180); // four units of 50 ms behind the first
});

test('a port on which nobody counts serves all the same', async () => {
  const ports = new Ports();
  open.push(ports);
  const room: PacketRoom = { receive: async () => 'received', padding: () => {} };
  const certificates = await certificatesOf(Date.now());
  const at = { host: '127.0.0.1', port: 0 };
  await ports.use([mmtpPort({ at, certificates, room, limits: { connections: 1 }, clock: systemClock })]);
  const hop = { host: 'amber.test', port: ports.listening[0]?.at.port ?? 0, keyId: nodeIdentity.publicKey.digest };
  expect(await startCourier().send(hop, packetOf(0))).toBe('received');
});

// spec: mixminion-mmtp 1.3, 8
test('a new certificate is for new connections; those that are open go on', async () => {
  const node = await startNode();
  const courier = startCourier();
  await courier.send(node.hop, packetOf(0));
  await node.show(await certificatesOf(Date.now()));
  await courier.send(node.hop, packetOf(1));
  expect(node.ports.connections).toBe(1);
  const later = startCourier();
  await later.send(node.hop, packetOf(2));
  expect(node.ports.connections).toBe(2);
  // One that is too old is not shown for long: who connects refuses it.
  await node.show(await certificatesOf(Date.now() - 2 * DAY));
  await expect(startCourier().send(node.hop, packetOf(3))).rejects.toMatchObject({ code: 'mmtp-auth' });
});
