// The connection as the API has it: what its failures are called, and packets for several servers at once.
// spec: mixminion-client-api 8

import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Mixnet, startMixnet } from '../../../test/support/mixnet.ts';
import { startServer, type TestServer } from '../../../test/support/mmtp.ts';
import { mixminionVectors } from '../../../test/support/vectors.ts';
import {
  generatePacket,
  generatePaths,
  Mix3BadAuthError,
  Mix3ClosedError,
  type Mix3Error,
  Mix3NetworkError,
  Mix3NoPathError,
  Mix3RejectedError,
  Mix3SecretKey,
  Mix3TimeoutError,
  MmtpConnection,
  Packet,
  packageMessage,
  parseAddress,
  primitives,
  type ServerDescriptor,
  sendPackets,
} from './index.ts';

const wire = primitives.mmtpWire;
const { identity_pem } = mixminionVectors<{ identity_pem: string }>('mmtp');
const identity = Mix3SecretKey.fromPem(identity_pem);
const keyId = identity.publicKey.digest;
const bytes = Buffer.alloc(32768, 1);
const message = 'a letter';
const address = parseAddress('alice@example.net');

let net: Mixnet;
let letters: string[];
let stopping: (() => Promise<void>)[];
beforeEach(async () => {
  letters = [];
  net = await startMixnet(async ({ payload }) => {
    const delivery = primitives.classifyPayload(payload);
    letters.push(delivery.kind === 'plain' ? delivery.body.toString() : delivery.kind);
  });
  stopping = [() => net.close()];
});
afterEach(async () => {
  await Promise.all(stopping.map((stop) => stop()));
});

/** A server that agrees on the version, then gives these answers (or whole units of other octets) to what comes. */
async function scripted(answers: readonly ('RECEIVED' | 'REJECTED' | Buffer)[]): Promise<TestServer> {
  const { chain, key } = await primitives.makeLinkCertificates({ nickname: 'Test', identity, now: Date.now() });
  const server = await startServer({ cert: chain, key }, (socket) => {
    const left = [...answers];
    let held: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      held = Buffer.concat([held, chunk]);
      if (held.toString('latin1', 0, 4) === 'MMTP') {
        socket.write(held.subarray(0, 10));
        held = held.subarray(10);
      }
      for (; held.length >= wire.UNIT_LENGTH; held = held.subarray(wire.UNIT_LENGTH)) {
        const answer = left.shift();
        if (answer === undefined) {
          socket.destroy();
          return;
        }
        const unit = wire.readUnit(held.subarray(0, wire.UNIT_LENGTH));
        socket.write(typeof answer === 'string' ? wire.writeAnswer(answer, unit) : answer);
      }
    });
  });
  stopping.push(() => server.close());
  return server;
}

function connectionTo({ port }: { port: number }, expected: Uint8Array = keyId): MmtpConnection {
  return new MmtpConnection({ host: '127.0.0.1', port, keyId: expected }, { timeout: 2000 });
}

function packetsFor(count: number): Packet[] {
  const [payload] = packageMessage({ message, address });
  if (payload === undefined) throw new Error('no payload');
  return generatePaths(count, { directory: net.directory, spec: '?:?', address }).map((path) =>
    generatePacket({ ...path, address, payload }),
  );
}

// spec: mixminion-mmtp 6
test('a packet, padding, and their answers', async () => {
  const [packet] = packetsFor(1);
  if (packet === undefined) throw new Error('no packet');
  const connection = new MmtpConnection(packet.firstHop);
  expect([connection.server.nickname, connection.socket]).toEqual([packet.firstHop.nickname, undefined]);
  await connection.connect();
  expect(connection.socket?.getProtocol()).toBe('TLSv1.3');
  await connection.sendPacket(packet);
  await connection.sendPadding();
  await connection.sendPadding(bytes);
  await connection.awaitAcks();
  expect(connection.counts).toEqual({ packets: 1, padding: 2, acks: 3 });
  await connection.renegotiate();
  await connection.close();
  expect(connection.socket).toBeUndefined();
  expect(letters).toEqual([message]);
  for (const call of [
    () => connection.sendPacket(packet),
    () => connection.sendPadding(),
    () => connection.deliver(packet),
    () => connection.awaitAcks(),
    () => connection.renegotiate(),
    () => connection.connect(),
  ])
    await expect(call()).rejects.toThrow(Mix3ClosedError);
});

