import { describe, expect, test } from 'vitest';
import { systemRandom } from '../base/random.ts';
import { fixedResolver, inSrvOrder, isPublicAddress, systemResolver } from './resolver.ts';

test.each([
  ['8.8.8.8', true],
  ['2606:4700::1111', true],
  ['127.0.0.1', false],
  ['10.1.2.3', false],
  ['172.31.0.1', false],
  ['172.32.0.1', true],
  ['192.168.1.1', false],
  ['100.64.0.1', false],
  ['169.254.9.9', false],
  ['224.0.0.1', false],
  ['255.255.255.255', false],
  ['0.0.0.0', false],
  ['::1', false],
  ['::', false],
  ['fe80::1', false],
  ['fd00::1', false],
  ['ff02::1', false],
  ['::ffff:127.0.0.1', false],
  ['::ffff:7f00:1', false],
  ['::ffff:8.8.8.8', true],
  ['localhost', false],
])('%s is public: %s', (address, expected) => {
  expect(isPublicAddress(address)).toBe(expected);
});

describe('a table of names', () => {
  const resolver = fixedResolver({
    'a.test': {
      addresses: ['192.0.2.1'],
      mx: [
        { host: 'second.test', priority: 20 },
        { host: 'first.test', priority: 10 },
      ],
      txt: ['v=spf1 -all'],
    },
    'down.test': { fails: true },
  });

  test('answers, in order, whatever the case', async () => {
    expect(await resolver.addresses('A.test')).toEqual(['192.0.2.1']);
    expect((await resolver.mx('a.test')).map(({ host }) => host)).toEqual(['first.test', 'second.test']);
    expect(await resolver.txt('a.test')).toEqual(['v=spf1 -all']);
    expect(await resolver.srv('_immp._tcp.a.test')).toEqual([]);
    expect(await resolver.addresses('::1')).toEqual(['::1']);
  });

  test('tells nothing there from nobody there', async () => {
    expect(await resolver.mx('unknown.test')).toEqual([]);
    await expect(resolver.mx('down.test')).rejects.toMatchObject({ code: 'dns' });
  });
});

test('SRV records of one priority are drawn by weight, each once', () => {
  const record = (host: string, priority: number, weight: number) => ({ host, port: 1, priority, weight });
  const records = [record('late', 2, 1), record('heavy', 1, 90), record('light', 1, 10)];
  let heavyFirst = 0;
  for (let round = 0; round < 1000; round += 1) {
    const order = inSrvOrder(records, systemRandom).map(({ host }) => host);
    expect([...order].sort()).toEqual(['heavy', 'late', 'light']);
    expect(order[2]).toBe('late');
    if (order[0] === 'heavy') heavyFirst += 1;
  }
  expect(heavyFirst).toBeGreaterThan(800); // 900 on average, 9.5 standard deviations away
  expect(heavyFirst).toBeLessThan(980);
});

test('the system answers for its own addresses', async () => {
  expect(await systemResolver.addresses('127.0.0.1')).toEqual(['127.0.0.1']);
  expect(await systemResolver.addresses('localhost')).toContain('127.0.0.1');
});
