// A remailer among old ones. The old program wrote down packets, and what each of its servers made of them; here a remailer
// takes the place of each of those servers in turn. It gets the packets by the TLS and the words of the old program, hands what
// it made of them to peers of that kind, and they look whether it is what the old server handed on.
// spec: mixminion-packet 7; mixminion-mmtp 1.1, 1.2, 3

import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import { silentLog } from '../../src/base/log.ts';
import { noMetrics } from '../../src/base/metrics.ts';
import { systemRandom } from '../../src/base/random.ts';
import { DAY, HOUR, systemClock } from '../../src/base/time.ts';
import { sha256 } from '../../src/crypto/hash.ts';
import { RsaPrivateKey } from '../../src/crypto/rsa.ts';
import type { ExitPacket } from '../../src/mixminion/exit/exits.ts';
import { makeLinkCertificates } from '../../src/mixminion/mmtp/certificates.ts';
import { Courier } from '../../src/mixminion/mmtp/courier.ts';
import type { Hop } from '../../src/mixminion/mmtp/link.ts';
import { mmtpPort } from '../../src/mixminion/mmtp/port.ts';
import * as wire from '../../src/mixminion/mmtp/wire.ts';
import { memoryDisk } from '../../src/mixminion/node/disk/memory-disk.ts';
import { MixNode } from '../../src/mixminion/node/node.ts';
import { Statistics } from '../../src/mixminion/node/statistics.ts';
import { directUnwrapper } from '../../src/mixminion/node/unwrap/direct.ts';
import { Ports } from '../../src/net/ports.ts';
import { systemResolver } from '../../src/net/resolver.ts';
import { startServer, type TestServer } from '../support/mmtp.ts';
import { base64, mixminionVectors } from '../support/vectors.ts';

type Seen =
  | {
      readonly result: 'relay';
      readonly server: string;
      readonly next: { readonly host: string; readonly port: number; readonly keyid: string };
      readonly next_packet_sha256: string;
    }
  | {
      readonly result: 'deliver';
      readonly server: string;
      readonly exit_type: number;
      readonly exit_info_raw: string;
      readonly payload_sha256: string;
    }
  | { readonly result: 'drop' | 'error'; readonly server: string };

interface Case {
  readonly name: string;
  readonly packet_b64: string;
  readonly hops: readonly Seen[];
}

const COMPAT = 'mixminion-0.0.8';
/** What the old program knows of TLS. */
const OLD = { ciphers: 'DHE-RSA-AES128-SHA:@SECLEVEL=0', minVersion: 'TLSv1', maxVersion: 'TLSv1' } as const;

const { servers, cases } = mixminionVectors<{
  servers: Record<string, { identity_pem: string; packet_key_pem: string; key_digest: string }>;
  cases: readonly Case[];
}>('packets');
const { cases: replies } = mixminionVectors<{ cases: readonly Case[] }>('replies');

/** What peers of the old kind were handed, and by which TLS; by KEYID. */
const handedOn: { readonly keyId: string; readonly protocol: string | null; readonly packet: Buffer }[] = [];
/** Where the remailer meant to send it. */
const meant: Hop[] = [];
const delivered: ExitPacket[] = [];
const peers = new Map<string, TestServer>();
const ports = new Ports();
const [name = ''] = Object.keys(servers);
const identity = RsaPrivateKey.fromPem(servers[name]?.identity_pem ?? '');
let node: MixNode;
let client: OldClient;

beforeAll(async () => {
  for (const [nickname, { identity_pem, key_digest }] of Object.entries(servers))
    peers.set(key_digest, await startPeer(nickname, RsaPrivateKey.fromPem(identity_pem)));
  const clock = systemClock;
  const courier = new Courier({ clock, random: systemRandom, resolver: systemResolver, compat: COMPAT });
  node = await MixNode.open(
    {
      clock,
      random: systemRandom,
      log: silentLog,
      metrics: noMetrics,
      disk: memoryDisk(),
      unwrapper: directUnwrapper(),
      carrier: {
        // The peers are here, and not where the old ones were.
        send(hop, packet) {
          meant.push(hop);
          const port = peers.get(toHex(hop.keyId))?.port ?? 0;
          return courier.send({ ...hop, host: '127.0.0.1', port }, packet);
        },
        pad: (hop) => courier.pad(hop),
        close: (grace) => courier.close(grace),
      },
      exits: {
        accepts: () => true,
        deliver: async (packet) => void delivered.push(packet),
        round: async () => {},
        waiting: async () => 0,
        close: async () => {},
      },
      keyId: Buffer.alloc(20),
    },
    { pool: { strategy: 'timed', interval: HOUR, minimum: 0, rate: 1 }, retry: [HOUR], spoolSize: 2 ** 30 },
    {
      keys: Object.values(servers).map(({ packet_key_pem }) => RsaPrivateKey.fromPem(packet_key_pem)),
      statistics: new Statistics(DAY, clock.now()),
    },
  );
  const certificates = await makeLinkCertificates({ nickname: name, identity, now: clock.now(), compat: COMPAT });
  const at = { host: '127.0.0.1', port: 0 };
  await ports.use([mmtpPort({ at, certificates, room: node, limits: { connections: 10 }, clock, compat: COMPAT })]);
  client = await oldClient(ports.listening[0]?.at.port ?? 0);
});
afterAll(async () => {
  client.socket.destroy();
  await ports.close(0);
  await node.close(0);
  for (const peer of peers.values()) await peer.close();
});

