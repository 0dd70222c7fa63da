// The packets, replies and reply blocks of the original program, through the public face alone: built by
// the calls of the API with given randomness, opened hop by hop, decoded for their readers.

import { expect, test } from 'vitest';
import { base64, hex, mixminionVectors } from '../../../test/support/vectors.ts';
import {
  decodeAll,
  decodePacket,
  generatePacket,
  Mix3PublicKey,
  Mix3SecretKey,
  type Payload,
  packageMessage,
  parseAddress,
  primitives,
  type Random,
  ServerDescriptor,
  Surb,
  SurbSecret,
  VirtualClock,
} from './index.ts';

interface Hop {
  readonly server: string;
  readonly result: 'relay' | 'deliver' | 'drop' | 'error';
  readonly error?: 'ParseError' | 'CryptoError' | 'ContentError';
  readonly subheader?: Record<'major' | 'minor' | 'routing_type' | 'routing_len', number> &
    Record<'secret' | 'digest' | 'routing_info', string>;
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
  readonly module_view?: { type: string; headers: Record<string, string>; contents_sha256: string };
}
interface Case {
  readonly name: string;
  readonly path1: string[];
  readonly path2: string[];
  readonly exit_type: number;
  readonly exit_info: string;
  readonly tag_suppressed: boolean;
  readonly ipv4_hops?: Record<string, string>;
  readonly message?: string;
  readonly compressed: string;
  readonly payload_padding_seed: string;
  readonly build_stream_seed: string;
  readonly oaep_stream_seed: string;
  readonly session_key_stream_seed: string;
  readonly user_key: number;
  readonly surb_b64: string;
  readonly packet_b64: string;
  readonly delivered_payload_b64: string;
  readonly delivered_text?: string | null;
  readonly hops: Hop[];
}

type Server = Record<'hostname' | 'key_digest' | 'packet_key_pem' | 'identity_pem' | 'descriptor', string> & {
  port: number;
};

const { servers, ...packets } = mixminionVectors<{
  servers: Record<string, Server>;
  cases: Case[];
  negative: Case[];
}>('packets');
const encrypted = mixminionVectors<{ user_keys_pem: string[]; cases: Case[] }>('encrypted_forward');
const replies = mixminionVectors<{ user_keys: Record<string, string>; cases: Case[] }>('replies');
const { now } = mixminionVectors<{ now: number }>('descriptors');

const { sha256, CounterRandom } = primitives;
const clock = new VirtualClock(now * 1000);
const digest = (octets: Uint8Array) => sha256(octets).toString('hex');
const stream = (seed: string): Random => new CounterRandom(hex(seed));
const userKeys = encrypted.user_keys_pem.map((pem) => Mix3SecretKey.fromPem(pem));
const me = new SurbSecret(hex(replies.user_keys['me'] ?? ''), 'me');

const network = new Map(
  Object.entries(servers).map(([name, server]) => [
    name,
    {
      ...server,
      key: Mix3SecretKey.fromPem(server.packet_key_pem),
      descriptor: ServerDescriptor.parse(server.descriptor, { clock }).descriptor,
    },
  ]),
);

function serverOf(name: string) {
  const server = network.get(name);
  if (server === undefined) throw new Error(`no server ${name}`);
  return server;
}

const descriptorsOf = (names: readonly string[]) => names.map((name) => serverOf(name).descriptor);

/** As `nodeOf` gives them, but for servers that the vector addresses by number. */
function nodesOf(names: readonly string[], ipv4: Record<string, string> = {}): primitives.PathNode[] {
  return names.map((name) => {
    const node = primitives.nodeOf(serverOf(name).descriptor);
    const quad = ipv4[name];
    return quad === undefined ? node : { ...node, address: { ...node.address, form: 'ipv4', host: quad } };
  });
}

test('the servers are what their descriptors say', () => {
  for (const { descriptor, hostname, port, key_digest, key, identity_pem } of network.values()) {
    expect([descriptor.hostname, descriptor.port]).toEqual([hostname, port]);
    expect(descriptor.keyId.toString('hex')).toBe(key_digest);
    expect(descriptor.packetKey.fingerprint).toBe(key.publicKey.fingerprint);
    expect(Mix3SecretKey.fromPem(identity_pem).publicKey.fingerprint).toBe(descriptor.fingerprint);
    expect(Mix3PublicKey.fromDer(descriptor.packetKey.toDer()).bits).toBe(2048);
  }
});

