// Whole packets against the vectors of the original program: every build with known randomness bit for bit, every hop
// of every packet, and the damaged ones.

import { expect, test } from 'vitest';
import { packetKeyOf, pathOf } from '../../../test/support/mixminion-network.ts';
import { base64, hex, mixminionVectors } from '../../../test/support/vectors.ts';
import { CounterRandom, keystream } from '../../crypto/aes-ctr.ts';
import { CryptoError } from '../../crypto/errors.ts';
import { sha1, sha256 } from '../../crypto/hash.ts';
import { lionessEncrypt, lionessKeys } from '../../crypto/lioness.ts';
import { RsaPrivateKey } from '../../crypto/rsa.ts';
import { buildForwardPacket, buildReplyPacket } from './build.ts';
import { ContentError, ParseError } from './errors.ts';
import { PAYLOAD_LENGTH } from './layout.ts';
import { randomTag, splitExitInfo } from './routing.ts';
import { parseSubheader } from './subheader.ts';
import { parseSurb } from './surb.ts';
import { unwrap } from './unwrap.ts';

interface Hop {
  readonly server: string;
  readonly result: 'relay' | 'deliver' | 'drop' | 'error';
  readonly error?: string;
  readonly subheader?: {
    readonly major: number;
    readonly minor: number;
    readonly secret: string;
    readonly digest: string;
    readonly routing_type: number;
    readonly routing_len: number;
    readonly routing_info: string;
  };
  readonly replay_hash?: string;
  readonly swap?: boolean;
  readonly next?: { host: string; port: number; keyid: string; kind: string };
  readonly next_packet_sha256?: string;
  readonly exit_type?: number;
  readonly exit_info_raw?: string;
  readonly tag?: string;
  readonly address?: string;
  readonly application_key?: string;
  readonly payload_sha256?: string;
}

interface Case {
  readonly name: string;
  readonly path1: string[];
  readonly path2: string[];
  readonly exit_type: number;
  readonly exit_info: string;
  readonly tag_suppressed: boolean;
  readonly ipv4_hops: Record<string, string>;
  readonly message?: string;
  readonly compressed: string;
  readonly payload_padding_seed: string;
  readonly build_stream_seed: string;
  readonly oaep_stream_seed: string;
  readonly packet_b64: string;
  readonly hops: Hop[];
}

interface ReplyCase extends Omit<Case, 'ipv4_hops' | 'exit_type' | 'exit_info' | 'tag_suppressed'> {
  readonly surb_b64: string;
}

interface EncryptedCase extends Omit<Case, 'ipv4_hops' | 'tag_suppressed'> {
  readonly user_key: number;
  readonly session_key_stream_seed: string;
}

const packets = mixminionVectors<{ cases: Case[]; negative: Case[] }>('packets');
const encrypted = mixminionVectors<{ user_keys_pem: string[]; cases: EncryptedCase[] }>('encrypted_forward');
const replies = mixminionVectors<{ cases: ReplyCase[] }>('replies');
/** A singleton payload around a compressed message.   spec: mixminion-e2e 4.1 */
function singleton(
  { compressed: digits, payload_padding_seed: seed }: Pick<Case, 'compressed' | 'payload_padding_seed'>,
  length = PAYLOAD_LENGTH,
): Buffer {
  const compressed = hex(digits);
  const size = Buffer.alloc(2);
  size.writeUInt16BE(compressed.byteLength);
  const padding = keystream(hex(seed), length - 22 - compressed.byteLength);
  return Buffer.concat([size, sha1(compressed, padding), compressed, padding]);
}

const ERRORS: Record<string, unknown> = { ParseError, CryptoError, ContentError };

/** Takes a packet through the hops of a vector, each server remembering what it saw. */
function walk(first: Buffer, hops: readonly Hop[], seen: Set<string>): void {
  let packet = first;
  for (const hop of hops) {
    if (hop.subheader !== undefined) expectSubheader(packet, hop);
    if (hop.result === 'error') {
      expect(() => {
        const { replayHash } = unwrap(packet, [packetKeyOf(hop.server)]);
        if (seen.has(`${hop.server} ${replayHash.toString('hex')}`)) throw new ContentError('argument', 'replayed');
      }).toThrow(ERRORS[hop.error ?? ''] as typeof ParseError);
      return;
    }
    const opened = unwrap(packet, [packetKeyOf(hop.server)]);
    seen.add(`${hop.server} ${opened.replayHash.toString('hex')}`);
    expect(opened.result).toBe(hop.result);
    if (hop.replay_hash !== undefined) expect(opened.replayHash.toString('hex')).toBe(hop.replay_hash);
    if (opened.result === 'relay') {
      expect(opened.swap).toBe(hop.swap);
      const { form, host, port, keyId } = opened.next;
      const kind = form === 'host' ? 'MMTPHostInfo' : 'IPV4Info';
      expect({ host, port, keyid: Buffer.from(keyId).toString('hex'), kind }).toEqual(hop.next);
      expect(sha256(opened.packet).toString('hex')).toBe(hop.next_packet_sha256);
      packet = opened.packet;
    }
    if (opened.result === 'deliver') {
      expect(opened.routingType).toBe(hop.exit_type);
      expect(opened.routingInfo.toString('hex')).toBe(hop.exit_info_raw);
      const { tag, address } = splitExitInfo(opened);
      expect(tag.toString('hex')).toBe(hop.tag);
      expect(address.toString('hex')).toBe(hop.address);
      expect(opened.applicationKey.toString('hex')).toBe(hop.application_key);
      expect(sha256(opened.payload).toString('hex')).toBe(hop.payload_sha256);
    }
  }
}

