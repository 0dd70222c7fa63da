// What payloads cost: single packets, a message of 1 MB in fragments, the erasure code alone, and reading what is
// encrypted. Each figure stands beside the raw step that bounds it, measured in turn with it.

import { deflateSync, inflateSync } from 'node:zlib';
import { shuffle, systemRandom } from '../../src/base/random.ts';
import { sha1 } from '../../src/crypto/hash.ts';
import { lionessDecrypt, lionessEncrypt, lionessKeys, unwhiten } from '../../src/crypto/lioness.ts';
import { RsaPrivateKey } from '../../src/crypto/rsa.ts';
import { Mode, PAYLOAD_LENGTH, SECRET_LENGTH } from '../../src/mixminion/packet/layout.ts';
import { isReplyTag, replySecrets } from '../../src/mixminion/packet/surb.ts';
import { assembleFragments } from '../../src/mixminion/payload/assemble.ts';
import { compress, decompress, reassembledLimit, singletonLimit } from '../../src/mixminion/payload/compress.ts';
import { decodePayload } from '../../src/mixminion/payload/decode.ts';
import { encodeMessage } from '../../src/mixminion/payload/encode.ts';
import { sealForward } from '../../src/mixminion/payload/encrypted-forward.ts';
import { checkBlocks, recoverBlocks } from '../../src/mixminion/payload/fec.ts';
import type { Fragment } from '../../src/mixminion/payload/fragment.ts';
import { planFragments } from '../../src/mixminion/payload/fragment-plan.ts';
import { recognizePayload } from '../../src/mixminion/payload/payload.ts';
import { callsPerSecond, median, type Report } from '../harness.ts';

const ROUNDS = 5;
const ROUND_MS = 120;
const MB = 1_000_000;
const random = systemRandom;

interface Comparison {
  readonly name: string;
  readonly unit: string;
  readonly work: () => void;
  /** A raw step that bounds the work: it cannot be done without. */
  readonly raw: () => void;
  /** What one call counts for; 1 by default. */
  readonly each?: number;
}

/** The medians of rounds that alternate between the work and its limit, so that a noisy machine wrongs both alike. */
function compare(report: Report, { name, unit, work, raw, each = 1 }: Comparison): void {
  report.progress(name);
  const rates = Array.from({ length: ROUNDS }, () => [callsPerSecond(work, ROUND_MS), callsPerSecond(raw, ROUND_MS)]);
  const [value, limit] = [0, 1].map((which) => each * median(rates.map((pair) => pair[which] ?? Number.NaN)));
  if (value !== undefined && limit !== undefined) report.figure({ name, value, unit, limit, ratio: value / limit });
}

export async function payloadFigures(report: Report): Promise<void> {
  singletonFigures(report);
  fragmentFigures(report);
  erasureFigures(report);
  await encryptedFigures(report);
}

function singletonFigures(report: Report): void {
  const message = textOf(5000);
  const compressed = compress(message);
  const [payload = Buffer.alloc(0)] = encodeMessage(message, { overhead: 0, random });
  compare(report, {
    name: '5 KB text into a payload (limit: exact deflate)',
    unit: '/s',
    work: () => encodeMessage(message, { overhead: 0, random }),
    raw: () => compress(message),
  });
  compare(report, {
    name: '5 KB text out of a payload (limit: SHA-1, inflate)',
    unit: '/s',
    work: () => {
      const found = recognizePayload(payload);
      if (found?.kind === 'singleton') decompress(found.compressed, singletonLimit(found.compressed.length));
    },
    raw: () => {
      sha1(payload);
      inflateSync(compressed);
    },
  });
  compare(report, {
    name: '5 KB text, exact deflate (limit: Node’s inexact one)',
    unit: '/s',
    work: () => compress(message),
    raw: () => deflateSync(message, { level: 9 }),
  });
}

