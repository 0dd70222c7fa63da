import { expect, test } from 'vitest';
import { systemRandom } from '../../base/random.ts';
import { fixedResolver, type NameRecords } from '../../net/resolver.ts';
import { routeTo } from './routes.ts';

const names: Record<string, NameRecords> = {
  'two.test': {
    mx: [
      { host: 'b.two.test', priority: 20 },
      { host: 'a.two.test', priority: 10 },
    ],
  },
  'a.two.test': { addresses: ['8.8.8.8', '2001:4860::1'] },
  'b.two.test': { addresses: ['9.9.9.9'] },
  'plain.test': { addresses: ['8.8.4.4'] },
  'half.test': {
    mx: [
      { host: 'gone.half.test', priority: 1 },
      { host: 'b.two.test', priority: 2 },
    ],
  },
  'gone.half.test': { fails: true },
  'backup.test': {
    mx: [
      { host: 'b.two.test', priority: 1 },
      { host: 'Here.Test', priority: 2 },
      { host: 'a.two.test', priority: 3 },
    ],
  },
  'fails.test': { fails: true },
  'onlyfails.test': { mx: [{ host: 'gone.half.test', priority: 1 }] },
};

const ask = (domain: string, changes: Partial<Parameters<typeof routeTo>[1]> = {}) =>
  routeTo(domain, {
    resolver: fixedResolver(names),
    random: systemRandom,
    hostname: 'here.test',
    settings: { routes: [], private_hosts: false },
    port: 25,
    allows: () => true,
    ...changes,
  });
const hosts = async (domain: string, changes = {}) => {
  const route = await ask(domain, changes);
  return route.way === 'servers' ? route.servers.map(({ at }) => at.host) : route.status;
};

test.each([
  ['two.test', ['8.8.8.8', '2001:4860::1', '9.9.9.9']],
  ['plain.test', ['8.8.4.4']],
  ['half.test', ['9.9.9.9']],
  ['backup.test', ['9.9.9.9']],
  ['nothing.test', '5.1.2'],
])('the servers of %s, in order', async (domain, expected) => {
  expect(await hosts(domain)).toEqual(expected);
});

test('equals are tried in either order', async () => {
  names['even.test'] = { mx: ['plain.test', 'b.two.test'].map((host) => ({ host, priority: 1 })) };
  const seen = new Set<string>();
  for (let tries = 0; tries < 60; tries += 1) seen.add(String(await hosts('even.test')));
  expect(seen).toEqual(new Set(['8.8.4.4,9.9.9.9', '9.9.9.9,8.8.4.4']));
});

test('a name service that is away is no answer', async () => {
  await expect(ask('fails.test')).rejects.toMatchObject({ code: 'dns' });
  await expect(ask('onlyfails.test')).rejects.toMatchObject({ code: 'dns' });
});

test('a route of the operator goes before all, and a policy may leave nobody', async () => {
  const routes = [{ domain: 'two.test', endpoint: { host: '10.1.1.1', port: 2525 } }];
  expect(await hosts('two.test', { settings: { routes, private_hosts: false } })).toEqual(['10.1.1.1']);
  expect(await hosts('two.test', { allows: (host: string) => host === 'b.two.test' })).toEqual(['9.9.9.9']);
  expect(await hosts('two.test', { allows: () => false })).toEqual([]);
});
