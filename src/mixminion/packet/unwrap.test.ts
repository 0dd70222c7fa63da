// What must hold for any packet: what was built comes out, hop by hop, and what was changed on the way does not.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { packetKeyOf, pathOf, serverNames } from '../../../test/support/mixminion-network.ts';
import { PosternError } from '../../base/errors.ts';
import { systemRandom } from '../../base/random.ts';
import { CounterRandom } from '../../crypto/aes-ctr.ts';
import { CryptoError } from '../../crypto/errors.ts';
import { sha1 } from '../../crypto/hash.ts';
import { lionessEncrypt, lionessKeys } from '../../crypto/lioness.ts';
import { buildForwardPacket, buildReplyPacket } from './build.ts';
import { ContentError, ParseError, PathTooLongError } from './errors.ts';
import { buildHeader } from './header.ts';
import { PACKET_LENGTH, PAYLOAD_LENGTH } from './layout.ts';
import { parseHopAddress, RoutingType, relayTo } from './routing.ts';
import { createSurb, replySecrets } from './surb.ts';
import { unwrap } from './unwrap.ts';

const near = serverNames.filter((name) => name !== 'Long');
const random = { build: systemRandom, oaep: systemRandom };
const surbRandom = { seed: systemRandom, padding: systemRandom, oaep: systemRandom };
const payload = systemRandom.bytes(PAYLOAD_LENGTH);
const leg = (max: number) => fc.array(fc.constantFrom(...near), { minLength: 1, maxLength: max });

/** The packet after every hop of `path` but the last. */
function carry(packet: Buffer, path: readonly string[]): Buffer {
  return path.slice(0, -1).reduce((carried, name, index) => {
    const opened = unwrap(carried, [packetKeyOf(name)]);
    if (opened.result !== 'relay') throw new Error(`${name} was to relay`);
    const [next] = pathOf([path[index + 1] ?? '']);
    expect(opened.next).toEqual(next?.address);
    expect(opened.packet).toHaveLength(PACKET_LENGTH);
    return opened.packet;
  }, packet);
}

