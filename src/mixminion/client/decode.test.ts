// Mail and payloads as they come in: armour of every kind, several in a row, and what no key opens; the key ring that
// opens replies.   spec: mixminion-client-api 9

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decodeAll,
  decodePacket,
  Keyring,
  Mix3BadArgsError,
  Mix3BadFormatError,
  Mix3BadPassphraseError,
  Mix3BadSignatureError,
  Mix3Error,
  Mix3OvercompressedError,
  Mix3SecretKey,
  Mix3UndecodableError,
  packageMessage,
  parseAddress,
  primitives,
  SurbSecret,
  VirtualClock,
} from './index.ts';

const DAY = 86_400_000;
const { writeMessage } = primitives;
const random = new primitives.CounterRandom(Buffer.alloc(16, 9));
const address = parseAddress('alice@example.net');

test('armoured messages one after another, each of its kind', () => {
  const zeros = Buffer.alloc(100_000);
  const noise = random.bytes(40_000);
  const [fragment] = packageMessage({ message: noise, address, reassembly: 'client', random });
  const text = Buffer.concat([
    Buffer.from('Dear reader,\n'),
    writeMessage({ type: 'plaintext', contents: Buffer.from('- text\n') }),
    Buffer.from('between\n'),
    writeMessage({ type: 'binary', contents: Buffer.from([0, 255]) }),
    writeMessage({ type: 'overcompressed', contents: primitives.compress(zeros) }),
    writeMessage({ type: 'fragment', contents: fragment?.bytes ?? Buffer.alloc(0) }),
  ]);
  const all = decodeAll(text);
  expect(all.map(({ contents }) => contents.kind)).toEqual(['message', 'message', 'overcompressed', 'fragment']);
  expect(
    all.every(({ wasPlaintext, replyIndex, keyIndex }) => wasPlaintext && replyIndex === -1 && keyIndex === -1),
  ).toBe(true);
  const [plain, binary, long, part] = all;
  expect(plain?.getMessage({ stripHeaders: true }).toString()).toBe('- text\n');
  expect(binary?.getMessage()).toEqual(Buffer.from([0, 255]));
  expect(() => long?.getMessage()).toThrow(Mix3OvercompressedError);
  expect(long?.getMessage({ force: true }).equals(zeros)).toBe(true);
  expect(part).toMatchObject({ isFragment: true, fragmentIndex: 0, messageId: fragment?.messageId });
  expect(() => part?.getMessage()).toThrow(Mix3BadArgsError);
  expect(() => plain?.messageId).toThrow(Mix3BadArgsError);
  expect(() => plain?.fragmentIndex).toThrow(Mix3BadArgsError);
  expect(all.map(({ compressedLength }) => compressedLength)).toEqual([
    7,
    2,
    primitives.compress(zeros).length,
    primitives.compress(noise).length,
  ]);

  let rest: Buffer = text;
  for (const expected of all) {
    const next = decodePacket(rest, { text: true });
    expect(next.packet.contents).toEqual(expected.contents);
    rest = next.rest;
  }
  expect(rest.length).toBe(0);
  expect(() => decodePacket(rest, { text: true })).toThrow(Mix3BadFormatError);
  expect(decodeAll('no message in here')).toEqual([]);
});

test('bare payloads one after another', () => {
  const payloads = ['one', 'two'].flatMap((message) => packageMessage({ message, address, random }));
  const octets = Buffer.concat(payloads.map(({ bytes }) => bytes));
  const read = decodeAll(octets, { text: false }).map((packet) => packet.getMessage({ stripHeaders: true }).toString());
  expect(read).toEqual(['one', 'two']);
  expect(decodePacket(octets).rest).toEqual(payloads[1]?.bytes);
  expect(() => decodeAll(octets.subarray(1), { text: false })).toThrow(Mix3BadFormatError);
});

test('a message beyond its limit is given only when insisted on', () => {
  const zeros = Buffer.alloc(100_000);
  const [payload] = packageMessage({ message: zeros, address, random });
  const { packet } = decodePacket(payload?.bytes ?? Buffer.alloc(0));
  expect(() => packet.getMessage()).toThrow(Mix3OvercompressedError);
  try {
    packet.getMessage();
  } catch (error) {
    const { compressed } = error as Mix3OvercompressedError;
    expect(primitives.decompress(compressed, 200_000).length).toBe(100_001);
  }
  expect(packet.getMessage({ force: true, stripHeaders: true }).equals(zeros)).toBe(true);
});

