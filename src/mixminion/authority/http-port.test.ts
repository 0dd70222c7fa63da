// HTTP on a port of the house: who is slow is cut, and closing waits for requests but not for silence.

import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { Hono } from 'hono';
import { expect, test, vi } from 'vitest';
import { MINUTE, VirtualClock } from '../../base/time.ts';
import { Ports } from '../../net/ports.ts';
import { HttpPort, type Pages } from './http-port.ts';

async function start(pages: Pages, clock: VirtualClock) {
  const http = new HttpPort(pages, clock);
  const ports = new Ports();
  const limits = { connections: 10 };
  const at = { host: '127.0.0.1', port: 0 };
  await ports.use([{ what: 'HTTP', at, limits, clock, serve: (connection) => http.serve(connection) }]);
  const port = ports.listening[0]?.at.port ?? 0;
  return { http, ports, port };
}

test('a request that does not come to its end has ten minutes', async () => {
  const clock = new VirtualClock();
  const { ports, port } = await start(new Hono(), clock);
  const slow = connect(port, '127.0.0.1');
  slow.write('GET / HTTP/1.1\r\nHost: x\r\n');
  slow.resume();
  await vi.waitFor(() => expect(ports.connections).toBe(1));
  await vi.waitFor(() => expect(clock.waiting).toBeGreaterThan(0));
  await clock.advance(9 * MINUTE);
  expect(ports.connections).toBe(1);
  const closed = once(slow, 'close');
  await clock.advance(MINUTE);
  await closed;
  await ports.close(0);
});

test('a request under way is answered while the port closes, a silent connection is not waited for', async () => {
  const clock = new VirtualClock();
  let answer = (_: string) => {};
  const answered = new Promise<string>((resolve) => {
    answer = resolve;
  });
  let asked = false;
  const pages: Pages = new Hono();
  pages.get('/', async (c) => {
    asked = true;
    return c.text(await answered);
  });
  const { http, ports, port } = await start(pages, clock);
  const silent = connect(port, '127.0.0.1');
  silent.on('error', () => {}).resume();
  const asking = connect(port, '127.0.0.1');
  asking.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const reply = text(asking);
  await vi.waitFor(() => expect([asked, ports.connections]).toEqual([true, 2]));
  const ended = once(silent, 'close');
  http.leave();
  const closing = ports.close(MINUTE);
  await ended;
  answer('here it is');
  expect(await reply).toMatch(/here it is$/);
  await closing;
});
