// The connecting side against a server that plays the recorded sessions octet for octet, and against servers that misbehave.

import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { TLSSocket, TlsOptions } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { mmtpVectors, packetOf, startServer, type TestServer } from '../../../test/support/mmtp.ts';
import { base64, hex } from '../../../test/support/vectors.ts';
import { type Clock, SECOND, systemClock } from '../../base/time.ts';
import { RsaPrivateKey } from '../../crypto/rsa.ts';
import { ANY_KEY_ID, type LinkCertificates, makeLinkCertificates } from './certificates.ts';
import { MmtpConnection, type MmtpOptions } from './client.ts';
import * as wire from './wire.ts';

const RECORDED_AT = Date.UTC(2026, 10, 22, 6, 2);
const VERSION_LINE = wire.writeVersions(['0.3']);

/** The real passage of time from the day of the recording on, when the recorded certificates were valid. */
const recordedClock: Clock = {
  now: () => RECORDED_AT,
  timer: (ms, wake) => systemClock.timer(ms, wake),
};
const old: TlsOptions = {
  key: mmtpVectors.connection_key_pem,
  cert: mmtpVectors.cert_chain_pem,
  dhparam: mmtpVectors.dh_params_pem,
  ciphers: 'DHE-RSA-AES128-SHA:@SECLEVEL=0',
  minVersion: 'TLSv1',
  maxVersion: 'TLSv1',
};
const keyId = hex(mmtpVectors.key_digest);

let server: TestServer;
let identity: RsaPrivateKey;
let link: LinkCertificates;
beforeAll(async () => {
  identity = RsaPrivateKey.fromPem(mmtpVectors.identity_pem);
  link = await makeLinkCertificates({ nickname: 'Amber', identity, now: Date.now() });
});
afterEach(async () => await server?.close());

function clientOf(options: MmtpOptions = {}, expected: Uint8Array = keyId): MmtpConnection {
  const hop = { host: '127.0.0.1', port: server.port, keyId: expected };
  return new MmtpConnection(hop, { timeout: 3 * SECOND, ...options });
}

/** Starts a server with certificates of today that reads what it is told to and answers as it is told to. */
async function serve(talk: (peer: ScriptedPeer) => Promise<void>): Promise<void> {
  server = await startServer({ key: link.key, cert: link.chain }, (socket) => {
    talk(new ScriptedPeer(socket)).catch(() => socket.destroy());
  });
}

/** Reads exact numbers of octets off a socket. */
class ScriptedPeer {
  readonly socket: TLSSocket;
  #held = Buffer.alloc(0);
  #wake: (() => void) | undefined;
  constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.#held = Buffer.concat([this.#held, chunk]);
      this.#wake?.();
    });
  }
  get held(): number {
    return this.#held.length;
  }
  async read(length: number): Promise<Buffer> {
    while (this.#held.length < length) await new Promise<void>((resolve) => (this.#wake = resolve));
    const octets = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    return octets;
  }
  async greet(): Promise<void> {
    await this.read(VERSION_LINE.length);
    this.socket.write(VERSION_LINE);
  }
  async answer(answer: wire.Answer): Promise<void> {
    this.socket.write(wire.writeAnswer(answer, wire.readUnit(await this.read(wire.UNIT_LENGTH))));
  }
}