function expectSubheader(packet: Buffer, { server, subheader }: Hop): void {
  const parsed = parseSubheader(packetKeyOf(server).decrypt(packet.subarray(0, 256)));
  const { major, minor, secret, digest, routingType, routingLength, inline } = parsed;
  expect({
    major,
    minor,
    secret: secret.toString('hex'),
    digest: digest.toString('hex'),
    routing_type: routingType,
    routing_len: routingLength,
  }).toEqual({ ...subheader, routing_info: undefined });
  expect(subheader?.routing_info.startsWith(inline.toString('hex'))).toBe(true);
}

test.each(packets.cases)('hops of $name', ({ packet_b64: packet, hops }) => {
  walk(base64(packet), hops, new Set());
});

test.each(encrypted.cases)('hops of $name', ({ packet_b64: packet, hops }) => {
  walk(base64(packet), hops, new Set());
});

test.each(replies.cases)('hops of $name', ({ packet_b64: packet, hops }) => {
  walk(base64(packet), hops, new Set());
});

// spec: mixminion-packet 7
test('damaged and unusual packets fare as they did in the original', () => {
  const seen = new Set<string>();
  for (const { packet_b64: packet, hops } of packets.cases) walk(base64(packet), hops, seen);
  expect(packets.negative.length).toBeGreaterThan(10);
  for (const { packet_b64: packet, hops } of packets.negative) walk(base64(packet), hops, seen);
});

const buildable = packets.cases.filter(({ message }) => message !== undefined);

// spec: mixminion-packet 5, 6, 9
test.each(buildable)('built again bit for bit: $name', (vector) => {
  const build = new CounterRandom(hex(vector.build_stream_seed));
  const tag = vector.tag_suppressed ? Buffer.alloc(0) : randomTag(build);
  const packet = buildForwardPacket(
    {
      path1: pathOf(vector.path1, vector.ipv4_hops),
      path2: pathOf(vector.path2, vector.ipv4_hops),
      exit: { routingType: vector.exit_type, routingInfo: Buffer.concat([tag, hex(vector.exit_info)]) },
      payload: singleton(vector),
    },
    { build, oaep: new CounterRandom(hex(vector.oaep_stream_seed)) },
  );
  expect(packet.equals(base64(vector.packet_b64))).toBe(true);
});

test.each(replies.cases)('built again bit for bit: $name', (vector) => {
  const packet = buildReplyPacket(
    { path1: pathOf(vector.path1), surb: parseSurb(base64(vector.surb_b64)).surb, payload: singleton(vector) },
    {
      build: new CounterRandom(hex(vector.build_stream_seed)),
      oaep: new CounterRandom(hex(vector.oaep_stream_seed)),
    },
  );
  expect(packet.equals(base64(vector.packet_b64))).toBe(true);
});

test.each(encrypted.cases)('built again bit for bit: $name', (vector) => {
  const oaep = new CounterRandom(hex(vector.oaep_stream_seed));
  const key = RsaPrivateKey.fromPem(encrypted.user_keys_pem[vector.user_key] ?? '').publicKey;
  const session = keystream(hex(vector.session_key_stream_seed), 16);
  const plain = Buffer.concat([session, singleton(vector, PAYLOAD_LENGTH - 38)]);
  let sealed = key.encrypt(plain.subarray(0, key.capacity), oaep); // spec: mixminion-e2e 5.2
  while (sealed.readUInt8() > 0x7f) sealed = key.encrypt(plain.subarray(0, key.capacity), oaep);
  const rest = lionessEncrypt(lionessKeys(session, 'END-TO-END ENCRYPT'), plain.subarray(key.capacity));
  const whole = Buffer.concat([sealed, rest]);
  const packet = buildForwardPacket(
    {
      path1: pathOf(vector.path1),
      path2: pathOf(vector.path2),
      exit: {
        routingType: vector.exit_type,
        routingInfo: Buffer.concat([whole.subarray(0, 20), hex(vector.exit_info)]),
      },
      payload: whole.subarray(20),
    },
    { build: new CounterRandom(hex(vector.build_stream_seed)), oaep },
  );
  expect(packet.equals(base64(vector.packet_b64))).toBe(true);
});
