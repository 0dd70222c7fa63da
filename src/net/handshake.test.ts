import { duplexPair } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { SECOND, systemClock, VirtualClock } from '../base/time.ts';
import { Connection } from './connection.ts';
import { dialPlain } from './dial.ts';
import { Listener } from './listener.ts';
import { connectionPair } from './memory.ts';
import { makeSelfSigned, makeTlsKey } from './tls-identity.ts';

const identity = await makeSelfSigned('localhost', makeTlsKey(), Date.now());

/** A server that greets in the clear, takes one word, and goes over to TLS. */
async function upgrading(connection: Connection): Promise<void> {
  await connection.write('welcome\n');
  await connection.line(100, 5 * SECOND);
  await connection.write('now\n');
  await connection.secure({ side: 'server', identity });
  for (;;) {
    const line = await connection.line(100, 5 * SECOND);
    if (line === undefined) return;
    await connection.write(`secret ${line}\n`);
  }
}

async function listen(): Promise<Listener> {
  return Listener.open({
    at: { host: '127.0.0.1', port: 0 },
    limits: { connections: 10 },
    serve: upgrading,
  });
}

describe('going over to TLS in the middle', () => {
  test('over TCP, with a pinned key', async () => {
    const listener = await listen();
    const seen: string[] = [];
    const client = await dialPlain({ to: listener.at, trace: (way, octets) => seen.push(`${way} ${String(octets)}`) });
    expect((await client.line(100, SECOND))?.toString()).toBe('welcome');
    await client.write('UPGRADE\n');
    expect((await client.line(100, SECOND))?.toString()).toBe('now');
    expect(client.peer.serverKey).toBeUndefined();
    await client.secure({ side: 'client', host: 'localhost', pin: identity.serverKey });
    expect(client.peer.serverKey).toEqual(identity.serverKey);
    await client.write('hello\n');
    expect((await client.line(100, SECOND))?.toString()).toBe('secret hello');
    expect(seen).toContain('received secret hello\n'); // the trace shows what is inside
    await client.close();
    await listener.close(1000);
  });

  test('another key than the pinned one is refused, and the connection with it', async () => {
    const listener = await listen();
    const client = await dialPlain({ to: listener.at });
    await client.line(100, SECOND);
    await client.write('UPGRADE\n');
    await client.line(100, SECOND);
    await expect(client.secure({ side: 'client', host: 'localhost', pin: Buffer.alloc(32) })).rejects.toMatchObject({
      code: 'tls',
    });
    await expect(client.write('password\n')).rejects.toMatchObject({ code: 'closed' });
    await listener.close(1000);
  });

  test('octets that came in the clear behind the request are refused', async () => {
    const [server, client] = connectionPair();
    await client.write('UPGRADE\nAUTH me\n');
    await server.line(100, SECOND);
    await expect(server.secure({ side: 'server', identity })).rejects.toMatchObject({ code: 'injected' });
    expect(server.closed).toBe(true);
  });

  test('works over any stream, and a peer that says nothing is given up in time', async () => {
    const clock = new VirtualClock(0);
    const [a] = duplexPair();
    const server = new Connection(a, { clock });
    const secured = server.secure({ side: 'server', identity, timeout: 30 * SECOND });
    const refused = expect(secured).rejects.toMatchObject({ code: 'timeout' });
    await clock.advance(31 * SECOND);
    await refused;

    const [left, right] = duplexPair();
    const [one, two] = [new Connection(left, { clock: systemClock }), new Connection(right, { clock: systemClock })];
    await Promise.all([
      one.secure({ side: 'server', identity, minVersion: 'TLSv1.3' }),
      two.secure({ side: 'client', host: 'localhost' }),
    ]);
    await one.write('in memory\n');
    expect((await two.line(100, SECOND))?.toString()).toBe('in memory');
    one.destroy();
    two.destroy();
  });
});