// spec: mixminion-packet 3.1, 5, 6, 7
test('forward packets: random paths, exit types and lengths of the address', () => {
  const sizes = fc.oneof(fc.constantFrom(0, 20, 151, 152, 153, 171, 172, 173, 192, 320, 900), fc.nat({ max: 600 }));
  fc.assert(
    fc.property(leg(5), leg(4), fc.integer({ min: 0x100, max: 0xffff }), sizes, (one, two, routingType, size) => {
      const exit = { routingType, routingInfo: systemRandom.bytes(size) };
      const packet = buildForwardPacket({ path1: pathOf(one), path2: pathOf(two), exit, payload }, random);
      const last = carry(packet, [...one, ...two]);
      const opened = unwrap(last, [packetKeyOf(two.at(-1) ?? '')]);
      if (opened.result !== 'deliver') throw new Error('the last hop was to deliver');
      expect({ routingType: opened.routingType, routingInfo: opened.routingInfo }).toEqual(exit);
      expect(opened.payload.equals(payload)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

// spec: mixminion-packet 8.4
test('replies: the owner undoes every hop by encrypting, in the order in which the stream gives the secrets', () => {
  fc.assert(
    fc.property(leg(4), leg(5), (one, two) => {
      const userKey = systemRandom.bytes(20);
      const exit = { routingType: RoutingType.MBOX, routingInfo: Buffer.from('nobody') };
      const { surb, tag } = createSurb({ path: pathOf(two), exit, userKey, useBy: 1_900_000_000 }, surbRandom);
      const packet = buildReplyPacket({ path1: pathOf(one), surb, payload }, random);
      const opened = unwrap(carry(packet, [...one, ...two]), [packetKeyOf(two.at(-1) ?? '')]);
      if (opened.result !== 'deliver') throw new Error('the last hop was to deliver');
      expect(opened.routingInfo).toEqual(Buffer.concat([tag, exit.routingInfo]));
      const secrets = replySecrets(tag, userKey);
      const open = (block: Buffer) => lionessEncrypt(lionessKeys(secrets.bytes(16), 'PAYLOAD ENCRYPT'), block);
      const read = [...two, 'sender'].reduce((block) => open(block), opened.payload);
      expect(read.equals(payload)).toBe(true);
    }),
    { numRuns: 30 },
  );
});

const path = ['Amber', 'Birch', 'Cedar', 'Dogwood'] as const;
const exit = { routingType: RoutingType.SMTP, routingInfo: systemRandom.bytes(40) };
const sample = buildForwardPacket(
  { path1: pathOf(path.slice(0, 2)), path2: pathOf(path.slice(2)), exit, payload },
  random,
);

function flipped(bit: number): Buffer {
  const packet = Buffer.from(sample);
  packet[bit >> 3] = (packet[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return packet;
}

test('a bit changed in header 1 is found at once: in the RSA block by the padding, behind it by the digest', () => {
  const key = packetKeyOf('Amber');
  fc.assert(
    fc.property(fc.nat({ max: 256 * 8 - 1 }), fc.integer({ min: 256 * 8, max: 2048 * 8 - 1 }), (inside, behind) => {
      expect(() => unwrap(flipped(inside), [key])).toThrow(CryptoError);
      expect(() => unwrap(flipped(behind), [key])).toThrow(ContentError);
    }),
  );
});

test('a bit changed in header 2 or the payload passes up to the crossover and destroys what lies behind', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2048 * 8, max: PACKET_LENGTH * 8 - 1 }), (bit) => {
      const first = unwrap(flipped(bit), [packetKeyOf('Amber')]);
      if (first.result !== 'relay') throw new Error('Amber was to relay');
      const crossed = unwrap(first.packet, [packetKeyOf('Birch')]);
      if (crossed.result !== 'relay') throw new Error('Birch was to relay');
      expect(() => unwrap(crossed.packet, [packetKeyOf('Cedar')])).toThrow(CryptoError);
    }),
    { numRuns: 40 },
  );
});

test('the first key that fits opens the packet, and the packet is left as it was', () => {
  const packet = Buffer.from(sample);
  const keys = ['Dogwood', 'Amber', 'Birch'].map(packetKeyOf);
  expect(unwrap(packet, keys).keyIndex).toBe(1);
  expect(packet.equals(sample)).toBe(true);
  expect(() => unwrap(packet, [])).toThrow(expect.objectContaining({ code: 'undecryptable' }));
});

test.each([0, 1, 2048, PACKET_LENGTH - 1, PACKET_LENGTH + 1])('%i octets are no packet', (length) => {
  expect(() => unwrap(Buffer.alloc(length), [packetKeyOf('Amber')])).toThrow(ParseError);
});

test('noise raises only the errors of a packet', () => {
  const noise = new CounterRandom(Buffer.alloc(16, 1));
  for (let i = 0; i < 50; i += 1) {
    expect(() => unwrap(noise.bytes(PACKET_LENGTH), [packetKeyOf('Amber')])).toThrow(PosternError);
  }
});

/** A packet for Amber alone that carries any instruction. */
function instructed(routingType: number, routingInfo: Buffer): Buffer {
  const hop = { routingType, routingInfo, packetKey: packetKeyOf('Amber').publicKey, secret: Buffer.alloc(16, 5) };
  return Buffer.concat([buildHeader([hop], 1, systemRandom, systemRandom), Buffer.alloc(PACKET_LENGTH - 2048)]);
}

// spec: mixminion-packet 4, 7
test('each thing that a hop may be told has its outcome, and a reason when it is refused', () => {
  const replayHash = sha1(Buffer.alloc(16, 5), Buffer.from('REPLAY PREVENTION'));
  const open = (type: number, info: Buffer) => unwrap(instructed(type, info), [packetKeyOf('Amber')]);
  const hop = { form: 'host', host: 'a.example', port: 1, keyId: Buffer.alloc(20, 7) } as const;
  expect(open(RoutingType.DROP, Buffer.alloc(0))).toEqual({ result: 'drop', replayHash, keyIndex: 0 });
  expect(open(RoutingType.FRAGMENT, Buffer.alloc(0))).toMatchObject({ result: 'deliver', replayHash });
  for (const swap of [false, true]) {
    for (const next of [hop, { ...hop, form: 'ipv4', host: '10.1.2.3' } as const]) {
      const { routingType, routingInfo } = relayTo(next, swap);
      expect(open(routingType, Buffer.from(routingInfo))).toMatchObject({ result: 'relay', next, swap, replayHash });
    }
  }
  const refusals: [number, Buffer, string][] = [
    [0x0005, Buffer.alloc(26), 'routing-type'],
    [0x00ff, Buffer.alloc(26), 'routing-type'],
    [RoutingType.FWD_IPV4, Buffer.alloc(25), 'hop-address'],
    [RoutingType.SWAP_FWD_IPV4, Buffer.alloc(27), 'hop-address'],
    [RoutingType.FWD_HOST, Buffer.alloc(22), 'hop-address'],
    [RoutingType.SWAP_FWD_HOST, Buffer.concat([Buffer.alloc(22), Buffer.from('::1')]), 'hop-address'],
  ];
  for (const [type, info, code] of refusals) {
    expect(() => open(type, info)).toThrow(expect.objectContaining({ code, replayHash }));
  }
});

test('an address may overflow the RSA block as far as the header reaches', () => {
  const longest = 2048 - 84;
  const info = systemRandom.bytes(longest);
  expect(unwrap(instructed(0x1000, info), [packetKeyOf('Amber')])).toMatchObject({ routingInfo: info });
  expect(() => instructed(0x1000, systemRandom.bytes(longest + 1))).toThrow(PathTooLongError);
});

// spec: mixminion-packet 2, 3, 5
test('as many hops as fit, and an error that names the leg for more', () => {
  const many = (count: number) => Array.from({ length: count }, () => 'Amber');
  const build = (one: number, two: number) =>
    buildForwardPacket({ path1: pathOf(many(one)), path2: pathOf(many(two)), exit, payload }, random);
  const fits = 15; // 14 hops of 84 + 43 octets, one of 84 + 40, and the rest too short for another full RSA block
  expect(() => carry(build(1, fits), many(1 + fits))).not.toThrow();
  expect(() => build(1, fits + 1)).toThrow(expect.objectContaining({ code: 'path-too-long', leg: 2 }));
  expect(() => build(fits + 1, 1)).toThrow(expect.objectContaining({ code: 'path-too-long', leg: 1 }));
  expect(() => build(0, 1)).toThrow(PathTooLongError);
  expect(() => build(1, 0)).toThrow(ContentError);
});

test('a build that makes no packet is refused', () => {
  const order = { path1: pathOf(['Amber']), path2: pathOf(['Birch']), exit, payload };
  expect(() => buildForwardPacket({ ...order, payload: payload.subarray(1) }, random)).toThrow(ContentError);
  const relay = { ...exit, routingType: RoutingType.FWD_HOST };
  expect(() => buildForwardPacket({ ...order, exit: relay }, random)).toThrow(ContentError);
  const beyond = { ...exit, routingType: 0x10000 };
  expect(() => buildForwardPacket({ ...order, exit: beyond }, random)).toThrow(ContentError);
  const { surb } = createSurb({ path: order.path2, exit, userKey: Buffer.alloc(20), useBy: 0 }, surbRandom);
  const straight = { ...surb, routingType: RoutingType.FWD_HOST };
  expect(() => buildReplyPacket({ ...order, surb: straight }, random)).toThrow(ContentError);
});

// spec: mixminion-packet 4.1
test('host names are written in lower case and refused when no server could have them', () => {
  const hop = { form: 'host', host: 'Mix.Example', port: 48099, keyId: Buffer.alloc(20) } as const;
  expect(parseHopAddress(relayTo(hop, false))).toEqual({ ...hop, host: 'mix.example' });
  for (const host of ['', '.a', 'a..b', 'a b', '::1', 'a.b:80', 'ü']) {
    expect(() => relayTo({ ...hop, host }, false)).toThrow(ParseError);
  }
  for (const host of ['1.2.3', '256.1.1.1', 'a.b.c.d']) {
    expect(() => relayTo({ ...hop, form: 'ipv4', host }, false)).toThrow(ParseError);
  }
  expect(() => relayTo({ ...hop, port: 65536 }, false)).toThrow(ParseError);
  expect(() => relayTo({ ...hop, keyId: Buffer.alloc(19) }, false)).toThrow(ParseError);
});