test('what no key opens, what was damaged, and what is malformed', async () => {
  const key = await Mix3SecretKey.generate(1024);
  const [sealed] = packageMessage({
    message: 'x',
    address: { type: 'email', address: 'a@b.example', recipientKey: key.publicKey },
    random,
  });
  if (!sealed?.decodingHandle) throw new Error('not sealed');
  const tagged = { tag: sealed.decodingHandle, payload: sealed.bytes };
  expect(decodePacket(tagged, { keys: [key] }).packet.keyFingerprint).toBe(key.publicKey.fingerprint);
  for (const options of [{}, { keys: [await Mix3SecretKey.generate(1024)], secrets: [SurbSecret.generate()] }])
    expect(() => decodePacket(tagged, options)).toThrow(Mix3UndecodableError);
  expect(() => decodePacket({ payload: sealed.bytes }, { keys: [key] })).toThrow(Mix3UndecodableError);
  expect(() => decodePacket({ ...tagged, tag: Buffer.alloc(3) }, { keys: [key] })).toThrow(Mix3BadArgsError);
  const damaged = Buffer.from(sealed.bytes);
  damaged.writeUInt8(damaged.readUInt8(20_000) ^ 1, 20_000);
  expect(() => decodePacket({ ...tagged, payload: damaged }, { keys: [key] })).toThrow(Mix3BadSignatureError);
  expect(() => decodePacket({ payload: Buffer.alloc(7) })).toThrow(Mix3BadFormatError);
  const [single] = packageMessage({ message: 'x', address, random });
  const mislabelled = writeMessage({ type: 'fragment', contents: single?.bytes ?? Buffer.alloc(0) });
  expect(() => decodeAll(mislabelled)).toThrow(Mix3BadFormatError);
});

test('whatever comes in, errors are those of the API', () => {
  const begin = '-----BEGIN TYPE III ANONYMOUS MESSAGE-----\n';
  const inputs = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc.string().map((text) => `${begin}Message-type: fragment\n\n${text}\n${begin.replace('BEGIN', 'END')}`),
    fc.record({ payload: fc.uint8Array({ minLength: 28672, maxLength: 28672, size: 'max' }), tag: fc.uint8Array() }),
  );
  fc.assert(
    fc.property(inputs, (input) => {
      try {
        decodePacket(input, { secrets: [SurbSecret.generate('', random)] }).packet.getMessage();
      } catch (error) {
        expect(error).toBeInstanceOf(Mix3Error);
      }
    }),
    { numRuns: 60 },
  );
});

// spec: mixminion-e2e 9
test('a key ring: made, saved, loaded, and asked for the secret of the day', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-keyring-'));
  const path = join(folder, 'keyring.txt');
  const clock = new VirtualClock(Date.UTC(2026, 10, 22, 12));
  const asked: boolean[] = [];
  const ask = async (isNew: boolean) => {
    asked.push(isNew);
    return 'a long passphrase';
  };
  const keyring = await Keyring.load(path, ask, { clock, random });
  expect([keyring.all(), keyring.newest('Me')]).toEqual([[], undefined]);
  const first = keyring.newKey('Me');
  expect(first).toMatchObject({ identity: 'me', expires: new Date(Date.UTC(2026, 10, 22) + 91 * DAY) });
  expect(keyring.forNewBlocks('ME').bytes).toEqual(first.bytes);
  await keyring.save(path);

  const again = await Keyring.load(path, ask, { clock, random });
  expect(again.all().map(({ bytes }) => bytes)).toEqual([first.bytes]);
  expect(asked).toEqual([true, false]);
  await clock.advance(70 * DAY);
  const second = again.forNewBlocks('me');
  expect(second.bytes).not.toEqual(first.bytes);
  expect(again.newest('me')?.bytes).toEqual(second.bytes);
  again.newKey();
  expect(again.all().length).toBe(3);
  expect(again.all('me').map(({ bytes }) => bytes)).toEqual([second.bytes, first.bytes]);
  expect(Keyring.open(again.seal(), 'a long passphrase').all()).toHaveLength(3);

  await expect(Keyring.load(path, async () => 'another', { clock })).rejects.toThrow(Mix3BadPassphraseError);
  expect(() => Keyring.open('nothing', '')).toThrow(Mix3BadFormatError);
  expect(() => keyring.newKey('a\0b')).toThrow(Mix3BadArgsError);
  rmSync(folder, { recursive: true });
});
