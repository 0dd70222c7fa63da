// Reply blocks against the vectors of the original program: made again bit for bit, and read from good and bad input.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pathOf } from '../../../test/support/mixminion-network.ts';
import { base64, hex, mixminionVectors } from '../../../test/support/vectors.ts';
import { systemRandom } from '../../base/random.ts';
import { CounterRandom } from '../../crypto/aes-ctr.ts';
import { ContentError, ParseError, PathTooLongError } from './errors.ts';
import { RoutingType } from './routing.ts';
import {
  armorSurb,
  createSurb,
  isReplyTag,
  parseArmoredSurbs,
  parseSurb,
  parseSurbs,
  replySecrets,
  surbDigest,
  writeSurb,
} from './surb.ts';

const { blocks, parsing } = mixminionVectors<{
  blocks: {
    name: string;
    path: string[];
    exit_type: number;
    exit_info: string;
    user_key: string;
    use_by: number;
    seed_stream: string;
    header_padding_stream: string;
    oaep_stream_seed: string;
    tag: string;
    encryption_key: string;
    binary_b64: string;
    armored: string;
    sha1_hex: string;
    first_routing_type: number;
    first_routing_info: string;
  }[];
  parsing: { name: string; parser: string; data_b64: string; count?: number; result: string }[];
}>('surbs');

// spec: mixminion-packet 8.1, 8.2, 8.3
test.each(blocks)('made again bit for bit: $name', (block) => {
  const userKey = hex(block.user_key);
  const { surb, tag } = createSurb(
    {
      path: pathOf(block.path),
      exit: { routingType: block.exit_type, routingInfo: hex(block.exit_info) },
      userKey,
      useBy: block.use_by,
    },
    {
      seed: new CounterRandom(hex(block.seed_stream)),
      padding: new CounterRandom(hex(block.header_padding_stream)),
      oaep: new CounterRandom(hex(block.oaep_stream_seed)),
    },
  );
  expect(writeSurb(surb).toString('base64')).toBe(block.binary_b64);
  expect(armorSurb(surb)).toBe(block.armored);
  expect(surbDigest(surb)).toBe(block.sha1_hex);
  expect(tag.toString('hex')).toBe(block.tag);
  expect(surb.key.toString('hex')).toBe(block.encryption_key);
  expect(surb.routingType).toBe(block.first_routing_type);
  expect(Buffer.from(surb.routingInfo).toString('hex')).toBe(block.first_routing_info);
  expect(isReplyTag(tag, userKey)).toBe(true);
  expect(
    replySecrets(tag, userKey)
      .bytes(16 * (block.path.length + 1))
      .subarray(-16),
  ).toEqual(surb.key);
  expect(parseSurb(base64(block.binary_b64))).toEqual({ surb, length: base64(block.binary_b64).byteLength });
});

const parsers: Record<string, (octets: Buffer) => number> = {
  parseReplyBlock: (octets) => (parseSurb(octets).length > 0 ? 1 : 0),
  parseReplyBlocks: (octets) => parseSurbs(octets).length,
  parseTextReplyBlocks: (octets) => parseArmoredSurbs(octets).length,
};

// spec: mixminion-packet 8.1, 8.2
test.each(parsing)('$parser: $name', ({ parser, data_b64: data, count, result }) => {
  const parse = parsers[parser];
  if (parse === undefined) throw new Error(`no parser ${parser}`);
  if (result === 'ok') expect(parse(base64(data))).toBe(count);
  else expect(() => parse(base64(data))).toThrow(ParseError);
});

test('any cut of a list of blocks is refused or holds fewer', () => {
  const [first, second] = blocks.map(({ binary_b64: binary }) => base64(binary));
  if (!first || !second) throw new Error('the vectors lack blocks');
  const whole = Buffer.concat([first, Buffer.from(' \r\n'), second]);
  fc.assert(
    fc.property(fc.nat({ max: whole.byteLength - 1 }), (cut) => {
      const part = whole.subarray(0, cut);
      if (cut === 0 || (cut >= first.byteLength && cut <= first.byteLength + 3)) {
        expect(parseSurbs(part)).toHaveLength(cut === 0 ? 0 : 1);
      } else expect(() => parseSurbs(part)).toThrow(ParseError);
    }),
  );
});

test('random octets raise only ParseError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2200 }), fc.boolean(), (noise, magic) => {
      const octets = magic ? Buffer.concat([Buffer.from('SURB\0\x01'), noise]) : noise;
      try {
        const { surb, length } = parseSurb(octets);
        expect(writeSurb(surb).equals(octets.subarray(0, length))).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(ParseError);
      }
    }),
  );
});

test('what cannot be answered is not made', () => {
  const order = {
    path: pathOf(['Amber', 'Birch']),
    exit: { routingType: RoutingType.SMTP, routingInfo: Buffer.from('a@b.example') },
    userKey: systemRandom.bytes(20),
    useBy: 1_900_000_000,
  };
  const random = { seed: systemRandom, padding: systemRandom, oaep: systemRandom };
  for (const routingType of [RoutingType.DROP, RoutingType.FRAGMENT, RoutingType.PING, RoutingType.FWD_HOST]) {
    expect(() => createSurb({ ...order, exit: { ...order.exit, routingType } }, random)).toThrow(ContentError);
  }
  expect(() => createSurb({ ...order, path: [] }, random)).toThrow(ContentError);
  expect(() => createSurb({ ...order, useBy: 2 ** 32 }, random)).toThrow(ContentError);
  const tooLong = { ...order.exit, routingInfo: Buffer.alloc(2000, 'a') };
  expect(() => createSurb({ ...order, exit: tooLong }, random)).toThrow(PathTooLongError);
});