/** The packet of a forward vector, by the calls of the API. */
function forward(vector: Case): Buffer {
  const [bytes = Buffer.alloc(0)] = primitives.encodeCompressed(hex(vector.compressed), {
    overhead: 0,
    random: stream(vector.payload_padding_seed),
  });
  const payload: Payload = { kind: 'singleton', decodingHandle: null, bytes, index: 0, total: 1 };
  return generatePacket({
    path1: descriptorsOf(vector.path1),
    path2: descriptorsOf(vector.path2),
    address: { type: 'other', routingType: vector.exit_type, routingInfo: hex(vector.exit_info) },
    payload,
    random: stream(vector.build_stream_seed),
    oaepRandom: stream(vector.oaep_stream_seed),
  }).bytes;
}

const buildable = packets.cases.filter(({ message }) => message !== undefined);

test.each(buildable.filter(({ ipv4_hops = {} }) => Object.keys(ipv4_hops).length === 0))(
  '$name: built octet for octet by generatePacket',
  (vector) => expect(forward(vector).equals(base64(vector.packet_b64))).toBe(true),
);

test.each(buildable)('$name: built octet for octet by buildForwardPacket', (vector) => {
  const build = stream(vector.build_stream_seed);
  const tag = vector.tag_suppressed ? Buffer.alloc(0) : primitives.randomTag(build);
  const random = stream(vector.payload_padding_seed);
  const [payload = Buffer.alloc(0)] = primitives.encodeCompressed(hex(vector.compressed), { overhead: 0, random });
  const packet = primitives.buildForwardPacket(
    {
      path1: nodesOf(vector.path1, vector.ipv4_hops),
      path2: nodesOf(vector.path2, vector.ipv4_hops),
      exit: { routingType: vector.exit_type, routingInfo: Buffer.concat([tag, hex(vector.exit_info)]) },
      payload,
    },
    { build, oaep: stream(vector.oaep_stream_seed) },
  );
  expect(packet.equals(base64(vector.packet_b64))).toBe(true);
});

test('messages are packaged octet for octet, when the compressor gives what it gave', () => {
  let same = 0;
  for (const vector of buildable) {
    const message = hex(vector.message ?? '');
    if (!primitives.compress(message).equals(hex(vector.compressed))) continue;
    const { headers, body, flaw } = primitives.parseHeaderBlock(message);
    const named = { FROM: 'from', SUBJECT: 'subject', 'IN-REPLY-TO': 'inReplyTo', REFERENCES: 'references' };
    const [payload, ...more] = packageMessage({
      message: body,
      address: parseAddress('alice@example.com'),
      headers: Object.fromEntries([...headers].map(([name, value]) => [named[name as keyof typeof named], value])),
      reassembly: flaw || message.length === 0 ? 'client' : 'server', // some have no header block
      random: stream(vector.payload_padding_seed),
    });
    expect(more).toEqual([]);
    expect(digest(payload?.bytes ?? Buffer.alloc(0))).toBe(vector.hops.at(-1)?.payload_sha256);
    same += 1;
  }
  expect(same).toBeGreaterThan(5);
});

test.each(encrypted.cases)('$name: packaged and built octet for octet', (vector) => {
  const recipientKey = userKeys[vector.user_key]?.publicKey;
  if (recipientKey === undefined) throw new Error('no such key');
  const { body } = primitives.parseHeaderBlock(hex(vector.message ?? ''));
  const address = { ...parseAddress(hex(vector.exit_info).toString()), recipientKey };
  const oaepRandom = stream(vector.oaep_stream_seed);
  const [payload] = packageMessage({
    message: body,
    address,
    random: stream(vector.payload_padding_seed),
    sessionRandom: stream(vector.session_key_stream_seed),
    oaepRandom,
  });
  if (payload === undefined) throw new Error('no payload');
  expect(payload.bytes.equals(base64(vector.delivered_payload_b64))).toBe(true);
  expect(payload.decodingHandle?.toString('hex')).toBe(vector.hops.at(-1)?.tag);
  const packet = generatePacket({
    path1: descriptorsOf(vector.path1),
    path2: descriptorsOf(vector.path2),
    address: { type: 'other', routingType: vector.exit_type, routingInfo: hex(vector.exit_info) },
    payload,
    random: stream(vector.build_stream_seed),
    oaepRandom,
  });
  expect(packet.bytes.equals(base64(vector.packet_b64))).toBe(true);
});

