// Fetching a directory from a server on this machine, with all that can go wrong on the way.

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { clock as fixedClock } from '../../../test/support/mixminion-directory.ts';
import { mixminionFile } from '../../../test/support/vectors.ts';
import { type Clock, systemClock } from '../../base/time.ts';
import { downloadDirectory, downloadDirectoryTo } from './download.ts';

const consensus = gzipSync(mixminionFile('consensus-0.3.txt'));
const clock: Clock = { now: () => fixedClock.now(), timer: (ms, wake) => systemClock.timer(ms, wake) };
const seen: { url?: string | undefined; pragma?: string | undefined }[] = [];
let server: Server;
let base: string;
let folder: string;

beforeEach(async () => {
  seen.length = 0;
  server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  folder = await mkdtemp(join(tmpdir(), 'postern-download-'));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

function answer(request: IncomingMessage, response: ServerResponse): void {
  seen.push({ url: request.url, pragma: request.headers.pragma });
  response.setHeader('Date', new Date(fixedClock.now()).toUTCString());
  const path = request.url?.replace(/^http:\/\/[^/]*/, '');
  if (path === '/current.gz') response.end(consensus);
  else if (path === '/skewed') response.setHeader('Date', 'Sun, 22 Nov 2026 00:00:00 GMT').end('x');
  else if (path === '/endless') response.write(Buffer.alloc(100_000));
  else if (path === '/cut') response.writeHead(200, { 'Content-Length': '9' }).write('x', () => response.destroy());
  else if (path === '/broken') response.end('not a directory');
  else if (path === '/never') return;
  else response.writeHead(404).end();
}

// spec: mixminion-directory 6.1
test('below an URL that ends in "/" it is current.gz, and no cache may answer', async () => {
  expect(await downloadDirectory({ url: base }, { clock })).toEqual(consensus);
  expect(await downloadDirectory({ url: `${base}current.gz` }, { clock })).toEqual(consensus);
  expect(seen).toEqual(Array(2).fill({ url: '/current.gz', pragma: 'no-cache' }));
});

test('a proxy is asked for the whole URL', async () => {
  expect(await downloadDirectory({ url: 'http://dir.example.net/' }, { clock, proxy: base })).toEqual(consensus);
  expect(seen[0]?.url).toBe('http://dir.example.net/current.gz');
  await expect(downloadDirectory({ url: 'https://dir.example.net/' }, { clock, proxy: base })).rejects.toMatchObject({
    code: 'download-failed',
  });
});

test.each([
  ['nothing', {}, 'download-failed'],
  ['cut', {}, 'download-failed'],
  ['endless', { maxBytes: 99_999 }, 'download-too-large'],
  ['endless', { timeout: 100 }, 'download-timeout'],
  ['never', { timeout: 100 }, 'download-timeout'],
])('%s with %j: %s', async (path, options, code) => {
  await expect(downloadDirectory({ url: `${base}${path}` }, { clock, ...options })).rejects.toMatchObject({
    name: 'DownloadError',
    code,
  });
});

test.each(['ftp://x.example/', 'no URL', 'http://127.0.0.1:1/'])('%s cannot be fetched from', async (url) => {
  await expect(downloadDirectory({ url }, { clock })).rejects.toMatchObject({ code: 'download-failed' });
});

// spec: mixminion-directory 6.1
test('clocks that are far apart are told of', async () => {
  const warnings: string[] = [];
  const onWarning = (text: string) => warnings.push(text);
  await downloadDirectory({ url: base }, { clock, onWarning });
  expect(warnings).toEqual([]);
  await downloadDirectory({ url: `${base}skewed` }, { clock, onWarning });
  expect(warnings).toHaveLength(1);
});

// spec: mixminion-directory 6.1
test('a file is replaced by a good directory only', async () => {
  const path = join(folder, 'dir.gz');
  await writeFile(path, 'old');
  await expect(downloadDirectoryTo(path, { url: `${base}broken` }, { clock })).rejects.toMatchObject({
    code: 'format',
  });
  expect(await readFile(path, 'utf8')).toBe('old');
  const directory = await downloadDirectoryTo(path, { url: base }, { clock });
  expect(directory.descriptorCount).toBe(7);
  expect(await readFile(path)).toEqual(consensus);
  expect(await readdir(folder)).toEqual(['dir.gz']);
});
