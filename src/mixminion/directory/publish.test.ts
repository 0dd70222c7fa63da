// Sending a descriptor to a directory server on this machine, whatever it answers.   spec: mixminion-directory 6.2

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { publishDescriptor } from './publish.ts';

let server: Server;
let url: string;
let answer: string;
let status: number;
let got: { type: string | undefined; body: string; method: string | undefined };

beforeEach(async () => {
  status = 200;
  server = createServer(async (request, response) => {
    got = { type: request.headers['content-type'], method: request.method, body: await text(request) };
    response.writeHead(status, { 'Content-Type': 'text/plain' }).end(answer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/minion-cgi/publish`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test('a form with one field goes out, as an old directory server reads it', async () => {
  answer = 'Status: 1\nMessage: Accepted.\n';
  await publishDescriptor(url, '[Server]\nIdentity: a+b/c=\n');
  expect(got).toEqual({
    type: 'application/x-www-form-urlencoded',
    method: 'POST',
    body: 'desc=%5BServer%5D%0AIdentity%3A+a%2Bb%2Fc%3D%0A',
  });
});

test.each([
  ['Status: 1\nMessage: Accepted.\n', true, 'Accepted.'],
  ['Status: 0\r\nMessage: no\r\n', false, 'no?'],
  ['words before\nStatus: 1\nMessage:\n', true, ''],
  ['Status: 0\nMessage: \u001b[31mred\n', false, '?[31mred'],
  [`Status: 0\nMessage: ${'x'.repeat(1000)}`, false, 'x'.repeat(200)],
])('%j is understood', async (given, accepted, message) => {
  answer = given;
  expect(await publishDescriptor(url, '')).toEqual({ accepted, message });
});

test.each([
  ['', 200],
  ['Status: 2\nMessage: x\n', 200],
  ['Status: 1\n\nMessage: x\n', 200],
  ['<html>Status: 1</html>', 200],
  ['Status: 1\nMessage: Accepted.\n', 500],
])('%j with the status %d is no answer', async (given, code) => {
  [answer, status] = [given, code];
  await expect(publishDescriptor(url, '')).rejects.toMatchObject({ name: 'DownloadError', code: 'download-failed' });
});

test('an answer without end is not read to its end', async () => {
  answer = 'x'.repeat(100_000);
  await expect(publishDescriptor(url, '')).rejects.toMatchObject({ code: 'download-too-large' });
});
