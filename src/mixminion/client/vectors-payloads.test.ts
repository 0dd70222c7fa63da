// payloads.json and fragments.json of the original program, through the public face alone.

import { expect, test } from 'vitest';
import { base64, hex, mixminionVectors } from '../../../test/support/vectors.ts';
import { primitives } from './index.ts';

const { sha256, keystream, CounterRandom, ParseError, PayloadError } = primitives;
const digest = (octets: Uint8Array) => sha256(octets).toString('hex');
const hexOf = (octets: Uint8Array) => Buffer.from(octets).toString('hex');

type Part = ['repeat' | 'stream', string, number];
const vectors = mixminionVectors<{
  singletons: (Record<'padding_stream_seed' | 'payload_sha256' | 'payload_first_64' | 'uncompress', string> & {
    overhead: primitives.Overhead;
    message?: string;
    message_repeat?: [string, number];
    message_stream_seed?: string;
    message_len: number;
    compressed_sha256: string;
  })[];
  bad: Record<'payload_b64' | 'parse_result' | 'decode_result', string>[];
  compress: { data: string; max: number | null; result: string; out_len?: number; out_sha256?: string }[];
  compress_outputs: { in: string; out: string }[];
  compress_outputs_hash: { parts: Part[]; out_len: number; out_sha256: string }[];
  headers: { op: string; headers: [string, string][]; result?: string; in?: string; body?: string }[];
  text: {
    op: 'pack' | 'parse';
    type: string;
    contents: string;
    tag: string | null;
    text: string;
    parsed_type: string;
    parsed_contents: string;
    result: string | { type: string; contents: string; tag: string | null }[];
  }[];
  server_side_fragment_prefix: (Record<'contents' | 'packed' | 'routing_info', string> & { routing_type: number })[];
}>('payloads');

const repeated = (digits: string, count: number) => Buffer.alloc(hex(digits).length * count, hex(digits));

test('singletons', () => {
  for (const vector of vectors.singletons) {
    const { message, message_repeat: [part, count] = ['', 0], message_stream_seed: seed, overhead } = vector;
    const text =
      message !== undefined ? hex(message) : seed ? keystream(hex(seed), vector.message_len) : repeated(part, count);
    expect(digest(primitives.compress(text))).toBe(vector.compressed_sha256);
    const random = new CounterRandom(hex(vector.padding_stream_seed));
    const [payload = Buffer.alloc(0)] = primitives.encodeMessage(text, { overhead, random });
    expect(digest(payload)).toBe(vector.payload_sha256);
    expect(hexOf(payload.subarray(0, 64))).toBe(vector.payload_first_64);
    const found = primitives.recognizePayload(payload);
    if (found?.kind !== 'singleton') throw new Error('no singleton');
    const read = () => primitives.decompress(found.compressed, primitives.singletonLimit(found.compressed.length));
    if (vector.uncompress === 'ok') expect(read().equals(text)).toBe(true);
    else expect(read).toThrow(primitives.OvercompressedError);
  }
});

test('damaged payloads', () => {
  for (const { payload_b64, parse_result, decode_result } of vectors.bad) {
    const payload = base64(payload_b64);
    if (parse_result === 'ok') expect(primitives.parsePayload(payload)).toBeDefined();
    else expect(() => primitives.parsePayload(payload)).toThrow(PayloadError);
    const decode = () => primitives.decodePayload(payload, undefined, []);
    if (decode_result === 'None') expect(decode()).toBeUndefined();
    else if (decode_result.endsWith('Payload')) expect(decode()).toMatchObject({ how: 'plaintext' });
    else expect(decode).toThrow(PayloadError);
  }
});

test('compression', () => {
  for (const { data, max, result, out_len, out_sha256 } of vectors.compress) {
    const read = () => primitives.decompress(hex(data), max ?? Number.POSITIVE_INFINITY);
    if (result === 'ok') expect([read().length, digest(read())]).toEqual([out_len, out_sha256]);
    else expect(read).toThrow(result === 'ParseError' ? PayloadError : primitives.OvercompressedError);
  }
  for (const { in: plain, out } of vectors.compress_outputs) expect(hexOf(primitives.compress(hex(plain)))).toBe(out);
  for (const { parts, out_len, out_sha256 } of vectors.compress_outputs_hash) {
    const made = primitives.compress(
      Buffer.concat(
        parts.map(([how, value, count]) => (how === 'repeat' ? repeated(value, count) : keystream(hex(value), count))),
      ),
    );
    expect([made.length, digest(made)]).toEqual([out_len, out_sha256]);
  }
});