// spec: mixminion-mmtp 1.1, 2, 3
describe('the recorded sessions', () => {
  const indices: Readonly<Record<string, readonly number[]>> = {
    'one packet': [0],
    'junk then packet': [1],
    rejected: [2],
    'eight packets (write-ahead)': [0, 1, 2, 3, 4, 5, 6, 7],
    'unknown protocol version offered': [3],
    'several versions offered': [4],
  };

  for (const { name, direction_log, client_results } of mmtpVectors.transcripts)
    test(name, async () => {
      const sent: Buffer[] = [];
      server = await startServer(old, (socket) => {
        const peer = new ScriptedPeer(socket);
        const play = async () => {
          for (const { from, data } of direction_log) {
            if (from === 'client') sent.push(await peer.read(data.len));
            else socket.write(recordedOrRemade(data.bytes_b64 ?? '', sent.at(-1)));
          }
          if (direction_log.length === 1) socket.end(); // an offer that no server knows
        };
        play().catch(() => socket.destroy());
      });
      const versions = direction_log[0]?.data.pieces[0]?.[0].slice('MMTP '.length).split(',') ?? [];
      const client = clientOf({ compat: 'mixminion-0.0.8', clock: recordedClock, versions });
      const results = await runSession(client, (indices[name] ?? []).map(packetOf), name.startsWith('junk'));
      expect(results).toEqual(client_results);
      const recorded = direction_log.filter(({ from }) => from === 'client').map(({ data }) => data);
      expect(sent.map(({ length }) => length)).toEqual(recorded.map(({ len }) => len));
      for (const [place, octets] of sent.entries()) {
        const { sha256 = '', pieces = [] } = recorded[place] ?? {};
        if (pieces[0]?.[0] !== 'JUNK') expect(createHash('sha256').update(octets).digest('hex')).toBe(sha256);
        else expect(octets.subarray(-20).toString('hex')).toBe(pieces.at(-1)?.at(-1)); // the packet behind it
      }
    });

  /** The junk of then was not recorded, so the answer to ours has to be made; all else is as it was. */
  function recordedOrRemade(recorded: string, sent: Buffer | undefined): Buffer {
    const octets = base64(recorded);
    const first = sent?.subarray(0, wire.UNIT_LENGTH);
    if (first?.length !== wire.UNIT_LENGTH || !first.toString('latin1', 0, 4).startsWith('JUNK')) return octets;
    return Buffer.concat([wire.writeAnswer('RECEIVED', wire.readUnit(first)), octets.subarray(wire.ANSWER_LENGTH)]);
  }

  /** Sends all at once, and says of each what the original's client said. */
  async function runSession(client: MmtpConnection, packets: Buffer[], junkFirst: boolean): Promise<string[]> {
    try {
      await client.connect();
    } catch {
      return packets.map(() => 'failed');
    }
    const padding = junkFirst ? [client.sendPadding().then(() => 'received')] : [];
    const outcomes = await Promise.allSettled([...padding, ...packets.map((packet) => client.deliver(packet))]);
    await client.awaitAcks();
    expect(client.counts).toEqual({ packets: packets.length, padding: padding.length, acks: outcomes.length });
    await client.close();
    return outcomes.map(({ status, ...outcome }) =>
      status === 'fulfilled' && 'value' in outcome && outcome.value === 'received' ? 'succeeded' : 'failed',
    );
  }
});