function fragmentFigures(report: Report): void {
  const message = random.bytes(MB);
  const compressed = compress(message);
  const payloads = encodeMessage(message, { overhead: 0, random });
  const fragments = payloads.map(fragmentOf);
  const chosen = shuffle(random, [...fragments]);
  const { n, k, chunks } = planFragments(compressed.length, 0);
  const enough = Array.from({ length: chunks }, (_, chunk) =>
    chosen.filter(({ index }) => Math.floor(index / n) === chunk).slice(0, k),
  ).flat();
  compare(report, {
    name: '1 MB into 66 payloads (limit: exact deflate)',
    unit: 'MB/s',
    work: () => encodeMessage(message, { overhead: 0, random }),
    raw: () => compress(message),
  });
  compare(report, {
    name: '1 MB out of 48 of 66 payloads (limit: SHA-1, LIONESS)',
    unit: 'MB/s',
    work: () => {
      for (const { index } of enough) recognizePayload(payloads[index] ?? Buffer.alloc(0));
      const whole = assembleFragments(enough);
      decompress(whole, reassembledLimit(whole.length));
    },
    raw: () => {
      for (const { index } of enough) sha1(payloads[index] ?? Buffer.alloc(0));
      unwhiten(compressed);
      inflateSync(compressed);
    },
  });
}

function erasureFigures(report: Report): void {
  const data = random.bytes(16 * 62_500);
  const blocks = Array.from({ length: 16 }, (_, i) => data.subarray(i * 62_500, (i + 1) * 62_500));
  const checks = checkBlocks(blocks, 22).map((block, i) => ({ index: 16 + i, data: block }));
  const kept = [...checks, ...blocks.slice(6).map((block, i) => ({ index: 6 + i, data: block }))];
  const copy = Buffer.alloc(data.length);
  const raw = () => void data.copy(copy);
  compare(report, {
    name: 'erasure code of 1 MB, 16 of 22 (limit: copying)',
    unit: 'MB/s',
    work: () => checkBlocks(blocks, 22),
    raw,
  });
  compare(report, {
    name: '1 MB with 6 of 16 blocks lost (limit: copying)',
    unit: 'MB/s',
    work: () => recoverBlocks(kept, 16),
    raw,
  });
}

async function encryptedFigures(report: Report): Promise<void> {
  const secret = random.bytes(20);
  let tag = random.bytes(20);
  while (!isReplyTag(tag, secret)) tag = random.bytes(20);
  const secrets = replySecrets(tag, secret);
  const layers = Array.from({ length: 6 }, () => lionessKeys(secrets.bytes(SECRET_LENGTH), Mode.payload));
  let [reply = Buffer.alloc(0)] = encodeMessage(textOf(5000), { overhead: 0, random });
  for (const keys of layers.toReversed()) reply = lionessDecrypt(keys, reply);
  const block = random.bytes(PAYLOAD_LENGTH);
  compare(report, {
    name: 'a reply over 5 hops, opened (limit: LIONESS, SHA-1)',
    unit: '/s',
    work: () => decodePayload(reply, tag, [{ secret }]),
    raw: () => {
      sha1(block);
      for (const keys of layers) sha1(lionessEncrypt(keys, block));
    },
  });
  const key = await RsaPrivateKey.generate(2048);
  const [payload = Buffer.alloc(0)] = encodeMessage(textOf(5000), { overhead: 38, random });
  const sealed = sealForward(payload, key.publicKey, random, random);
  const rsaBlock = Buffer.concat([sealed.tag, sealed.payload]).subarray(0, key.publicKey.size);
  compare(report, {
    name: 'an encrypted forward message, opened (limit: RSA)',
    unit: '/s',
    work: () => decodePayload(sealed.payload, sealed.tag, [], [key]),
    raw: () => key.decrypt(rsaBlock),
  });
}

function fragmentOf(payload: Buffer): Fragment {
  const found = recognizePayload(payload);
  if (found?.kind !== 'fragment') throw new Error('a large message makes fragments');
  return found;
}

/** Text of about the redundancy of mail. */
function textOf(length: number): Buffer {
  const lines = Array.from(
    { length: Math.ceil(length / 40) },
    (_, i) => `On day ${(i * 7919) % 1000} we wrote ${(i * i) % 97} letters.\n`,
  );
  return Buffer.from(lines.join('')).subarray(0, length);
}
