import { expect, test } from 'vitest';
import { z } from 'zod';
import { fixedResolver } from '../../net/resolver.ts';
import { routesTo } from './routes.ts';
import { forwardSettings, rangesHold } from './settings.ts';

const schema = z.strictObject(forwardSettings);
const resolver = fixedResolver({
  'mx.example': {
    mx: [
      { host: 'second.example', priority: 20 },
      { host: 'first.example', priority: 10 },
    ],
    addresses: ['9.9.9.9'],
  },
  'first.example': { addresses: ['1.1.1.1', '2606:4700::1111'] },
  'second.example': { addresses: ['8.8.8.8'] },
  'bare.example': { addresses: ['9.9.9.10'] },
  'none.example': { mx: [{ host: '', priority: 0 }], addresses: ['9.9.9.11'] },
  'inside.example': { addresses: ['10.0.0.1', '127.0.0.1', '9.9.9.12'] },
  'broken.example': { fails: true },
});
const routes = (domain: string, changes: Record<string, unknown> = {}) =>
  routesTo(domain, schema.parse(changes), resolver);

// spec: cmtp 9 D12
test('the table comes first, then MX by preference, then the domain itself', async () => {
  expect(await routes('MX.example', { forward_hosts: ['mx.example=10.1.2.3:25'] })).toEqual([
    { host: '10.1.2.3', port: 25 },
  ]);
  expect(await routes('MX.example')).toEqual([
    { host: '1.1.1.1', port: 9001 },
    { host: '2606:4700::1111', port: 9001 },
    { host: '8.8.8.8', port: 9001 },
  ]);
  expect(await routes('bare.example', { forward_port: 25 })).toEqual([{ host: '9.9.9.10', port: 25 }]);
});

test('a domain without a server, or inside a private network, has no route', async () => {
  expect(await routes('none.example')).toEqual([]);
  expect(await routes('unknown.example')).toEqual([]);
  expect(await routes('127.0.0.1')).toEqual([]);
  expect(await routes('inside.example')).toEqual([{ host: '9.9.9.12', port: 9001 }]);
  expect(await routes('inside.example', { forward_private: true })).toHaveLength(3);
});

test('a name service out of reach is another matter', async () => {
  await expect(routes('broken.example')).rejects.toMatchObject({ code: 'dns' });
});

test('ranges hold what they say', () => {
  const { forward_from: ranges } = schema.parse({ forward_from: ['192.0.2.0/24', '2001:db8::/32', '127.0.0.1'] });
  const holds = rangesHold(ranges);
  const inside = ['192.0.2.200', '::ffff:192.0.2.7', '2001:db8:1::1', '127.0.0.1'];
  const outside = ['192.0.3.1', '2001:db9::1', '127.0.0.2', '', 'localhost'];
  expect(inside.map(holds)).toEqual(inside.map(() => true));
  expect(outside.map(holds)).toEqual(outside.map(() => false));
});

test.each([
  { forward_from: ['everybody'] },
  { forward_from: ['1.2.3.4/33'] },
  { forward_hosts: ['a.example'] },
  { forward_hosts: ['a.example=nowhere:0x1'] },
  { forward_port: 0 },
])('%o is refused', (settings) => {
  expect(schema.safeParse(settings).success).toBe(false);
});
