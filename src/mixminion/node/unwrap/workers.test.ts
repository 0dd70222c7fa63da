// The threads say what the direct twin says, about any packet, and take new keys.

import { afterAll, expect, test } from 'vitest';
import { packetOver, pathNode, toUser } from '../../../../test/support/mix-packets.ts';
import { packetKeyOf, serverNames } from '../../../../test/support/mixminion-network.ts';
import { systemRandom } from '../../../base/random.ts';
import { RoutingType } from '../../packet/routing.ts';
import { memoryOf } from '../memory.ts';
import { directUnwrapper } from './direct.ts';
import { workerUnwrapper } from './workers.ts';

const [first = '', second = ''] = serverNames;
const [old, fresh] = [packetKeyOf(first), packetKeyOf(second)];
const threads = workerUnwrapper(2);
const direct = directUnwrapper();
afterAll(async () => await threads.close());

test('threads and the direct way agree', async () => {
  for (const unwrapper of [threads, direct]) unwrapper.useKeys([fresh, old]);
  const next = pathNode('next', old);
  const delivered = packetOver([pathNode('us', fresh), pathNode('us', fresh)]);
  const swapped = await direct.open(Buffer.from(delivered));
  const damaged = packetOver([pathNode('us', fresh), next]);
  damaged[300] = (damaged[300] ?? 0) ^ 1;
  const packets = [
    packetOver([pathNode('us', fresh), next]),
    packetOver([pathNode('us', old), next]), // under a key that is about to go
    swapped.result === 'relay' ? swapped.packet : Buffer.alloc(0),
    packetOver([pathNode('us', fresh), next], { routingType: RoutingType.DROP, routingInfo: Buffer.alloc(0) }),
    packetOver([pathNode('us', fresh), next], toUser('x'.repeat(300))),
    damaged,
    systemRandom.bytes(32_768),
  ];
  const expected = await Promise.all(packets.map((packet) => direct.open(Buffer.from(packet))));
  const opened = await Promise.all(packets.map((packet) => threads.open(Buffer.from(packet))));
  expect(opened).toEqual(expected);
  expect(expected.map(({ result }) => result)).toEqual([
    'relay',
    'relay',
    'deliver',
    'relay',
    'relay',
    'failed',
    'failed',
  ]);
  for (const one of opened)
    for (const value of Object.values(one)) {
      if (value instanceof Uint8Array) expect(Buffer.isBuffer(value)).toBe(true);
    }
});

test('a key that is gone opens nothing any more', async () => {
  const packet = packetOver([pathNode('us', old), pathNode('next', fresh)]);
  threads.useKeys([fresh]);
  expect(await threads.open(Buffer.from(packet))).toEqual({ result: 'failed', reason: 'undecryptable' });
  threads.useKeys([fresh, old]);
  expect(await threads.open(Buffer.from(packet))).toMatchObject({ result: 'relay', keyId: old.publicKey.digest });
});

test('only memory that is the packet itself is given away', () => {
  const whole = Buffer.allocUnsafeSlow(32_788);
  expect(memoryOf(whole.subarray(0, 32_768))).toEqual([whole.buffer]);
  expect(memoryOf(Buffer.allocUnsafeSlow(65_536).subarray(0, 32_768))).toEqual([]);
});

test('what is asked after the end fails', async () => {
  const ended = workerUnwrapper(1);
  await ended.close();
  await expect(ended.open(Buffer.alloc(32_768))).rejects.toMatchObject({ code: 'closed' });
});