test.each(replies.cases)('$name: packaged and built octet for octet', (vector) => {
  const [payload] = packageMessage({
    message: primitives.parseHeaderBlock(hex(vector.message ?? '')).body,
    address: { type: 'reply' },
    random: stream(vector.payload_padding_seed),
  });
  if (payload === undefined) throw new Error('no payload');
  const packet = generatePacket({
    path1: descriptorsOf(vector.path1),
    surb: Surb.parse(base64(vector.surb_b64)).surb,
    payload,
    random: stream(vector.build_stream_seed),
    oaepRandom: stream(vector.oaep_stream_seed),
  });
  expect(packet.bytes.equals(base64(vector.packet_b64))).toBe(true);
  expect(packet.firstHop.nickname).toBe(vector.path1[0]);
});

/** Takes a packet along its hops, whose servers remember what they saw. */
function walk({ packet_b64, hops }: Case, seen = new Set<string>()): primitives.Delivered | undefined {
  let packet = base64(packet_b64);
  for (const hop of hops) {
    const { key } = serverOf(hop.server);
    if (hop.subheader !== undefined) expectSubheader(packet, key, hop.subheader);
    if (hop.result === 'error') {
      expect(() => {
        const { replayHash } = primitives.unwrap(packet, [key]);
        if (seen.has(`${hop.server} ${replayHash.toString('hex')}`))
          throw new primitives.ContentError('argument', 'replayed');
      }).toThrow(primitives[hop.error ?? 'ParseError'] as typeof primitives.ParseError);
      return undefined;
    }
    const opened = primitives.unwrap(packet, [key]);
    seen.add(`${hop.server} ${opened.replayHash.toString('hex')}`);
    expect(opened.result).toBe(hop.result);
    if (hop.replay_hash !== undefined) expect(opened.replayHash.toString('hex')).toBe(hop.replay_hash);
    if (opened.result === 'relay') {
      const { form, host, port, keyId } = opened.next;
      const kind = form === 'host' ? 'MMTPHostInfo' : 'IPV4Info';
      expect({ host, port, keyid: Buffer.from(keyId).toString('hex'), kind }).toEqual(hop.next);
      expect(opened.swap).toBe(hop.swap);
      expect(digest(opened.packet)).toBe(hop.next_packet_sha256);
      packet = opened.packet;
    } else if (opened.result === 'deliver') {
      const { tag, address } = primitives.splitExitInfo(opened);
      expect(opened.routingType).toBe(hop.exit_type);
      expect(opened.routingInfo.toString('hex')).toBe(hop.exit_info_raw);
      expect([tag.toString('hex'), address.toString('hex')]).toEqual([hop.tag, hop.address]);
      expect(opened.applicationKey.toString('hex')).toBe(hop.application_key);
      expect(digest(opened.payload)).toBe(hop.payload_sha256);
      expectModuleView(opened.payload, hop);
      return opened;
    }
  }
  return undefined;
}

function expectSubheader(packet: Buffer, key: Mix3SecretKey, stated: NonNullable<Hop['subheader']>): void {
  const { routing_info, ...plain } = stated;
  const found = primitives.parseSubheader(key.decrypt(packet.subarray(0, 256)));
  expect({
    major: found.major,
    minor: found.minor,
    secret: found.secret.toString('hex'),
    digest: found.digest.toString('hex'),
    routing_type: found.routingType,
    routing_len: found.routingLength,
  }).toEqual(plain);
  expect(routing_info.startsWith(found.inline.toString('hex'))).toBe(true);
}

