// Which TLS comes about between which two sides: ours of today, ours with old servers allowed, and those old servers. OpenSSL's
// own program plays them as well.

import { spawn } from 'node:child_process';
import { type AddressInfo, createServer } from 'node:net';
import { connect, type SecureContextOptions } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { judgedBy } from '../../../test/support/judges.ts';
import { mmtpVectors, packetOf, startServer } from '../../../test/support/mmtp.ts';
import { certificatesOf, nodeIdentity, startTestNode, type TestNode } from '../../../test/support/mmtp-node.ts';
import { SECOND } from '../../base/time.ts';
import { fixedResolver } from '../../net/resolver.ts';
import { MmtpConnection, type MmtpOptions } from './client.ts';
import type { Hop } from './link.ts';
import type { Compat } from './tls-profiles.ts';
import * as wire from './wire.ts';

const COMPAT: Compat = 'mixminion-0.0.8';
const resolver = fixedResolver({ 'amber.test': { addresses: ['127.0.0.1'] } });
/** What the old program asks for, and what it is when built against a newer library.   spec: mixminion-mmtp 1.1, 1.2 */
const old = { ciphers: 'DHE-RSA-AES128-SHA:@SECLEVEL=0', minVersion: 'TLSv1', maxVersion: 'TLSv1' } as const;
const lessOld = { ...old, maxVersion: 'TLSv1.2' } as const;

let today: TestNode;
let compat: TestNode;
beforeEach(async () => {
  [today, compat] = await Promise.all([startTestNode(), startTestNode({ compat: COMPAT })]);
});
afterEach(async () => {
  await Promise.all([today, compat].map(({ ports }) => ports.close(0)));
});

/** Sends one packet; by which TLS it went. */
async function deliverTo(hop: Hop, options: MmtpOptions): Promise<string | null | undefined> {
  const connection = new MmtpConnection(hop, { resolver, timeout: 3 * SECOND, ...options });
  try {
    await connection.connect();
    expect(await connection.deliver(packetOf(0))).toBe('received');
    const protocol = connection.socket?.getProtocol();
    await connection.close();
    return protocol;
  } finally {
    connection.destroy();
  }
}

/** Sends one packet as an old client does; by which TLS, suite and group it went. Undefined when TLS did not come about. */
async function deliverAs(tls: SecureContextOptions, port: number): Promise<unknown[] | undefined> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...tls });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
    });
  } catch {
    return undefined;
  }
  const heard: Buffer[] = [];
  socket.on('data', (chunk) => heard.push(chunk));
  const hear = async (length: number) => {
    for (let turn = 0; turn < 400 && Buffer.concat(heard).length < length; turn += 1)
      await new Promise((resolve) => setTimeout(resolve, 5));
    return Buffer.concat(heard.splice(0));
  };
  socket.write('MMTP 0.3\r\n');
  expect(String(await hear(10))).toBe('MMTP 0.3\r\n');
  const unit = { kind: 'SEND', body: packetOf(0) } as const;
  socket.write(wire.writeUnit(unit));
  expect(await hear(wire.ANSWER_LENGTH)).toEqual(wire.writeAnswer('RECEIVED', unit));
  const group: unknown = socket.getEphemeralKeyInfo();
  const terms = [socket.getProtocol(), socket.getCipher().name, group];
  socket.destroy();
  return terms;
}