test('header blocks', () => {
  for (const { op, headers, result, in: text = '', body } of vectors.headers) {
    const values = new Map(headers.map(([name, value]) => [name, hex(value).toString('latin1')]));
    if (op === 'parse') {
      const found = primitives.parseHeaderBlock(hex(text));
      expect([found.headers, hexOf(found.body)]).toEqual([values, body]);
    } else if (result === 'ParseError') expect(() => primitives.writeHeaderBlock(values)).toThrow(PayloadError);
    else expect(hexOf(primitives.writeHeaderBlock(values))).toBe(result);
  }
});

test('armoured messages, and the prefix of those that an exit puts together', () => {
  const types: Record<string, primitives.AnonymousMessage['type']> = {
    TXT: 'plaintext',
    BIN: 'binary',
    LONG: 'overcompressed',
    ENC: 'encrypted',
    FRAG: 'fragment',
  };
  const message = (type: string, contents: string, tag: string | null): primitives.AnonymousMessage => ({
    type: types[type] ?? 'plaintext',
    contents: hex(contents),
    ...(tag === null ? {} : { tag: hex(tag) }),
  });
  for (const { op, type, contents, tag, text, parsed_type, parsed_contents, result } of vectors.text) {
    const read = () => primitives.readMessages(Buffer.from(text, 'latin1'));
    if (op === 'pack') {
      expect(primitives.writeMessage(message(type, contents, tag)).toString('latin1')).toBe(text);
      expect(read()).toEqual([message(parsed_type, parsed_contents, tag)]);
    } else if (typeof result === 'string') expect(read).toThrow(ParseError);
    else expect(read()).toEqual(result.map((each) => message(each.type, each.contents, each.tag)));
  }
  for (const { contents, packed, routing_info, routing_type } of vectors.server_side_fragment_prefix) {
    const prefix = primitives.writeExitPrefix({ type: routing_type, info: hex(routing_info) });
    expect(hexOf(prefix) + contents).toBe(packed);
    expect(primitives.parseExitPrefix(hex(packed))).toMatchObject({ type: routing_type });
  }
});

test('fragments', () => {
  const vectors = mixminionVectors<{
    fec: { k: number; n: number; blocks: string[]; encoded: string[]; decode_indices: number[] }[];
    params: (Record<
      'length' | 'frag_capacity' | 'k' | 'n' | 'n_chunks' | 'chunk_size' | 'padded_len' | 'padding_len',
      number
    > & { overhead: primitives.Overhead })[];
    messages: (Record<'message_stream_seed' | 'common_stream_seed' | 'prefix' | 'msg_id', string> & {
      message_len: number;
      msg_len: number;
      overhead: primitives.Overhead;
      fragments: { sha256: string; payload_b64: string | null }[];
      reassembly_order: number[];
      reassembled_sha256: string;
    })[];
  }>('fragments');
  for (const { k, n, blocks, encoded, decode_indices } of vectors.fec) {
    expect([...blocks, ...primitives.checkBlocks(blocks.map(hex), n).map(hexOf)]).toEqual(encoded);
    const kept = decode_indices.map((index) => ({ index, data: hex(encoded[index] ?? '') }));
    expect(primitives.recoverBlocks(kept, k).map(hexOf)).toEqual(blocks);
  }
  for (const { length, overhead, ...stated } of vectors.params) {
    const plan = primitives.planFragments(length, overhead);
    expect({
      frag_capacity: plan.capacity,
      k: plan.k,
      n: plan.n,
      n_chunks: plan.chunks,
      chunk_size: plan.chunkSize,
      padded_len: plan.paddedLength,
      padding_len: plan.paddedLength - length,
    }).toEqual(stated);
  }
  for (const vector of vectors.messages) {
    const { overhead } = vector;
    const text = keystream(hex(vector.message_stream_seed), vector.message_len);
    const random = new CounterRandom(hex(vector.common_stream_seed));
    const made = primitives.encodeMessage(text, { overhead, exitPrefix: hex(vector.prefix), random });
    expect(made.map(digest)).toEqual(vector.fragments.map(({ sha256 }) => sha256));
    const kept = vector.reassembly_order.map((index) =>
      primitives.recognizePayload(base64(vector.fragments[index]?.payload_b64 ?? '')),
    );
    const fragments = kept.filter((payload) => payload?.kind === 'fragment');
    expect(fragments[0]).toMatchObject({ messageId: hex(vector.msg_id), messageSize: vector.msg_len });
    expect(digest(primitives.assembleFragments(fragments))).toBe(vector.reassembled_sha256);
  }
});
