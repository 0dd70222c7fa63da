// Days of a Type III network: directories roll over and keys turn while mail is under way.
// spec: mixminion-server 3; mixminion-directory 4

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DAY, HOUR, MINUTE, startOfDay } from '../../src/base/time.ts';
import { Directory } from '../../src/mixminion/directory/directory.ts';
import { handIn, openTestNetwork, type TestNetwork } from '../support/testnet.ts';

const LIFETIME = 4 * DAY;
const STEP = 30 * MINUTE;
let network: TestNetwork;
beforeAll(async () => {
  const names = ['Amber', 'Cedar'];
  network = await openTestNetwork(names, {
    mix_interval: '30 min',
    public_key_lifetime: '4 d',
    public_key_overlap: '6 h',
  });
});
afterAll(() => network[Symbol.asyncDispose]());

test('the directory rolls over at midnight, and remailers and people follow', async () => {
  const { net, clock, until, letters } = network;
  const today = startOfDay(clock.now());
  const tomorrow = new Date(today + DAY);
  expect((await net.directory()).lifespan.from).toEqual(new Date(today));
  await until(() => clock.now() > today + DAY + HOUR, HOUR);
  await until(async () => (await net.directory()).lifespan.from.getTime() === tomorrow.getTime(), STEP);
  const kept = (name: string) => join(net.folder, 'servers', name, 'work', 'directory', 'directory.gz');
  await until(async () => {
    const options = { clock, knownServers: [{ name: 'testnet', ...net.at }] };
    const found = await Promise.all(['amber', 'cedar'].map((name) => Directory.load(kept(name), options)));
    return found.every(({ lifespan }) => lifespan.from.getTime() === tomorrow.getTime());
  }, STEP);
  await network.alice.send(await letters(['a letter of the next day'], 'Amber:Cedar'));
  await until(async () => (await network.bobReads()).includes('a letter of the next day'), STEP);
});

test('keys turn while mail is under way: within the overlap it arrives, and later it does not', async () => {
  const { net, clock, pass, until, letters } = network;
  const first = startOfDay(clock.now()) - DAY; // the keys began on the day before the rollover
  for (const node of net.nodes) await node.stop(); // nothing happens for days
  await clock.advance(first + LIFETIME - 2 * HOUR - clock.now());
  for (const node of net.nodes) await node.start();
  await pass(HOUR, STEP);
  const late = await letters(['sealed for the old key'], 'Amber:Cedar');
  const tooLate = await letters(['late'], 'Amber:Cedar');
  const before = await readFile(join(net.folder, 'servers', 'amber', 'keys', 'key_0001', 'ServerDesc'), 'latin1');
  await network.alice.send(late);
  await until(() => clock.now() > first + LIFETIME + HOUR, STEP);
  await until(async () => (await network.bobReads()).includes('sealed for the old key'), STEP);

  await until(() => clock.now() > first + LIFETIME + 7 * HOUR, HOUR);
  await expect(readFile(join(net.folder, 'servers', 'amber', 'keys', 'key_0001', 'mix.key'))).rejects.toThrow('ENOENT');
  const amber = net.node('Amber');
  const dropped = amber.figures.dropped['undecryptable'] ?? 0;
  expect(await handIn(amber, tooLate, clock)).toEqual(['received']); // a hop never says why
  await until(() => amber.figures.dropped['undecryptable'] === dropped + 1, STEP);
  const now = (await net.directory()).find('Amber')?.text;
  expect(now).not.toBe(before);

  await network.alice.send(await letters(['sealed for the new key'], 'Amber:Cedar'));
  await until(async () => (await network.bobReads()).includes('sealed for the new key'), STEP);
  expect(net.nodes.every(network.addsUp)).toBe(true);
});
