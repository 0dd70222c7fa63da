// A client that shares nothing with ours but docs/protocols/immp.md: Python 3 and its standard library.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { PASSWORD } from '../support/immp.ts';
import { openImmpOffice } from '../support/immp-office.ts';
import { judgedBy } from '../support/judges.ts';

const CLIENT = join(import.meta.dirname, '..', 'foreign', 'immp_client.py');

// spec: immp 5
test('a client in another language speaks with our server', judgedBy('python3'), async () => {
  await using office = await openImmpOffice('example.org');
  const alice = await office.person('Alice.Ö');
  const [met] = await alice.ask<{ key: string }[]>('servers', 'list');
  const run = (...args: string[]) =>
    promisify(execFile)('python3', [CLIENT, '127.0.0.1', String(office.port), ...args]);

  const { stdout } = await run('Alice.Ö@Example.org', PASSWORD, met?.key ?? '');
  const seen = JSON.parse(stdout) as Record<string, unknown>;
  expect(seen).toMatchObject({
    domain: 'example.org',
    accepted: 'Authentication accepted for Alice.Ö@Example.org',
    letter: 'Grüße\n',
    entry: { subject: 'All three; of them', flags: ['important'], from: 'alice.ö@example.org' },
    status: [['240', expect.stringMatching(/^:inbox:\* u=1 t=1 s=\d+ q=\d+$/)]],
    events: ['watching', 'new'],
    refused: '440',
    deleted: '2 deleted',
    goodbye: '205',
  });
  expect(seen['mail']).toContain('Subject: All three; of them\r\n');
  expect(seen['message']).toMatchObject({
    envelope: { flags: ['important', 'read'] },
    parts: [
      { name: 'letter.txt', class: 'content', encoding: 'utf8', data: 'Grüße\n' },
      { name: 'big.bin', class: 'attachment', length: 256_000, data: null },
      { name: 'raw.bin', data: null },
    ],
  });

  await expect(run('Alice.Ö@Example.org', 'wrong', met?.key ?? '')).rejects.toThrow('410');
  await expect(run('Alice.Ö@Example.org', PASSWORD, '0'.repeat(64))).rejects.toThrow('another key');
});
