// How the client finds its server.   spec: immp 2.5

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PASSWORD } from '../../../test/support/immp.ts';
import { type ImmpOffice, openImmpOffice } from '../../../test/support/immp-office.ts';
import { systemRandom } from '../../base/random.ts';
import { systemClock } from '../../base/time.ts';
import { fixedResolver, type NameRecords } from '../../net/resolver.ts';
import { type Courier, converse } from './courier.ts';
import { findAccount, type Home, knownServer, openHome, readAddress, readServer, saveAccount } from './home.ts';

let office: ImmpOffice;
let home: Home;

beforeAll(async () => {
  office = await openImmpOffice('example.org');
  await office.ask('account.add', { name: 'alice', password: PASSWORD });
  home = await openHome(await mkdtemp(join(tmpdir(), 'postern-courier-')));
});
afterAll(async () => {
  await office[Symbol.asyncDispose]();
  await rm(home.folder, { recursive: true });
});

const courier = (records: Record<string, NameRecords>): Courier => ({
  home,
  clock: systemClock,
  random: systemRandom,
  resolver: fixedResolver(records),
});
const alice = () => ({ imid: readAddress('alice@example.org') });
const greet = (at: Courier, account: Parameters<typeof converse>[1] = alice()) =>
  converse(
    at,
    account,
    async () => PASSWORD,
    async (session) => session.greeting.domain,
  );
const srv = (host: string, port: number, priority = 1) => ({ host, port, priority, weight: 0 });

test('SRV says where, and the next server is tried when one is not there', async () => {
  const records = [srv('127.0.0.1', 1, 1), srv('127.0.0.1', office.port, 2)];
  expect(await greet(courier({ '_immp._tcp.example.org': { srv: records } }))).toBe('example.org');
  // What logs in is kept, and the password is not asked for again.
  const account = await findAccount(home, alice().imid);
  expect(account?.key?.h2).toHaveLength(32);
  const at = courier({ '_immp._tcp.example.org': { srv: records } });
  const silent = () => Promise.reject(new Error('asked'));
  if (account) await converse(at, account, silent, async () => {});
});

// spec: immp 2.4
test('a server is known by its key only once it has shown that it knows the account', async () => {
  const at = courier({ '_immp._tcp.elsewhere.org': { srv: [srv('127.0.0.1', office.port)] } });
  await expect(greet(at, { imid: readAddress('alice@elsewhere.org') })).rejects.toMatchObject({ code: 'password' });
  expect(await knownServer(home, 'elsewhere.org')).toBeUndefined();
  expect((await knownServer(home, 'example.org'))?.pin).toEqual(office.identity.serverKey);
});

test('a domain may say that it has no server', async () => {
  const none = courier({ '_immp._tcp.example.org': { srv: [srv('', 0)] } });
  await expect(greet(none)).rejects.toMatchObject({ code: 'unknown' });
});

test('what the user says goes before DNS', async () => {
  const server = readServer(`LocalHost:${office.port}`);
  expect(await greet(courier({ '_immp._tcp.example.org': { fails: true } }), { ...alice(), server })).toBe(
    'example.org',
  );
  await expect(greet(courier({ '_immp._tcp.example.org': { fails: true } }))).rejects.toMatchObject({ code: 'dns' });
});

test('an onion name is never looked up', async () => {
  const hidden = { imid: readAddress('alice@abcdef.onion') };
  await expect(greet(courier({}), hidden)).rejects.toMatchObject({ code: 'address' });
});

test('names that are none', async () => {
  const long = `${'x'.repeat(64)}/`.repeat(8);
  for (const text of ['alice', 'a@b@c', 'a@b.c/x', `${long}a@b.c`, '']) {
    expect(() => readAddress(text)).toThrow(expect.objectContaining({ code: 'address' }));
  }
  expect(() => readServer('host:99999')).toThrow('no server');
  await saveAccount(home, alice());
  expect(await findAccount(home, alice().imid)).toEqual({ ...alice(), key: undefined });
});
