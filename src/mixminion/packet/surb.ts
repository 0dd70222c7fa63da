// Single-use reply blocks: a second leg made in advance by the one who wants to be answered.

import { toHex } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import { CounterRandom } from '../../crypto/aes-ctr.ts';
import { sha1 } from '../../crypto/hash.ts';
import { type ArmorName, readArmor, readBase64, writeArmor, writeBase64 } from './armor.ts';
import { ContentError, ParseError } from './errors.ts';
import { buildHeader } from './header.ts';
import { HEADER_LENGTH, SECRET_LENGTH } from './layout.ts';
import { instruct, type PathNode } from './path.ts';
import { hasTag, type Instruction, isExitType, randomTag, relayTo } from './routing.ts';

const ARMOR: ArmorName = 'TYPE III REPLY BLOCK';
const MAGIC = Buffer.from('SURB\x00\x01', 'latin1');
const FIXED = 2078;
const BLANKS: readonly number[] = [0x09, 0x0a, 0x0d, 0x20];
const MAX_BLOCKS = 4096;

/** `routingType` and `routingInfo` are the instruction to the crossover: where this leg begins. */
export interface Surb extends Instruction {
  /** Seconds since 1970 UTC; of no use from then on. */
  readonly useBy: number;
  /** The second header, 2048 octets. */
  readonly header: Buffer;
  /** What the sender hides the payload with, 16 octets. */
  readonly key: Buffer;
}

export interface SurbOrder {
  readonly path: readonly PathNode[];
  /** An exit type that has a tag, and the address without it. */
  readonly exit: Instruction;
  /** The identity's secret, 20 octets. */
  readonly userKey: Uint8Array;
  /** Seconds since 1970 UTC: when the first descriptor on the path expires, or before. */
  readonly useBy: number;
}

/** `seed` gives candidates for the tag, `padding` the end of the header, `oaep` 20 octets a hop from last to first. */
export interface SurbRandom {
  readonly seed: Random;
  readonly padding: Random;
  readonly oaep: Random;
}

/**
 * A reply block, and the tag by which its owner knows the answer. No state is kept: the tag and the identity's secret
 * give back every key. Throws PathTooLongError or ContentError.   spec: mixminion-packet 8.3
 */
export function createSurb(order: SurbOrder, random: SurbRandom): { surb: Surb; tag: Buffer } {
  const { path, exit, userKey, useBy } = order;
  const [first] = path;
  if (first === undefined) throw new ContentError('argument', 'a reply block has a path');
  if (!isExitType(exit.routingType) || !hasTag(exit.routingType)) {
    throw new ContentError('routing-type', 'answers need an exit that hands over a tag');
  }
  if (!Number.isInteger(useBy) || useBy < 0 || useBy > 0xffffffff) throw new ContentError('argument', 'no such time');
  const tag = findTag(userKey, random.seed);
  const stream = replySecrets(tag, userKey);
  const secrets = path.map(() => stream.bytes(SECRET_LENGTH)).reverse();
  const key = stream.bytes(SECRET_LENGTH);
  const plan = instruct(path, { ...exit, routingInfo: Buffer.concat([tag, exit.routingInfo]) }, 2);
  const hops = plan.map((hop, index) => ({ ...hop, secret: secrets[index] ?? key }));
  const header = buildHeader(hops, 2, random.padding, random.oaep);
  return { surb: { useBy, header, key, ...relayTo(first.address, true) }, tag };
}

/** Whether the reply block with this tag was made with `userKey`; one of 256 others seems so too.   spec: mixminion-packet 8.3 */
export function isReplyTag(tag: Uint8Array, userKey: Uint8Array): boolean {
  return sha1(tag, userKey, Buffer.from('Validate')).at(-1) === 0;
}

/**
 * The secrets behind a tag, 16 octets each: last hop to first, then the sender's key. Whoever reads an answer encrypts
 * with them in this order.   spec: mixminion-packet 8.3, 8.4
 */
export function replySecrets(tag: Uint8Array, userKey: Uint8Array): Random {
  return new CounterRandom(sha1(tag, userKey, Buffer.from('Generate')).subarray(0, SECRET_LENGTH));
}

function findTag(userKey: Uint8Array, seed: Random): Buffer {
  for (;;) {
    const tag = randomTag(seed);
    if (isReplyTag(tag, userKey)) return tag;
  }
}

/** The binary form.   spec: mixminion-packet 8.1 */
export function writeSurb({ useBy, header, routingType, routingInfo, key }: Surb): Buffer {
  const block = Buffer.alloc(FIXED + routingInfo.byteLength);
  block.set(MAGIC);
  block.writeUInt32BE(useBy, 6);
  block.set(header, 10);
  block.writeUInt16BE(routingInfo.byteLength, 2058);
  block.writeUInt16BE(routingType, 2060);
  block.set(key, 2062);
  block.set(routingInfo, FIXED);
  return block;
}

/**
 * The binary reply block at the beginning of `octets`, and how many octets it takes; what follows is not looked at.
 * ParseError when there is none.   spec: mixminion-packet 8.1
 */
export function parseSurb(octets: Uint8Array): { surb: Surb; length: number } {
  const block = Buffer.from(octets.subarray(0, FIXED + 0xffff));
  if (!block.subarray(0, MAGIC.byteLength).equals(MAGIC)) throw new ParseError('surb', 'no reply block of version 0.1');
  if (block.byteLength < FIXED) throw new ParseError('surb', 'the reply block is cut short');
  const length = FIXED + block.readUInt16BE(2058);
  if (block.byteLength < length) throw new ParseError('surb', 'the reply block is cut short');
  const surb = {
    useBy: block.readUInt32BE(6),
    header: block.subarray(10, 10 + HEADER_LENGTH),
    routingType: block.readUInt16BE(2060),
    key: block.subarray(2062, FIXED),
    routingInfo: block.subarray(FIXED, length),
  };
  return { surb, length };
}

/** All of a file of binary reply blocks; white space around them is passed over. ParseError for anything else. */
export function parseSurbs(octets: Uint8Array): Surb[] {
  const surbs: Surb[] = [];
  for (let at = skipBlanks(octets, 0); at < octets.byteLength; ) {
    if (surbs.length === MAX_BLOCKS)
      throw new ParseError('too-long', `a file is read up to ${MAX_BLOCKS} reply blocks`);
    const { surb, length } = parseSurb(octets.subarray(at));
    surbs.push(surb);
    at = skipBlanks(octets, at + length);
  }
  return surbs;
}

function skipBlanks(octets: Uint8Array, from: number): number {
  let at = from;
  while (BLANKS.includes(octets[at] ?? -1)) at += 1;
  return at;
}

/** The text form.   spec: mixminion-packet 8.2 */
export function armorSurb(surb: Surb): string {
  return writeArmor(ARMOR, [['Version', '0.2']], writeBase64(writeSurb(surb))).toString('latin1');
}

/** Every armored reply block in a text. One that is malformed spoils the text: ParseError.   spec: mixminion-packet 8.2 */
export function parseArmoredSurbs(text: Uint8Array): Surb[] {
  return readArmor(text, ARMOR).map(({ body }) => parseSurb(readBase64(body)).surb);
}

/** SHA-1 of the binary form in lower-case hex: the name of a reply block in logs of used ones.   spec: mixminion-packet 8.1 */
export function surbDigest(surb: Surb): string {
  return toHex(sha1(writeSurb(surb)));
}