test('a descriptor names the server too, if it takes packets', async () => {
  const descriptor = net.directory.find('Amber') as ServerDescriptor;
  const connection = new MmtpConnection(descriptor);
  await connection.connect();
  expect(connection.server).toMatchObject({ nickname: 'Amber', port: descriptor.port });
  connection.destroy();
  const { fields } = descriptor;
  const { incoming: _, ...deaf } = fields;
  const built = primitives.ServerDescriptor.build(deaf, identity, {
    random: { bytes: (count) => Buffer.alloc(count) },
  });
  expect(() => new MmtpConnection(built)).toThrow(Mix3NoPathError);
});

test('a packet refused is told of, and the next one goes', async () => {
  const connection = connectionTo(await scripted(['REJECTED', 'RECEIVED', 'REJECTED']));
  await connection.connect();
  await connection.sendPacket(bytes);
  await expect(connection.awaitAcks()).rejects.toMatchObject({
    constructor: Mix3RejectedError,
    status: 107,
    retriable: true,
  });
  expect(await connection.deliver(bytes)).toBe('received');
  expect(await connection.deliver(bytes)).toBe('rejected');
  await connection.close();
});

test('what ends a connection, by class', async () => {
  const [good, hangsUp, talksNonsense] = await Promise.all([
    scripted(['RECEIVED']),
    scripted([]),
    scripted([Buffer.alloc(wire.ANSWER_LENGTH, 'x')]),
  ]);
  await expect(connectionTo(good, Buffer.alloc(20, 1)).connect()).rejects.toMatchObject({
    constructor: Mix3BadAuthError,
    retriable: false,
  });
  for (const server of [hangsUp, talksNonsense]) {
    const connection = connectionTo(server);
    await connection.connect();
    await expect(connection.deliver(bytes)).rejects.toMatchObject({ constructor: Mix3ClosedError, retriable: true });
  }
  const mute = await startServer({}, () => {});
  stopping.push(() => mute.close());
  const { port } = mute;
  await mute.close();
  await expect(connectionTo({ port }).connect()).rejects.toThrow(Mix3NetworkError);
  await expect(connectionTo(good).deliver(bytes)).rejects.toThrow(Mix3ClosedError); // not open yet
  await expect(connectionTo(good).sendPacket(Buffer.alloc(5))).rejects.toMatchObject({ status: 2 });
});

test('waits no longer than it was told to', async () => {
  const { chain, key } = await primitives.makeLinkCertificates({ nickname: 'Test', identity, now: Date.now() });
  const silent = await startServer({ cert: chain, key }, () => {});
  stopping.push(() => silent.close());
  const hop = { host: '127.0.0.1', port: silent.port, keyId };
  await expect(new MmtpConnection(hop, { timeout: 100 }).connect()).rejects.toThrow(Mix3TimeoutError);
});

// spec: mixminion-e2e 1; mixminion-mmtp 5
test('many packets, one connection for each first hop; the rest comes back', async () => {
  const packets = packetsFor(9);
  const choosy = await scripted(['RECEIVED', 'REJECTED']);
  const hop = { host: '127.0.0.1', port: choosy.port, keyId };
  const lost = { ...hop, keyId: Buffer.alloc(20, 1) };
  const refused = [1, 2].map(() => new Packet(bytes, hop));
  const misled = new Packet(bytes, lost);
  const results = new Map<Packet, Mix3Error | undefined>();
  const undelivered = await sendPackets([...packets, ...refused, misled], {
    random: new primitives.CounterRandom(Buffer.alloc(16, 6)),
    onResult: (packet, error) => results.set(packet, error),
  });
  expect(letters).toEqual(Array(9).fill(message));
  expect(packets.map((packet) => results.get(packet))).toEqual(Array(9).fill(undefined));
  expect(results.size).toBe(12);
  expect(undelivered).toHaveLength(2);
  expect(undelivered).toContain(misled);
  expect(results.get(misled)).toBeInstanceOf(Mix3BadAuthError);
  const [other] = undelivered.filter((packet) => packet !== misled);
  expect(refused).toContain(other);
  expect(other && results.get(other)).toBeInstanceOf(Mix3RejectedError);
  const given = [...packets, ...refused, misled];
  const byServer = Map.groupBy(
    given,
    ({ firstHop: { port, keyId } }) => `${port} ${Buffer.from(keyId).toString('hex')}`,
  );
  expect([...results.keys()]).not.toEqual([...byServer.values()].flat()); // servers and packets in random order
  expect(await sendPackets([])).toEqual([]);
});
