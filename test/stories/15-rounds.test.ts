// A client that stays: it visits its mailboxes at random times, and brings in what arrived meanwhile.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { CounterRandom } from '../../src/crypto/aes-ctr.ts';
import { drawPause } from '../../src/smallmail/client/courier.ts';
import { MAIN, makeDataFolder, postern, startOffice } from '../support/office.ts';

// spec: smallmail 2.11
test('fetch --every visits again and again until it is stopped', async () => {
  await using folder = await makeDataFolder();
  const home = await mkdtemp(join(tmpdir(), 'postern-home-'));
  const office = await startOffice(folder.path);
  const server = `127.0.0.1:${office.port('SmallMail')}`;
  expect(await postern('smallmail', 'new', 'alice', '--server', server, '--home', home)).toMatchObject({ code: 0 });

  const staying = spawn(process.execPath, [MAIN, 'smallmail', 'fetch', '--every', '1 s', '--home', home]);
  const seen: string[] = [];
  for await (const line of createInterface(staying.stdout)) {
    seen.push(line);
    if (seen.length === 1) {
      const sent = await postern('smallmail', 'send', 'alice', '--home', home, '--json', 'while you were away');
      expect(sent).toMatchObject({ code: 0 });
    }
    if (line === 'alice: 1 new') break;
    expect(seen.length).toBeLessThan(60);
  }
  expect(seen[0]).toBe('alice: 0 new');
  staying.kill();
  await once(staying, 'exit');
  await office.end('SIGTERM');
  await rm(home, { recursive: true });
}, 60_000);

test('the pauses have the mean that was asked for, and no rhythm', () => {
  const random = new CounterRandom(Buffer.alloc(16, 7));
  const pauses = Array.from({ length: 4000 }, () => drawPause(random, 1000));
  const mean = pauses.reduce((sum, pause) => sum + pause, 0) / pauses.length;
  expect(mean).toBeGreaterThan(900);
  expect(mean).toBeLessThan(1100);
  expect(Math.max(...pauses)).toBeLessThanOrEqual(5000);
  expect(pauses.filter((pause) => pause < 100).length).toBeGreaterThan(200);
});
