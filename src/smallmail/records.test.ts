// What others see of a SmallMail conversation: TLS records, one for each line.   spec: smallmail 2.2

import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net';
import { connect as connectTls, type SecureVersion } from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import { openTestCounter, type TestCounter, tlsTo } from '../../test/support/counter.ts';
import { makePerson, type Person } from '../../test/support/pgp.ts';
import { Connection } from '../net/connection.ts';
import { SmallMailClient } from './client.ts';

const APPLICATION_DATA = 23;
const SECONDS = 10_000;

let counter: TestCounter;
let alice: Person;

beforeAll(async () => {
  [counter, alice] = await Promise.all([openTestCounter(), makePerson()]);
  return () => counter[Symbol.asyncDispose]();
});

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('over %s', (version) => {
  test('each line and each binary argument is a record of its own, both ways', async () => {
    await using relay = await openRelay(counter.port);
    const socket = await tlsTo(relay.port, { minVersion: version, maxVersion: version });
    expect(socket.getCipher().standardName).toMatch(/^TLS_(ECDHE_|AES_|CHACHA20_)/); // forward secrecy, always
    const connection = new Connection(socket);
    const client = new SmallMailClient(connection, { sign: (_mailbox, challenge) => alice.sign(challenge) });
    const body = Buffer.concat([await alice.seal('a letter')]);

    // The first answer brings the handshake's own records to an end.
    await client.create(alice.key);
    const { sent, received } = relay.records;
    sent.length = 0;
    received.length = 0;

    await client.send(alice.mailbox, body).catch(() => {});
    await client.send(alice.mailbox, await alice.seal('another letter'));
    expect(sent).toHaveLength(2 * 3); // SEND, BODY, octets
    expect(received).toHaveLength(2 * 2); // ACCEPT, RCVD
    sent.length = 0;
    received.length = 0;

    const listed = await Array.fromAsync(client.list(alice.mailbox));
    expect(listed.length).toBeGreaterThanOrEqual(2);
    expect(sent).toHaveLength(3); // LIST, RESP, signature
    expect(received).toHaveLength(1 + listed.length + 1); // CHAL, MSG …, LSTD
    received.length = 0;

    const { chunks, size } = await client.receive(alice.mailbox, listed[0]?.id ?? '');
    expect(Buffer.concat(await Array.fromAsync(chunks))).toHaveLength(size);
    expect(received).toHaveLength(2); // BODY, octets
    socket.destroy();
  });
});

test.each(['TLSv1', 'TLSv1.1'] as const)('%s is not spoken', async (version) => {
  const old = tlsTo(counter.port, { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' });
  await expect(old).rejects.toThrow();
});

test('TLS 1.0 is spoken where a laboratory asks for it', async () => {
  await using laboratory = await openTestCounter({ tls_min: '1.0' });
  const version: SecureVersion = 'TLSv1';
  const socket = await tlsTo(laboratory.port, {
    minVersion: version,
    maxVersion: version,
    ciphers: 'DEFAULT@SECLEVEL=0',
  });
  expect(socket.getProtocol()).toBe(version);
  socket.destroy();
});

test(
  // spec: smallmail 1.2, 2.5
  'a peer that packs lines and octets into any records is served the same',
  async () => {
    const bob = await makePerson();
    const body = await bob.seal('in any pieces');
    const wire = Buffer.concat([
      Buffer.from(`CRID ${bob.key.length}\n`),
      bob.key,
      Buffer.from(`SEND ${bob.mailbox} ${body.length}\nBODY ${body.length}\n`),
      body,
      Buffer.from('QUIT\n'),
    ]);
    for (const piece of [1, 7, 100, wire.length]) {
      const socket = connectTls({ host: '127.0.0.1', port: counter.port, rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      const answers = Array.fromAsync(socket, String);
      for (let at = 0; at < wire.length; at += piece) socket.write(wire.subarray(at, at + piece));
      expect((await answers).join('')).toBe(`IDCR ${bob.mailbox}\nACCEPT\nRCVD\n`);
    }
  },
  SECONDS,
);

// spec: smallmail 2.13
test('the limit on connections from one address does not count for an onion service', async () => {
  await using both = await openTestCounter({ connections_per_address: 1, listen_onion: ['127.0.0.1:0'] });
  const [clear, onion] = both.open.listening.map(({ at }) => at.port);
  const sockets = [await tlsTo(clear ?? 0), await tlsTo(onion ?? 0), await tlsTo(onion ?? 0)];
  await expect(tlsTo(clear ?? 0)).rejects.toThrow();
  for (const socket of sockets) socket.destroy();
});

/** A relay on the way that notes the length of each application record. */
async function openRelay(target: number) {
  const records = { sent: [] as number[], received: [] as number[] };
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connectTcp({ host: '127.0.0.1', port: target });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    near.on('data', noting(records.sent));
    far.on('data', noting(records.received));
    near.pipe(far);
    far.pipe(near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    records,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function noting(lengths: number[]): (chunk: Buffer) => void {
  let held = Buffer.alloc(0);
  return (chunk) => {
    held = Buffer.concat([held, chunk]);
    while (held.length >= 5 && held.length >= 5 + held.readUInt16BE(3)) {
      if (held[0] === APPLICATION_DATA) lengths.push(held.readUInt16BE(3));
      held = held.subarray(5 + held.readUInt16BE(3));
    }
  };
}