function expectModuleView(payload: Buffer, { module_view: view, tag }: Hop): void {
  if (view === undefined) return;
  const kinds: Record<string, string> = { plain: 'plain', enc: 'encrypted', long: 'overcompressed', err: 'malformed' };
  const delivery = primitives.classifyPayload(payload);
  expect(delivery.kind).toBe(kinds[view.type]);
  if (delivery.kind === 'plain') expect(delivery.headers).toEqual(new Map(Object.entries(view.headers)));
  const message = primitives.deliveredMessage(delivery, hex(tag ?? ''));
  expect(digest(message?.contents ?? Buffer.alloc(0))).toBe(view.contents_sha256);
}

test('every hop of every packet, then the damaged ones, by servers that remember', () => {
  const seen = new Set<string>();
  for (const vector of packets.cases) walk(vector, seen);
  for (const vector of packets.negative) walk(vector, seen);
  expect(packets.negative.length).toBeGreaterThan(10);
});

test.each([...encrypted.cases, ...replies.cases])('$name: from the first hop to its reader', (vector) => {
  const delivered = walk(vector);
  if (delivered === undefined) throw new Error('it was not delivered');
  const options = { keys: userKeys, secrets: [SurbSecret.generate('other'), me] };
  const { tag } = primitives.splitExitInfo(delivered);
  const { packet } = decodePacket({ tag, payload: delivered.payload }, options);
  expect(packet.getMessage().toString('hex')).toBe(vector.message);
  expect(packet).toMatchObject(
    vector.surb_b64 === undefined ? { keyIndex: vector.user_key, replyIndex: -1 } : { keyIndex: -1, identity: 'me' },
  );
  if (vector.delivered_text) {
    const message = primitives.deliveredMessage(primitives.classifyPayload(delivered.payload), tag);
    expect(message && primitives.writeMessage(message).toString('latin1')).toBe(vector.delivered_text);
    const [fromText] = decodeAll(vector.delivered_text, options);
    expect(fromText?.getMessage().toString('hex')).toBe(vector.message);
  }
});

const surbs = mixminionVectors<{
  blocks: (Record<
    | 'name'
    | 'exit_info'
    | 'user_key'
    | 'seed_stream'
    | 'header_padding_stream'
    | 'oaep_stream_seed'
    | 'tag'
    | 'encryption_key'
    | 'binary_b64'
    | 'armored'
    | 'sha1_hex'
    | 'header_sha256'
    | 'first_routing_info',
    string
  > & { path: string[]; exit_type: number; use_by: number; first_routing_type: number })[];
  parsing: { name: string; parser: string; data_b64: string; count?: number; result: string }[];
}>('surbs');

test.each(surbs.blocks)('$name: made again octet for octet', (block) => {
  const userKey = hex(block.user_key);
  const { surb, tag } = primitives.createSurb(
    {
      path: nodesOf(block.path),
      exit: { routingType: block.exit_type, routingInfo: hex(block.exit_info) },
      userKey,
      useBy: block.use_by,
    },
    {
      seed: stream(block.seed_stream),
      padding: stream(block.header_padding_stream),
      oaep: stream(block.oaep_stream_seed),
    },
  );
  expect(tag.toString('hex')).toBe(block.tag);
  expect(surb.key.toString('hex')).toBe(block.encryption_key);
  expect(digest(surb.header)).toBe(block.header_sha256);
  const read = Surb.parse(base64(block.binary_b64)).surb;
  expect(read.block).toEqual(surb);
  expect(new Surb(surb).toBytes().toString('base64')).toBe(block.binary_b64);
  expect(read.toArmor()).toBe(block.armored);
  expect(Surb.parse(block.armored).surb.digest).toBe(block.sha1_hex);
  expect(Number(read.expires)).toBe(block.use_by * 1000);
  expect([surb.routingType, Buffer.from(surb.routingInfo).toString('hex')]).toEqual([
    block.first_routing_type,
    block.first_routing_info,
  ]);
  expect(read.firstHop.host).toBe(serverOf(block.path[0] ?? '').hostname);
});

test.each(surbs.parsing)('$parser: $name', ({ parser, data_b64, count, result }) => {
  const data = base64(data_b64);
  const read = () => (parser === 'parseReplyBlock' ? [Surb.parse(data)] : Surb.parseAll(data)).length;
  if (result === 'ok') expect(read()).toBe(count);
  else expect(read).toThrow(expect.objectContaining({ status: 3, cause: expect.any(primitives.ParseError) }));
});