// spec: mixminion-mmtp 1.1, 1.2
describe('who meets whom', () => {
  test('among ourselves it is TLS 1.3, whatever old servers are allowed', async () => {
    for (const node of [today, compat])
      for (const options of [{}, { compat: COMPAT }]) expect(await deliverTo(node.hop, options)).toBe('TLSv1.3');
  });

  test('old clients come in where they are allowed, by the one suite', async () => {
    for (const [tls, protocol] of [
      [old, 'TLSv1'],
      [lessOld, 'TLSv1.2'],
    ] as const) {
      const terms = await deliverAs(tls, compat.hop.port);
      expect(terms).toEqual([protocol, 'DHE-RSA-AES128-SHA', { type: 'DH', size: 1024 }]);
      expect(await deliverAs(tls, today.hop.port)).toBeUndefined();
    }
    expect(today.packets).toEqual([]);
    expect(today.endings).toEqual(['handshake', 'handshake']);
  });

  test('a TLS of before 1.3 that is not the old one is refused', async () => {
    for (const node of [today, compat]) {
      expect(await deliverAs({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' }, node.hop.port)).toBe(
        undefined,
      );
    }
  });

  test.each([
    ['TLSv1', old],
    ['TLSv1.2', lessOld],
  ])('old servers (%s) are reached where that is allowed', async (protocol, tls) => {
    const { key, chain: cert } = await certificatesOf(Date.now(), COMPAT);
    const server = await startServer({ key, cert, dhparam: mmtpVectors.dh_params_pem, ...tls }, (socket) => {
      let held = Buffer.alloc(0);
      socket.on('data', (chunk) => {
        held = Buffer.concat([held, chunk]);
        if (held.length === 10) socket.write(held);
        if (held.length === 10 + wire.UNIT_LENGTH)
          socket.write(wire.writeAnswer('RECEIVED', wire.readUnit(held.subarray(10))));
      });
    });
    const hop = { host: '127.0.0.1', port: server.port, keyId: nodeIdentity.publicKey.digest };
    try {
      expect(await deliverTo(hop, { compat: COMPAT })).toBe(protocol);
      await expect(deliverTo(hop, {})).rejects.toMatchObject({ code: 'mmtp-network' });
    } finally {
      await server.close();
    }
  });
});

// spec: mixminion-mmtp 1.1
test('a server that never heard of safe renegotiation is an old server too', async () => {
  // The ServerHello of TLS 1.0 as libraries before 2010 wrote it: no extensions. Nothing follows; whoever reads on waits.
  const hello = Buffer.from(`160301002a020000260301${'11'.repeat(32)}00003300`, 'hex');
  const alerts: Buffer[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write(hello);
      socket.on('data', (alert) => alerts.push(alert));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const port = (server.address() as AddressInfo).port;
    const connection = new MmtpConnection(
      { host: '127.0.0.1', port, keyId: Buffer.alloc(20, 1) },
      { compat: COMPAT, timeout: 200 },
    );
    await expect(connection.connect()).rejects.toMatchObject({ code: 'mmtp-timeout' });
    expect(alerts).toEqual([]);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

// spec: mixminion-mmtp 1.1
test('no link is resumed', async () => {
  for (const [node, tls] of [
    [today, {}],
    [compat, {}],
    [compat, lessOld],
  ] as const) {
    const link = (session?: Buffer) =>
      new Promise<{ reused: boolean; session: Buffer | undefined }>((resolve, reject) => {
        const options = { host: '127.0.0.1', port: node.hop.port, rejectUnauthorized: false, ...tls };
        const socket = connect({ ...options, ...(session && { session }) }, () => {
          socket.write('MMTP 0.3\r\n');
        });
        socket.on('error', reject);
        // Tickets come with the first octets at the latest.
        socket.once('data', () => {
          resolve({ reused: socket.isSessionReused(), session: socket.getSession() });
          socket.destroy();
        });
      });
    const { session } = await link();
    expect((await link(session)).reused).toBe(false);
  }
});

/** Runs OpenSSL's client, says the line of versions, and returns all that it prints. */
function openssl(port: number, ...options: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-showcerts', ...options]);
    let output = '';
    const end = setTimeout(() => child.kill(), 5 * SECOND);
    const take = (chunk: Buffer) => {
      output += chunk.toString('latin1');
      if (/^MMTP 0\.3\r$/m.test(output)) child.stdin.end();
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.stdin.on('error', () => {}); // it went before it was told anything
    child.stdin.write('MMTP 0.3\r\n');
    child.on('error', reject);
    child.on('close', () => {
      clearTimeout(end);
      resolve(output);
    });
  });
}

// spec: mixminion-mmtp 1.2, 1.3
describe('as OpenSSL sees it', judgedBy('openssl'), () => {
  const oldest = ['-tls1', '-cipher', 'DHE-RSA-AES128-SHA:@SECLEVEL=0'];

  test('an old client gets TLS 1.0, two certificates, and an answer', async () => {
    const seen = await openssl(compat.hop.port, ...oldest);
    expect(seen).toMatch(/^MMTP 0\.3\r$/m);
    expect(seen).toMatch(/^ *Protocol *: TLSv1$/m);
    expect(seen).toMatch(/^ *Cipher *: DHE-RSA-AES128-SHA$/m);
    expect(seen).toContain('Server public key is 1024 bit');
    expect(seen.match(/-----BEGIN CERTIFICATE-----/g)).toHaveLength(2);
    expect(seen).toMatch(/Temp Key: DH, 1024 bits/);
  });

  test('and is turned away where only TLS 1.3 is spoken', async () => {
    expect(await openssl(today.hop.port, ...oldest)).toMatch(/alert protocol version|handshake failure/);
    const seen = await openssl(today.hop.port, '-tls1_3');
    expect(seen).toMatch(/^MMTP 0\.3\r$/m);
    expect(seen).toContain('New, TLSv1.3');
  });
});
