// The keys of a remailer may be in other hands: its operator replaces them while the office runs.   spec: mixminion-server 3, 8.2

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runPostern } from '../../src/cli/program.ts';
import { overhear } from '../support/client.ts';
import { makeDataFolder, startOffice } from '../support/office.ts';

const CONFIG = `[mix]
enabled = true
nickname = "Amber"
contact = "operator@example.org"
listen = ["127.0.0.1:0"]
advertised_port = 48099
`;

test('new packet keys, then a new identity too; and nothing without a yes', async () => {
  await using folder = await makeDataFolder(CONFIG);
  const office = await startOffice(folder.path, '--only', 'mix');
  const remailer = (...args: string[]) => overhear(() => runPostern(['remailer', ...args, '--data', folder.path]));
  const ask = async (...args: string[]) => JSON.parse((await remailer(...args, '--json')).out);
  const key = (name: string) => readFile(join(folder.path, 'mix', 'keys', name), 'latin1');
  const keys = () => Promise.all([key('identity.key'), key('key_0001/mix.key')]);

  const [identity, packetKey] = await keys();
  const { fingerprint } = await ask('stats');
  const refused = await remailer('keys', 'replace');
  expect(refused).toMatchObject({ status: 2, err: expect.stringContaining('give --yes') });
  expect(await keys()).toEqual([identity, packetKey]);

  expect(await ask('keys', 'replace', '--yes')).toEqual({ fingerprint, descriptors: 1, publishes: false });
  const [sameIdentity, newPacketKey] = await keys();
  expect(sameIdentity).toBe(identity);
  expect(newPacketKey).not.toBe(packetKey);

  const { out } = await remailer('keys', 'replace', '--identity', '--yes');
  expect(out).toContain(`${fingerprint} (destroyed)`);
  expect(out).toContain('has to approve the new fingerprint');
  expect((await ask('stats')).fingerprint).not.toBe(fingerprint);
  expect((await keys())[0]).not.toBe(identity);

  expect(await office.end('SIGTERM')).toBe(0);
  expect(await remailer('keys', 'replace', '--yes')).toMatchObject({ status: 1 }); // it takes the office to do it
});