describe('a link of today', () => {
  test('takes TLS 1.3, packets and padding, and says goodbye', async () => {
    const protocols: (string | null)[] = [];
    let saidGoodbye = false;
    await serve(async (peer) => {
      protocols.push(peer.socket.getProtocol());
      peer.socket.on('end', () => {
        saidGoodbye = true;
      });
      await peer.greet();
      for (;;) await peer.answer('RECEIVED');
    });
    const client = clientOf();
    await client.connect();
    await client.sendPacket(packetOf(0));
    await client.sendPadding();
    await client.awaitAcks();
    expect(await client.deliver(packetOf(1))).toBe('received');
    expect(client.counts).toEqual({ packets: 2, padding: 1, acks: 3 });
    await client.close();
    expect(client.socket).toBeUndefined();
    expect(protocols).toEqual(['TLSv1.3']);
    expect(saidGoodbye).toBe(true);
    await expect(client.deliver(packetOf(1))).rejects.toMatchObject({ code: 'mmtp-closed' });
    await expect(client.awaitAcks()).rejects.toMatchObject({ code: 'mmtp-closed' });
  });

  test('goes on behind a rejected packet', async () => {
    await serve(async (peer) => {
      await peer.greet();
      await peer.answer('REJECTED');
      for (;;) await peer.answer('RECEIVED');
    });
    const client = clientOf();
    await client.connect();
    await client.sendPacket(packetOf(0));
    await client.sendPacket(packetOf(1));
    await expect(client.awaitAcks()).rejects.toMatchObject({ code: 'mmtp-rejected', retriable: true });
    await client.sendPacket(packetOf(2));
    await client.awaitAcks();
    await client.close();
  });

  // spec: mixminion-mmtp 3
  test('has six units on their way and no more', async () => {
    let mostHeld = 0;
    await serve(async (peer) => {
      await peer.greet();
      await delay(300); // long enough for everything that the client is willing to send
      mostHeld = peer.held;
      for (;;) await peer.answer('RECEIVED');
    });
    const client = clientOf();
    await client.connect();
    const results = await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map((index) => client.deliver(packetOf(index))));
    expect(mostHeld).toBe(6 * wire.UNIT_LENGTH);
    expect(results).toEqual(Array(8).fill('received'));
    await client.close();
  });

  test('closing waits for the answers that are still out', async () => {
    await serve(async (peer) => {
      await peer.greet();
      await delay(50);
      for (;;) await peer.answer('RECEIVED');
    });
    const client = clientOf();
    await client.connect();
    const result = client.deliver(packetOf(0));
    await client.close();
    expect(await result).toBe('received');
  });

  test('fails what has no answer when the server goes', async () => {
    await serve(async (peer) => {
      await peer.greet();
      await peer.answer('RECEIVED');
      await peer.read(wire.UNIT_LENGTH);
      peer.socket.end();
    });
    const client = clientOf();
    await client.connect();
    const [first, second, third] = await Promise.allSettled([0, 1, 2].map((index) => client.deliver(packetOf(index))));
    expect(first).toMatchObject({ status: 'fulfilled', value: 'received' });
    for (const failed of [second, third])
      expect(failed).toMatchObject({ status: 'rejected', reason: { code: 'mmtp-closed', retriable: true } });
  });

  test.each([
    ['an answer to another packet', () => wire.writeAnswer('RECEIVED', { kind: 'SEND', body: packetOf(9) })],
    ['an answer of zeros', () => Buffer.alloc(wire.ANSWER_LENGTH)],
    ['the right word for padding', () => wire.writeAnswer('RECEIVED', { kind: 'JUNK', body: packetOf(0) })],
  ])('ends at %s', async (_, answer) => {
    await serve(async (peer) => {
      await peer.greet();
      await peer.read(wire.UNIT_LENGTH);
      peer.socket.write(answer());
    });
    const client = clientOf();
    await client.connect();
    await expect(client.deliver(packetOf(0))).rejects.toMatchObject({ code: 'mmtp-protocol' });
    await expect(client.deliver(packetOf(1))).rejects.toMatchObject({ code: 'mmtp-protocol' });
    expect(client.socket).toBeUndefined();
  });

  // spec: mixminion-mmtp 2
  test('takes no octet behind the version for an answer', async () => {
    await serve(async (peer) => {
      await peer.read(VERSION_LINE.length);
      peer.socket.write(Buffer.concat([VERSION_LINE, Buffer.from('RECEIVED\r\n')]));
      await peer.answer('RECEIVED');
    });
    const client = clientOf();
    await client.connect();
    await expect(client.deliver(packetOf(0))).rejects.toMatchObject({ code: 'mmtp-protocol' });
  });

  test('refuses a server that chooses another version', async () => {
    await serve(async (peer) => {
      await peer.read(VERSION_LINE.length);
      peer.socket.write('MMTP 0.4\r\n');
    });
    await expect(clientOf().connect()).rejects.toMatchObject({ code: 'mmtp-protocol' });
  });

  // spec: mixminion-mmtp 4
  test('waits for no silent server', async () => {
    await serve(async () => {});
    await expect(clientOf({ timeout: 100 }).connect()).rejects.toMatchObject({ code: 'mmtp-timeout' });
    await serve(async (peer) => await peer.greet());
    const client = clientOf({ timeout: 100 });
    await client.connect();
    await expect(client.deliver(packetOf(0))).rejects.toMatchObject({ code: 'mmtp-timeout' });
  });

  test('says when nobody is there', async () => {
    await serve(async () => {});
    await server.close();
    await expect(clientOf().connect()).rejects.toMatchObject({ code: 'mmtp-network', retriable: true });
  });

  test('refuses another server, and takes any when asked for any', async () => {
    await serve(async (peer) => await peer.greet());
    await expect(clientOf({}, Buffer.alloc(20, 7)).connect()).rejects.toMatchObject({
      code: 'mmtp-auth',
      retriable: false,
    });
    const client = clientOf({}, ANY_KEY_ID);
    await client.connect();
    await client.close();
  });

  // spec: mixminion-mmtp 1.2
  test('speaks to old servers only when told to', async () => {
    server = await startServer(old, (socket) => socket.on('data', () => socket.write(VERSION_LINE)));
    await expect(clientOf({ clock: recordedClock }).connect()).rejects.toMatchObject({ code: 'mmtp-network' });
    const client = clientOf({ clock: recordedClock, compat: 'mixminion-0.0.8' });
    await client.connect();
    expect(client.socket?.getProtocol()).toBe('TLSv1');
    await client.close();
  });
});
