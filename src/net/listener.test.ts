import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import { SECOND } from '../base/time.ts';
import type { Connection } from './connection.ts';
import { dial } from './dial.ts';
import { formatEndpoint, isLoopback, parseEndpoint } from './endpoint.ts';
import { Listener, type ListenOptions } from './listener.ts';
import { Ports } from './ports.ts';
import { makeSelfSigned, makeTlsKey, readTlsIdentity, type TlsIdentity } from './tls-identity.ts';

const at = { host: '127.0.0.1', port: 0 };
let identity: TlsIdentity;

beforeAll(async () => {
  identity = await makeSelfSigned('localhost', makeTlsKey(), Date.now());
});

/** Sends each line back. */
async function echo(connection: Connection): Promise<void> {
  for (let line = await connection.line(100, 5 * SECOND); line; line = await connection.line(100, 5 * SECOND)) {
    await connection.write(`${line}\n`);
  }
}
const options = (changes: Partial<ListenOptions> = {}): ListenOptions => ({
  at,
  identity,
  limits: { connections: 100 },
  serve: echo,
  ...changes,
});
const say = async (connection: Connection, text: string) => {
  await connection.write(`${text}\n`);
  return String(await connection.line(100, 5 * SECOND));
};

describe('a listener', () => {
  test('serves, and shows the key that is pinned', async () => {
    const listener = await Listener.open(options());
    const connection = await dial({ to: listener.at, pin: identity.serverKey });
    expect(connection.peer.serverKey).toEqual(identity.serverKey);
    expect(await say(connection, 'hello')).toBe('hello');
    expect(listener.connections).toBe(1);
    await listener.close(SECOND);
    expect(await connection.line(100, SECOND)).toBeUndefined();
  });

  test('is refused when the pin is another', async () => {
    const listener = await Listener.open(options());
    await expect(dial({ to: listener.at, pin: Buffer.alloc(32) })).rejects.toMatchObject({ code: 'tls' });
    await listener.close(SECOND);
  });

  test('turns away the surplus, in all and from one address', async () => {
    for (const limits of [{ connections: 2 }, { connections: 100, perAddress: 2 }]) {
      const refused: string[] = [];
      const listener = await Listener.open(options({ limits, refused: (reason) => refused.push(reason) }));
      const kept = [await dial({ to: listener.at }), await dial({ to: listener.at })];
      await expect(dial({ to: listener.at })).rejects.toMatchObject({ code: 'unreachable' });
      expect(refused).toContain('perAddress' in limits ? 'too-many-from-address' : 'too-many');
      for (const connection of kept) expect(await say(connection, 'still here')).toBe('still here');
      kept[0]?.destroy();
      await expect.poll(() => listener.connections).toBe(1);
      const next = await dial({ to: listener.at });
      expect(await say(next, 'room again')).toBe('room again');
      await listener.close(SECOND);
    }
  });

  test('lets a conversation finish what it is doing, and no more', async () => {
    const listener = await Listener.open(options());
    const [busy, idle] = [await dial({ to: listener.at }), await dial({ to: listener.at })];
    await busy.write('half a ');
    await new Promise((resolve) => setTimeout(resolve, 50));
    const closed = listener.close(5 * SECOND);
    expect(await idle.line(100, SECOND)).toBeUndefined();
    await busy.write('line\n');
    expect(String(await busy.line(100, SECOND))).toBe('half a line');
    await closed;
  });

  test('cuts a conversation that does not end', async () => {
    const listener = await Listener.open(options({ serve: () => new Promise(() => {}) }));
    const stuck = await dial({ to: listener.at });
    await listener.close(100);
    const heard = await stuck.awaitLine(SECOND).catch(() => false);
    expect(heard).toBe(false);
  });

  test('survives peers that are not TLS or leave in the handshake', async () => {
    const listener = await Listener.open(options({ handshakeTimeout: 200 }));
    for (const first of ['GET / HTTP/1.0\r\n\r\n', Buffer.from('1603010200010001fc0303', 'hex'), '']) {
      const socket = connectTcp(listener.at.port, listener.at.host);
      await once(socket, 'connect');
      socket.end(first);
      socket.on('error', () => {});
      await once(socket.resume(), 'close');
    }
    expect(await say(await dial({ to: listener.at }), 'well')).toBe('well');
    await listener.close(SECOND);
  });

  test('answers a peer that has said everything and closed its side', async () => {
    const listener = await Listener.open(options());
    const socket = connectTls({ ...listener.at, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    socket.end('one\ntwo\n');
    expect((await Array.fromAsync(socket, String)).join('')).toBe('one\ntwo\n');
    await listener.close(SECOND);
  });

  test('says what to do when the port is taken', async () => {
    const listener = await Listener.open(options());
    await expect(Listener.open(options({ at: listener.at }))).rejects.toMatchObject({
      code: 'unreachable',
      remedy: expect.stringContaining('another port'),
    });
    await listener.close(SECOND);
  });

  test('nobody answers: the dialer says so', async () => {
    const listener = await Listener.open(options());
    await listener.close(0);
    await expect(dial({ to: listener.at })).rejects.toMatchObject({ code: 'unreachable' });
  });
});

test('ports come and go, certificates are renewed, and conversations stay', async () => {
  const ports = new Ports();
  const port = (what: string, changes: Partial<ListenOptions> = {}) => ({ ...options(changes), what });
  await ports.use([port('first'), port('second')]);
  const [first, second] = ports.listening;
  if (!first || !second) throw new Error('two ports were opened');
  const early = await dial({ to: first.at });
  const renewed = await makeSelfSigned('localhost', makeTlsKey(), Date.now());
  await ports.use([port('second', { identity: renewed })]);
  expect(await say(early, 'still served')).toBe('still served');
  await expect(dial({ to: first.at })).rejects.toMatchObject({ code: 'unreachable' });
  expect((await dial({ to: second.at, pin: renewed.serverKey })).peer.serverKey).toEqual(renewed.serverKey);
  await expect.poll(() => ports.connections).toBe(2);
  await expect(ports.use([port('second'), port('taken', { at: second.at })])).rejects.toMatchObject({
    code: 'unreachable',
  });
  expect(ports.listening).toEqual([second]);
  await ports.close(SECOND);
});

test('a certificate keeps its fingerprint when it is renewed with the same key, and must fit its key', async () => {
  const key = makeTlsKey();
  const [old, renewed] = [
    await makeSelfSigned('a.example', key, 0),
    await makeSelfSigned('b.example', key, Date.now()),
  ];
  expect(renewed.serverKey).toEqual(old.serverKey);
  expect(renewed.validUntil).toBeGreaterThan(Date.now());
  expect(() => readTlsIdentity(old.certificate, makeTlsKey())).toThrow(expect.objectContaining({ code: 'tls' }));
  expect(() => readTlsIdentity('no certificate', key)).toThrow(expect.objectContaining({ code: 'tls' }));
});

test('endpoints are read as people write them', () => {
  expect(parseEndpoint('mail.example:1995')).toEqual({ host: 'mail.example', port: 1995 });
  expect(parseEndpoint('[::1]:80')).toEqual({ host: '::1', port: 80 });
  expect(parseEndpoint('mail.example', 1995)).toEqual({ host: 'mail.example', port: 1995 });
  for (const bad of ['mail.example', ':80', 'a:99999', '::1:80', 'a b:1', '[zz]:1', 'http://x:1'])
    expect(parseEndpoint(bad)).toBeUndefined();
  expect(formatEndpoint({ host: '::1', port: 80 })).toBe('[::1]:80');
  expect([isLoopback('127.0.0.9'), isLoopback('localhost'), isLoopback('::1'), isLoopback('0.0.0.0')]).toEqual([
    true,
    true,
    true,
    false,
  ]);
});
