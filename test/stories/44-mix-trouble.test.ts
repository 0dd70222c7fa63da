// Troubles of a Type III network, on real sockets: a remailer that is switched off in the middle of a batch, a hop that is away
// for hours or for good, a packet that comes again.   spec: mixminion-server 1.2, 2

import { afterAll, beforeAll, expect, test } from 'vitest';
import { HOUR, MINUTE } from '../../src/base/time.ts';
import type { Packet } from '../../src/mixminion/client/index.ts';
import { handIn, openTestNetwork, type TestNetwork } from '../support/testnet.ts';

const BATCH = 24;
let network: TestNetwork;
beforeAll(async () => {
  network = await openTestNetwork(['Amber', 'Birch', 'Cedar'], { retry: 'every 1 hour for 3 hours' });
});
afterAll(() => network[Symbol.asyncDispose]());

const letters = (count: number, about: string, path: string): Promise<Packet[]> =>
  network.letters(
    Array.from({ length: count }, (_, place) => `${about} ${place}`),
    path,
  );
const about = async (what: string) => (await network.bobReads()).filter((text) => text.startsWith(what));

test('a remailer is switched off in the middle of a batch, and nothing is lost or comes twice', async () => {
  const { net, clock, until, empty } = network;
  const [amber, cedar] = [net.node('Amber'), net.node('Cedar')];
  const packets = await letters(BATCH, 'batch', 'Amber:Cedar');
  await network.alice.send(packets);
  const some = Promise.withResolvers<void>();
  let came = 0;
  const count = () => {
    came += 1;
    if (came === BATCH / 4) some.resolve();
  };
  cedar.witnesses.add(count);
  const mixing = clock.advance(2 * MINUTE);
  await some.promise;
  await amber.stop();
  await mixing;
  cedar.witnesses.delete(count);
  const here = came;
  await amber.start();
  expect(here).toBeLessThan(BATCH); // it was in the middle
  await until(async () => (await about('batch')).length === BATCH);
  await empty();
  expect(new Set(await about('batch')).size).toBe(BATCH);
  expect(await about('batch')).toHaveLength(BATCH);
  expect([amber, cedar].every(network.addsUp)).toBe(true);
});

test('a hop that is away is tried until it is back; one that stays away costs the packet, and is told of', async () => {
  const { net, clock, until, pass } = network;
  const [amber, birch] = [net.node('Amber'), net.node('Birch')];
  await birch.stop();
  await network.alice.send(await letters(3, 'patient', 'Amber:Birch'));
  await until(() => amber.figures.held.outgoing === 3);
  await pass(HOUR + 30 * MINUTE, 10 * MINUTE);
  expect(amber.figures.held.outgoing).toBe(3);
  await birch.start();
  await until(async () => (await about('patient')).length === 3);

  await birch.stop();
  await network.alice.send(await letters(2, 'given up', 'Amber:Birch'));
  await until(() => amber.figures.held.outgoing === 2);
  const since = clock.now();
  await until(() => amber.figures.held.outgoing === 0, 10 * MINUTE);
  expect(clock.now() - since).toBeGreaterThan(2.8 * HOUR);
  expect(amber.figures.dropped['unreachable']).toBe(2);
  expect(network.addsUp(amber)).toBe(true);
  await birch.start();
  await pass(HOUR, 10 * MINUTE);
  expect(await about('given up')).toEqual([]);
});

test('a packet that comes again is dropped at the door, after a restart too', async () => {
  const { net, clock, until, empty } = network;
  const amber = net.node('Amber');
  const [packet] = await network.letters(['once'], 'Amber,Birch:Cedar');
  if (packet === undefined) throw new Error('a letter has a packet');
  for (let copy = 0; copy < 3; copy += 1) {
    expect(await handIn(amber, [packet, packet], clock)).toEqual(['received', 'received']);
    await until(() => (amber.figures.dropped['replay'] ?? 0) >= (copy === 0 ? 1 : 2));
    if (copy > 0) continue;
    await until(async () => (await about('once')).length === 1);
    await amber.stop();
    await amber.start();
  }
  await empty();
  expect(amber.figures.dropped['replay']).toBe(4); // since the restart
  expect(await about('once')).toEqual(['once']);
});
