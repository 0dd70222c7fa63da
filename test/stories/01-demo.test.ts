// The first thing a newcomer may run: the demo plays to its end, shows the wire, and leaves nothing behind.

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { wireLines } from '../../src/cli/demo.ts';
import { postern } from '../support/office.ts';

test('the demo tells its story, and leaves nothing', async () => {
  const room = await mkdtemp(join(tmpdir(), 'postern-room-'));
  onTestFinished(() => rm(room, { recursive: true }));
  vi.stubEnv('TMPDIR', room);
  const { code, out, err } = await postern('demo');
  vi.unstubAllEnvs();
  expect({ code, err }).toEqual({ code: 0, err: '' });
  // spec: smallmail 3
  for (const line of ['CRID', 'SEND', 'BODY', 'LIST', 'RESP', 'RPRT', 'DELE']) expect(out).toContain(`C: ${line} `);
  for (const line of ['IDCR', 'ACCEPT', 'RCVD', 'CHAL', 'MSG', 'LSTD', 'PART', 'DLTD'])
    expect(out).toContain(`S: ${line}`);
  expect(out).toContain('signed by Alice');
  expect(out).toContain('S: FAIL bod@demo.example NORECIPIENT');
  expect(out).toContain('sender   not known, not kept');
  expect(out).toContain('postern demo nym, postern demo mix');
  expect(await readdir(room)).toEqual([]);
});

test('octets are shown by their number, lines as they are', () => {
  expect(wireLines(Buffer.from('LSTD\n'))).toEqual(['LSTD']);
  expect(wireLines(Buffer.from([1, 2, 3]))).toEqual(['<3 octets>']);
  expect(wireLines(Buffer.concat([Buffer.from('BODY 3\n'), Buffer.from([0, 200, 7])]))).toEqual([
    'BODY 3',
    '<3 octets>',
  ]);
});
