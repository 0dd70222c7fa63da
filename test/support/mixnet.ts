// A network of three remailers on loopback ports, for tests of clients: each takes packets by MMTP, and behind the first
// one they go through the others in memory. Made of the public face of mix3 alone.

import type { TLSSocket } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { DAY } from '../../src/base/time.ts';
import {
  Directory,
  type DirectoryServer,
  Mix3SecretKey,
  primitives,
  ServerDescriptor,
  systemRandom,
} from '../../src/mixminion/client/index.ts';
import { startServer, type TestServer } from './mmtp.ts';
import { mixminionVectors } from './vectors.ts';

const NAMES = ['Amber', 'Birch', 'Cedar'];

export interface Mixnet {
  readonly directory: Directory;
  /** What a directory server would serve. */
  readonly directoryFile: Buffer;
  readonly knownServers: readonly DirectoryServer[];
  /** Takes a packet on its way from the server with that key id; resolves when the last one has delivered it. */
  carry(packet: Uint8Array, keyId: Uint8Array): Promise<void>;
  /** Servers that hang up on whoever comes, by nickname. */
  readonly down: Set<string>;
  close(): Promise<void>;
}

/**
 * Starts the servers; `deliver` gets what their exits deliver, before the first server answers. Keys are those of the
 * vectors, as making keys is slow.
 */
export async function startMixnet(
  deliver: (delivered: primitives.Delivered, address: string, net: Mixnet) => Promise<void>,
): Promise<Mixnet> {
  const { servers } = mixminionVectors<{ servers: Record<string, { identity_pem: string; packet_key_pem: string }> }>(
    'packets',
  );
  const now = Date.now();
  const today = now - (now % DAY);
  const listeners: TestServer[] = [];
  const descriptors: ServerDescriptor[] = [];
  const keys = new Map<string, Mix3SecretKey>();
  const seen = new Set<string>();
  for (const nickname of NAMES) {
    const identity = Mix3SecretKey.fromPem(servers[nickname]?.identity_pem ?? '');
    const packetKey = Mix3SecretKey.fromPem(servers[nickname]?.packet_key_pem ?? '');
    const { chain, key } = await primitives.makeLinkCertificates({ nickname, identity, now });
    const keyId = identity.publicKey.digest;
    const listener = await startServer({ cert: chain, key }, (socket) => {
      const take = async (packet: Uint8Array) => {
        const digest = primitives.sha1(packet).toString('hex');
        const isNew = !seen.has(digest); // as the replay log of a remailer does
        seen.add(digest);
        if (isNew) await net.carry(packet, keyId);
      };
      if (net.down.has(nickname)) socket.destroy();
      else answer(socket, take).catch(() => socket.destroy());
    });
    listeners.push(listener);
    keys.set(keyId.toString('hex'), packetKey);
    descriptors.push(descriptorOf(nickname, listener.port, packetKey, identity, today));
  }
  const authority = Mix3SecretKey.fromPem(servers['Dogwood']?.identity_pem ?? '');
  const { fingerprint } = authority.publicKey;
  const info = primitives.writeDirectoryInfo({
    status: 'consensus',
    validAfter: today,
    validUntil: today + 2 * DAY,
    recommendedServers: NAMES,
    recommendedVersions: { client: [], server: [] },
    voters: [{ fingerprint, url: 'http://directory.example/' }],
    descriptors,
  });
  const signature = primitives.signDirectoryInfo(info, authority, systemRandom);
  const text = primitives.writeDirectoryV3(info, [signature]);

  const net: Mixnet = {
    directory: Directory.parse(text),
    directoryFile: gzipSync(text),
    knownServers: [{ name: 'authority', url: 'http://directory.example/', fingerprint }],
    down: new Set(),
    async carry(packet, keyId) {
      const key = keys.get(Buffer.from(keyId).toString('hex'));
      if (key === undefined) throw new Error('the packet is for a server of another network');
      const opened = primitives.unwrap(packet, [key]);
      if (opened.result === 'relay') return await net.carry(opened.packet, opened.next.keyId);
      if (opened.result === 'deliver') await deliver(opened, primitives.splitExitInfo(opened).address.toString(), net);
    },
    async close() {
      await Promise.all(listeners.map((listener) => listener.close()));
    },
  };
  return net;
}

function descriptorOf(
  nickname: string,
  port: number,
  packetKey: Mix3SecretKey,
  identity: Mix3SecretKey,
  today: number,
): ServerDescriptor {
  const protocols = ['0.3'];
  const fields = {
    nickname,
    published: today,
    validAfter: today,
    validUntil: today + 30 * DAY,
    packetKey: packetKey.publicKey,
    packetVersions: ['0.3'],
    contact: 'operator@example.org',
    incoming: { hostname: '127.0.0.1', port, protocols, rules: [] },
    outgoing: { protocols, rules: [] },
    mbox: { maximumSize: 100, allowFrom: true },
    smtp: { maximumSize: 100, allowFrom: true },
    maximumFragments: 22,
  };
  return ServerDescriptor.build(fields, identity, { random: systemRandom });
}

/** The answering side of MMTP, without any defence. */
async function answer(socket: TLSSocket, take: (packet: Uint8Array) => Promise<void>): Promise<void> {
  const wire = primitives.mmtpWire;
  const greeting = wire.writeVersions([wire.VERSION]);
  let held: Buffer = Buffer.alloc(0);
  let greeted = false;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    held = Buffer.concat([held, chunk]);
    if (!greeted && held.length >= greeting.length) {
      held = held.subarray(greeting.length);
      greeted = true;
      socket.write(greeting);
    }
    while (greeted && held.length >= wire.UNIT_LENGTH) {
      const unit = wire.readUnit(held.subarray(0, wire.UNIT_LENGTH));
      held = held.subarray(wire.UNIT_LENGTH);
      if (unit.kind === 'SEND') await take(unit.body);
      socket.write(wire.writeAnswer('RECEIVED', unit));
    }
  }
  socket.end();
}
