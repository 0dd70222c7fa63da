// The network of simulations says of a packet what the one over TLS would say.

import { expect, test } from 'vitest';
import { packetOf } from '../../../test/support/mmtp.ts';
import type { PacketRoom } from './carrier.ts';
import { type Fate, MemoryNetwork } from './memory.ts';

const keyId = Buffer.alloc(20, 1);
const hop = { host: 'amber.test', port: 48099, keyId };

function roomOf(
  receive: PacketRoom['receive'] = async () => 'received',
): PacketRoom & { packets: Buffer[]; pads: number } {
  const room = {
    packets: [] as Buffer[],
    pads: 0,
    receive(packet: Buffer) {
      room.packets.push(packet);
      return receive(packet);
    },
    padding() {
      room.pads += 1;
    },
  };
  return room;
}

test('brings packets and padding to the node with the key id, as copies', async () => {
  const network = new MemoryNetwork();
  const room = roomOf(async (packet) => (packet.equals(packetOf(1)) ? 'rejected' : 'received'));
  const leave = network.open(keyId, room);
  const carrier = network.carrier();
  const packet = packetOf(0);
  expect(await carrier.send(hop, packet)).toBe('received');
  expect(await carrier.send(hop, packetOf(1))).toBe('rejected');
  await carrier.pad(hop);
  expect(room.pads).toBe(1);
  packet.fill(0);
  expect(room.packets[0]?.equals(packetOf(0))).toBe(true);
  leave();
  await expect(carrier.send(hop, packetOf(2))).rejects.toMatchObject({ code: 'mmtp-network', retriable: true });
});

test('loses packets, or only their answers, as it is told to', async () => {
  const fates: Fate[] = [
    { arrives: false, answered: true },
    { arrives: true, answered: false },
    { arrives: true, answered: true },
  ];
  const network = new MemoryNetwork({ fate: async () => fates.shift() ?? { arrives: false, answered: false } });
  const room = roomOf();
  network.open(keyId, room);
  const carrier = network.carrier();
  await expect(carrier.send(hop, packetOf(0))).rejects.toMatchObject({ code: 'mmtp-network' });
  await expect(carrier.send(hop, packetOf(1))).rejects.toMatchObject({ code: 'mmtp-closed' });
  expect(await carrier.send(hop, packetOf(2))).toBe('received');
  expect(room.packets.map((packet) => packet.equals(packetOf(1)))).toEqual([true, false]);
});

test('a room that fails, and a carrier that is closed, end the connection', async () => {
  const network = new MemoryNetwork();
  network.open(
    keyId,
    roomOf(() => Promise.reject(new Error('the disk is gone'))),
  );
  const carrier = network.carrier();
  await expect(carrier.send(hop, packetOf(0))).rejects.toMatchObject({ code: 'mmtp-closed' });
  await carrier.close(0);
  await expect(carrier.pad(hop)).rejects.toMatchObject({ code: 'mmtp-closed' });
});
