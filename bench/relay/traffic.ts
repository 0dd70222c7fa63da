// Both ends of the road in the relay bench, as a process of its own that does as little as it can: packets made beforehand
// go to the node over TLS, and a server that only counts and answers takes what comes out.

import { createHash } from 'node:crypto';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { systemRandom } from '../../src/base/random.ts';
import { systemClock } from '../../src/base/time.ts';
import { RsaPrivateKey, RsaPublicKey } from '../../src/crypto/rsa.ts';
import { makeLinkCertificates } from '../../src/mixminion/mmtp/certificates.ts';
import { ANSWER_LENGTH, BODY_LENGTH, UNIT_LENGTH } from '../../src/mixminion/mmtp/wire.ts';
import { buildHeader } from '../../src/mixminion/packet/header.ts';
import { HEADER_LENGTH, PACKET_LENGTH, SECRET_LENGTH } from '../../src/mixminion/packet/layout.ts';
import { relayTo } from '../../src/mixminion/packet/routing.ts';
import { percentile } from '../harness.ts';

const WINDOW = 6;
const VERSION_LINE = Buffer.from('MMTP 0.3\r\n');

export type Command =
  /** Make ready: the node's packet key in PKCS#1 DER, in hex. */
  | { readonly make: { readonly packets: number; readonly nextHops: number; readonly packetKey: string } }
  /** Send `packets` of them over so many connections, at most `rate` a second, and say when all have come out. */
  | { readonly send: Sending };

interface Sending {
  readonly packets: number;
  readonly connections: number;
  readonly port: number;
  readonly rate: number;
}

export type Message =
  | { readonly made: true }
  | {
      readonly sent: {
        /** Milliseconds from the first packet in to the last one out. */
        readonly ms: number;
        /** Milliseconds from a packet's first octet in to its last one out. */
        readonly median: number;
        readonly high: number;
        /** Seconds of processor time that this process took. */
        readonly cpu: number;
      };
    };

/** A header that only the node opens, and the hash of the packet that it makes with the octets that all packets share. */
interface Prepared {
  readonly header: Buffer;
  readonly hash: Buffer;
}

const shared = systemRandom.bytes(PACKET_LENGTH - HEADER_LENGTH);
const prepared: Prepared[] = [];
/** Of each packet under way: when it left, by its place; where it comes out says nothing of that, so times are sorted. */
const departures: number[] = [];
const arrivals: number[] = [];
let arrivedAll = () => {};
let expected = 0;

async function make({ packets, nextHops, packetKey }: { packets: number; nextHops: number; packetKey: string }) {
  const identity = await RsaPrivateKey.generate(2048);
  const { chain, key } = await makeLinkCertificates({ nickname: 'Sink', identity, now: systemClock.now() });
  const hops = await Promise.all(
    Array.from({ length: nextHops }, async () => {
      const port = await startSink({ cert: chain, key });
      return relayTo({ form: 'ipv4', host: '127.0.0.1', port, keyId: identity.publicKey.digest }, false);
    }),
  );
  const publicKey = RsaPublicKey.fromDer(Buffer.from(packetKey, 'hex'));
  for (let i = 0; i < packets; i += 1) {
    const instruction = hops[i % hops.length];
    if (instruction === undefined) throw new Error('there are next hops');
    const hop = { ...instruction, packetKey: publicKey, secret: systemRandom.bytes(SECRET_LENGTH) };
    const header = buildHeader([hop], 1, systemRandom, systemRandom);
    prepared.push({ header, hash: createHash('sha1').update(header).update(shared).update('SEND').digest() });
  }
}

/** Takes packets as a node would that believes everything. */
async function startSink(tls: { cert: string; key: string }): Promise<number> {
  const server = createServer({ ...tls, minVersion: 'TLSv1.3' }, (socket) => {
    let greeted = false;
    let missing = UNIT_LENGTH;
    let hash = createHash('sha1');
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      let at = 0;
      if (!greeted) {
        greeted = true;
        at = VERSION_LINE.length;
        socket.write(VERSION_LINE);
      }
      while (at < chunk.length) {
        const part = chunk.subarray(at, at + missing);
        // Of a unit only the body is hashed.
        const begin = UNIT_LENGTH - missing;
        hash.update(part.subarray(Math.max(0, 6 - begin), Math.max(0, 6 + BODY_LENGTH - begin)));
        missing -= part.length;
        at += part.length;
        if (missing > 0) continue;
        arrivals.push(performance.now());
        socket.write(Buffer.concat([Buffer.from('RECEIVED\r\n'), hash.update('RECEIVED').digest()]));
        hash = createHash('sha1');
        missing = UNIT_LENGTH;
        if (arrivals.length === expected) arrivedAll();
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

async function send({ packets, connections, port, rate }: Sending) {
  const before = process.cpuUsage();
  departures.length = 0;
  arrivals.length = 0;
  expected = packets;
  const done = new Promise<void>((resolve) => {
    arrivedAll = resolve;
  });
  const batch = prepared.splice(0, packets);
  const sockets = await Promise.all(Array.from({ length: connections }, () => openLink(port)));
  const lanes = sockets.map(openLane);
  const start = performance.now();
  // As many as are due, each on the connection with the most room.
  const feed = () => {
    const due = Math.min(packets, (rate * (performance.now() - start)) / 1000);
    for (let lane = roomiest(lanes); departures.length < due && lane.room > 0; lane = roomiest(lanes)) {
      const packet = batch.pop();
      if (packet === undefined) return;
      lane.room -= 1;
      departures.push(performance.now());
      lane.socket.write(Buffer.concat([Buffer.from('SEND\r\n'), packet.header, shared, packet.hash]));
    }
  };
  for (const lane of lanes) lane.answered = feed;
  const ticks = setInterval(feed, 1);
  await done;
  clearInterval(ticks);
  const ms = Math.max(...arrivals.slice(-1)) - Math.min(...departures.slice(0, 1));
  for (const socket of sockets) socket.destroy();
  const { user, system } = process.cpuUsage(before);
  // Packets that come in together come out in another order: paired by their ranks the times keep their sum.
  const times = arrivals.map((at, index) => at - (departures[index] ?? at));
  return { ms, median: percentile(times, 50), high: percentile(times, 99), cpu: (user + system) / 1e6 };
}

async function openLink(port: number): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, minVersion: 'TLSv1.3' });
  socket.setNoDelay(true);
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      socket.write(VERSION_LINE);
      socket.once('data', () => resolve());
    });
  });
  return socket;
}

interface Lane {
  readonly socket: TLSSocket;
  /** Packets that may still go before an answer comes. */
  room: number;
  answered: () => void;
}

function openLane(socket: TLSSocket): Lane {
  const lane: Lane = { socket, room: WINDOW, answered: () => {} };
  let octets = 0;
  socket.on('data', (chunk: Buffer) => {
    const before = Math.floor(octets / ANSWER_LENGTH);
    octets += chunk.length;
    lane.room += Math.floor(octets / ANSWER_LENGTH) - before;
    lane.answered();
  });
  return lane;
}

function roomiest(lanes: readonly Lane[]): Lane {
  return lanes.reduce((best, lane) => (lane.room > best.room ? lane : best));
}

process.on('message', async (command: Command) => {
  const reply = (message: Message) => process.send?.(message);
  if ('make' in command) {
    await make(command.make);
    reply({ made: true });
  } else reply({ sent: await send(command.send) });
});
