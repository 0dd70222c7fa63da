import { expect, test } from 'vitest';
import { base64, hex, mixminionVectors } from '../../../test/support/vectors.ts';
import { CounterRandom } from '../../crypto/aes-ctr.ts';
import { sha1, sha256 } from '../../crypto/hash.ts';
import { compress } from './compress.ts';
import { classifyPayload, classifyReassembled, deliveredMessage } from './delivery.ts';
import { encodeCompressed, encodeMessage } from './encode.ts';
import { writeMessage } from './text.ts';

interface ModuleView {
  readonly type: 'plain' | 'enc' | 'long' | 'err';
  readonly headers: Record<string, string>;
  readonly is_fragment: boolean;
  readonly contents_sha256: string;
}

interface PacketCase {
  readonly name: string;
  readonly compressed?: string;
  readonly payload_padding_seed?: string;
  readonly delivered_payload_b64?: string;
  readonly delivered_text?: string | null;
  readonly hops: { module_view?: ModuleView; tag?: string; payload_b64?: string }[];
}

const packetCases = [
  ...mixminionVectors<{ cases: PacketCase[] }>('packets').cases,
  ...mixminionVectors<{ cases: PacketCase[] }>('encrypted_forward').cases,
  ...mixminionVectors<{ cases: PacketCase[] }>('replies').cases,
];

/** The payload that came out at the exit: stated, or made again from what went in. */
function deliveredPayload(vector: PacketCase): Buffer | undefined {
  const stated = vector.delivered_payload_b64 ?? vector.hops.at(-1)?.payload_b64;
  if (stated !== undefined) return base64(stated);
  if (vector.compressed === undefined) return undefined;
  const random = new CounterRandom(hex(vector.payload_padding_seed ?? ''));
  return encodeCompressed(hex(vector.compressed), { overhead: 0, random })[0];
}

// spec: mixminion-e2e 5.4
test('an exit sees in payloads what the original program saw', () => {
  let seen = 0;
  for (const vector of packetCases) {
    const hop = vector.hops.at(-1);
    const payload = deliveredPayload(vector);
    if (hop?.module_view === undefined || payload === undefined) continue;
    const { type, headers, contents_sha256 } = hop.module_view;
    const delivery = classifyPayload(payload);
    if (delivery.kind === 'plain') expect(delivery.headers).toEqual(new Map(Object.entries(headers)));
    expect(delivery.kind).toBe(type === 'enc' ? 'encrypted' : type);
    const message = deliveredMessage(delivery, hex(hop.tag ?? ''));
    expect(sha256(message?.contents ?? Buffer.alloc(0)).toString('hex')).toBe(contents_sha256);
    if (vector.delivered_text && message) expect(writeMessage(message).toString('latin1')).toBe(vector.delivered_text);
    seen += 1;
  }
  expect(seen).toBeGreaterThan(20);
});

const random = new CounterRandom(Buffer.alloc(16, 1));
const tag = Buffer.alloc(20);

function viewOf(message: Uint8Array) {
  const [payload = Buffer.alloc(0)] = encodeMessage(message, { overhead: 0, random });
  return deliveredMessage(classifyPayload(payload), tag);
}

// spec: mixminion-e2e 8.1
test('text, binary data, zeros without end and fragments each get their own armor', () => {
  expect(viewOf(Buffer.from('\ntext \xe9\xfe\t\v\r\n', 'latin1'))?.type).toBe('plaintext');
  for (const octet of [0x00, 0x08, 0x0c, 0x1b, 0x7f, 0xff])
    expect(viewOf(Buffer.from([0x0a, octet]))?.type).toBe('binary');
  const zeros = Buffer.alloc(20_480 + 1);
  const long = viewOf(zeros);
  expect(long?.type).toBe('overcompressed');
  expect(long?.contents.equals(compress(zeros))).toBe(true);
  const noise = classifyPayload(random.bytes(28672));
  expect(deliveredMessage(noise, tag)).toMatchObject({ type: 'encrypted', tag });
  expect(deliveredMessage(noise)).not.toHaveProperty('tag');
  const [fragment = Buffer.alloc(0)] = encodeCompressed(Buffer.alloc(40_000), { overhead: 0, random });
  expect(deliveredMessage(classifyPayload(fragment), tag)).toEqual({ type: 'fragment', contents: fragment });
});

test('a good digest over bad contents is malformed and nothing is delivered', () => {
  const [payload = Buffer.alloc(0)] = encodeCompressed(Buffer.from('no zlib'), { overhead: 0, random });
  expect(classifyPayload(payload)).toEqual({ kind: 'malformed', reason: 'compression' });
  payload.writeUInt16BE(0x7fff);
  payload.set(sha1(payload.subarray(22)), 2);
  expect(classifyPayload(payload)).toEqual({ kind: 'malformed', reason: 'payload-field' });
  expect(deliveredMessage(classifyPayload(payload), tag)).toBeUndefined();
});

// spec: mixminion-e2e 3.1
test('a reassembled message has no floor under its limit', () => {
  const message = Buffer.alloc(10_000);
  expect(classifyReassembled(compress(message))).toMatchObject({ kind: 'overcompressed' });
  expect(classifyReassembled(compress(Buffer.from('\nshort')))).toMatchObject({ body: Buffer.from('short') });
  expect(classifyReassembled(Buffer.from('?'))).toMatchObject({ kind: 'malformed' });
});
