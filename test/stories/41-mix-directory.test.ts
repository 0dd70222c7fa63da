// A directory server and its operator: a remailer announces itself as old ones do, waits, is approved, and clients find it in
// the directory of the day, which is there again after a restart.   spec: mixminion-directory 4, 5, 6.2

import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { systemClock } from '../../src/base/time.ts';
import { runPostern } from '../../src/cli/program.ts';
import { ServerDescriptor } from '../../src/mixminion/directory/descriptor.ts';
import { Directory } from '../../src/mixminion/directory/directory.ts';
import { downloadDirectory } from '../../src/mixminion/directory/download.ts';
import { publishDescriptor } from '../../src/mixminion/directory/publish.ts';
import { identityOf } from '../support/authorities.ts';
import { overhear } from '../support/client.ts';
import { fieldsOf } from '../support/mixminion-directory.ts';
import { makeDataFolder, startOffice } from '../support/office.ts';

const DAY = 86_400_000;

/** What the remailer sends: valid from the last midnight on. */
function announcement(): string {
  const now = systemClock.now();
  const today = now - (now % DAY);
  const fields = fieldsOf('Amber', { published: now, validAfter: today, validUntil: today + 30 * DAY });
  return ServerDescriptor.build(fields, identityOf('Amber'), { random: systemRandom }).text;
}

/** A port that is free now; the restarted office is to have the same. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

test('announced, approved, listed, and still there after a restart', async () => {
  const port = await freePort();
  const config = `[directory]\nlisten = ["127.0.0.1:${port}"]`;
  await using folder = await makeDataFolder(config);
  const run = async (...args: string[]) => {
    const { status, out, err } = await overhear(() => runPostern(['directory', ...args, '--data', folder.path]));
    if (status !== 0) throw new Error(err);
    return out;
  };
  const ask = async (...args: string[]) => JSON.parse(await run(...args, '--json'));
  let office = await startOffice(folder.path, '--only', 'directory');
  const base = `http://127.0.0.1:${port}/`;
  const text = announcement();
  expect((await publishDescriptor(`${base}minion-cgi/publish`, text)).message).toMatch('pending');
  expect(await ask('pending')).toMatchObject([{ nickname: 'Amber', standing: 'pending' }]);
  expect(await ask('approve', 'amber')).toMatchObject({ vote: 'yes', nickname: 'Amber' });
  expect((await publishDescriptor(`${base}upload`, text)).message).toBe('Accepted.');
  expect(await run('renew')).toContain('made anew');
  expect(await ask('renew')).toEqual({ renewed: true });

  const { fingerprint } = await ask('status');
  const knownServers = [{ name: 'here', url: base, fingerprint }];
  const found = async (url: string) => Directory.parse(await downloadDirectory({ url }), { knownServers });
  for (const url of [base, `${base}directory/Directory.gz`])
    expect((await found(url)).getServers({ recommendedOnly: true }).map(({ text: listed }) => listed)).toEqual([text]);

  expect(await office.end('SIGTERM')).toBe(0);
  expect(await ask('list')).toMatchObject([{ nickname: 'Amber', standing: 'yes' }]); // also while the office is closed
  await expect(ask('status')).rejects.toThrow('not at work');
  office = await startOffice(folder.path, '--only', 'directory');
  expect((await found(base)).recommendedNicknames).toEqual(['amber']);
  expect((await ask('status')).fingerprint).toBe(fingerprint);
  expect(await office.end('SIGTERM')).toBe(0);
});