interface OldClient {
  readonly socket: TLSSocket;
  /** Hands in a packet; what the server says, as octets. */
  send(packet: Buffer): Promise<Buffer>;
}

async function oldClient(port: number): Promise<OldClient> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...OLD });
  await once(socket, 'secureConnect');
  let held = Buffer.alloc(0);
  let came = () => {};
  socket.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    came();
  });
  const hear = async (length: number) => {
    while (held.length < length)
      await new Promise<void>((resolve) => {
        came = resolve;
      });
    const heard = held.subarray(0, length);
    held = held.subarray(length);
    return heard;
  };
  socket.write('MMTP 0.3\r\n');
  expect(String(await hear(10))).toBe('MMTP 0.3\r\n');
  return {
    socket,
    async send(packet) {
      socket.write(wire.writeUnit({ kind: 'SEND', body: packet }));
      return await hear(wire.ANSWER_LENGTH);
    },
  };
}

/** A server as the old program is one, which keeps what it is handed. */
async function startPeer(nickname: string, identity: RsaPrivateKey): Promise<TestServer> {
  const { chain, key } = await makeLinkCertificates({ nickname, identity, now: systemClock.now(), compat: COMPAT });
  const keyId = toHex(identity.publicKey.digest);
  return startServer({ key, cert: chain, dhparam: 'auto', ...OLD }, (socket) => {
    let held = Buffer.alloc(0);
    let greeted = false;
    socket.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      if (!greeted && held.length >= 10) {
        greeted = true;
        socket.write(held.subarray(0, 10));
        held = held.subarray(10);
      }
      for (; greeted && held.length >= wire.UNIT_LENGTH; held = held.subarray(wire.UNIT_LENGTH)) {
        const unit = wire.readUnit(held.subarray(0, wire.UNIT_LENGTH));
        handedOn.push({ keyId, protocol: socket.getProtocol(), packet: Buffer.from(unit.body) });
        socket.write(wire.writeAnswer('RECEIVED', unit));
      }
    });
  });
}

async function inPlaceOf(seen: Seen, packet: Buffer): Promise<Buffer> {
  const before = { ...node.figures.dropped };
  expect(await client.send(packet)).toEqual(wire.writeAnswer('RECEIVED', { kind: 'SEND', body: packet }));
  await node.settled();
  await node.mix();
  await node.settled();
  if (seen.result === 'relay') {
    const [got] = handedOn.splice(0);
    const [to] = meant.splice(0);
    const { host, port, keyid } = seen.next;
    expect({ host: to?.host, port: to?.port, keyId: toHex(to?.keyId ?? Buffer.alloc(0)) }).toEqual({
      host,
      port,
      keyId: keyid,
    });
    expect([got?.keyId, got?.protocol]).toEqual([keyid, 'TLSv1']);
    expect(toHex(sha256(got?.packet ?? Buffer.alloc(0)))).toBe(seen.next_packet_sha256);
    return got?.packet ?? packet;
  }
  if (seen.result === 'deliver') {
    const [got] = delivered.splice(0);
    expect(got?.routingType).toBe(seen.exit_type);
    expect(toHex(got?.routingInfo ?? Buffer.alloc(0))).toBe(seen.exit_info_raw);
    expect(toHex(sha256(got?.payload ?? Buffer.alloc(0)))).toBe(seen.payload_sha256);
  } else expect(node.figures.dropped).not.toEqual(before);
  return packet;
}

const asIn = (one: Case) => one.hops.map(({ server }) => server).join(', ');

describe.each([
  ['a packet of its own', cases],
  ['a reply', replies],
])('%s', (_, recorded) => {
  test.each(recorded.map((one) => [one.name, asIn(one), one] as const))(
    '%s: %s',
    async (_name, _path, { packet_b64, hops }) => {
      let packet = base64(packet_b64);
      for (const seen of hops) packet = await inPlaceOf(seen, packet);
      expect([handedOn, meant, delivered]).toEqual([[], [], []]); // and nothing besides
    },
  );
});

test('what comes again is taken, and goes nowhere', async () => {
  const [{ packet_b64 } = { packet_b64: '' }] = cases;
  const before = node.figures.dropped['replay'] ?? 0;
  const packet = base64(packet_b64);
  expect(await client.send(packet)).toEqual(wire.writeAnswer('RECEIVED', { kind: 'SEND', body: packet }));
  await node.settled();
  await node.mix();
  await node.settled();
  expect(node.figures.dropped['replay']).toBe(before + 1);
  expect(handedOn).toEqual([]);
});
