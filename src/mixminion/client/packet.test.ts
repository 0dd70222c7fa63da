// What can be packaged, addressed and built, and what cannot; paths and reply blocks for it.
// spec: mixminion-client-api 5, 6, 7

import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { clock, descriptorOf, directoryOf, identity, TODAY } from '../../../test/support/mixminion-directory.ts';
import {
  type Address,
  countPackets,
  decodePacket,
  generatePacket,
  generatePath,
  generatePaths,
  Mix3BadArgsError,
  Mix3BadFormatError,
  Mix3NoPathError,
  Mix3NotFoundError,
  Mix3PathTooLongError,
  Mix3UnsupportedError,
  type PackageOptions,
  Packet,
  PathSpec,
  type Payload,
  packageMessage,
  parseAddress,
  primitives,
  Surb,
  SurbSecret,
} from './index.ts';

const DAY = 86_400_000;
const random = new primitives.CounterRandom(Buffer.alloc(16, 5));
const address = parseAddress('alice@example.net');
const reply: Address = { type: 'reply' };
const [ash, beech, cherry] = ['Ash', 'Beech', 'Cherry'].map((name) => descriptorOf(name)) as [
  ReturnType<typeof descriptorOf>,
  ReturnType<typeof descriptorOf>,
  ReturnType<typeof descriptorOf>,
];
const directory = directoryOf([ash, beech, cherry]);
const secret = new SurbSecret(Buffer.alloc(20, 8), 'me');
const validFrom = clock.now();
const validUntil = TODAY + 7 * DAY + 5000;
const surbOptions = { path: [ash, beech], address, validFrom, validUntil, secret, random };

function only(payloads: readonly Payload[]): Payload {
  const [payload] = payloads;
  if (payload === undefined || payloads.length !== 1) throw new Error('not one payload');
  return payload;
}

/** What the exit gets; all servers here share one key. */
function delivered(packet: Packet): primitives.Delivered {
  let bytes = packet.bytes;
  for (;;) {
    const opened = primitives.unwrap(bytes, [identity]);
    if (opened.result === 'drop') throw new Error('dropped');
    if (opened.result === 'deliver') return opened;
    bytes = opened.packet;
  }
}

// spec: mixminion-e2e 2, 6.4
test('the kinds of payload, and what stands in front of the message', () => {
  const plain = only(packageMessage({ message: 'text', address, random }));
  expect(plain).toMatchObject({ kind: 'singleton', decodingHandle: null, index: 0, total: 1 });
  expect(plain).not.toHaveProperty('messageId');
  expect(decodePacket(plain.bytes).packet.getMessage().toString()).toBe('\ntext');
  expect(decodePacket(plain.bytes).packet.getMessage({ stripHeaders: true }).toString()).toBe('text');
  const headed = only(packageMessage({ message: 'text', address, headers: { subject: 'a', from: 'b' }, random }));
  expect(decodePacket(headed.bytes).packet.getMessage().toString()).toBe('FROM:b\nSUBJECT:a\n\ntext');
  const raw = only(packageMessage({ message: 'text', address, reassembly: 'client', random }));
  expect(decodePacket(raw.bytes).packet.getMessage().toString()).toBe('text');

  const large = random.bytes(50_000);
  for (const [to, kind, reassembly] of [
    [address, 'server-fragment', 'server'],
    [address, 'fragment', 'client'],
    [reply, 'fragment', 'server'],
    [{ ...address, recipientKey: identity.publicKey } as Address, 'fragment', 'server'],
  ] as const) {
    const payloads = packageMessage({ message: large, address: to, reassembly, random });
    expect(payloads.map((payload) => [payload.kind, payload.index, payload.total])).toEqual(
      [0, 1, 2].map((index) => [kind, index, 3]),
    );
    expect(new Set(payloads.map(({ messageId }) => messageId?.toString('hex'))).size).toBe(1);
    expect(payloads.every(({ bytes }) => bytes.length === 28672)).toBe(true);
    expect(countPackets(large, to, { reassembly })).toBe(3);
  }
  const sealed = { ...address, recipientKey: identity.publicKey } as Address;
  const long = random.bytes(28_620); // with what compression adds it fills a packet but for the 38 octets of a seal
  expect([countPackets(long, address), countPackets(long, sealed)]).toEqual([1, 3]);
});

test('what is dropped is noise and carries nothing', () => {
  const noise = only(packageMessage({ message: '', address: { type: 'drop' }, random }));
  expect(noise).toMatchObject({ kind: 'random', decodingHandle: null });
  const packet = generatePacket({ path1: [ash], path2: [beech], address: { type: 'drop' }, payload: noise, random });
  const first = primitives.unwrap(packet.bytes, [identity]);
  if (first.result !== 'relay') throw new Error('not passed on');
  expect(primitives.unwrap(first.packet, [identity]).result).toBe('drop');
  expect(countPackets('', { type: 'drop' })).toBe(1);
  expect(() => packageMessage({ message: 'x', address: { type: 'drop' } })).toThrow(Mix3BadArgsError);
  expect(() => packageMessage({ message: '', address: { type: 'drop' }, headers: { subject: 'x' } })).toThrow(
    Mix3BadArgsError,
  );
});

test.each([
  ['headers for a reader', { message: 'x', address, reassembly: 'client', headers: { subject: 'x' } }, 2],
  ['a header of two lines', { message: 'x', address, headers: { subject: 'a\nb' } }, 2],
  ['a sender with a bracket', { message: 'x', address, headers: { from: '[Anon]' } }, 2],
  ['news', { message: 'x', address: { type: 'news', address: 'alt.test' } }, 105],
] satisfies [string, PackageOptions, number][])('not packaged: %s', (_, options: PackageOptions, status) => {
  expect(() => packageMessage(options)).toThrow(expect.objectContaining({ status }));
  expect(() => countPackets(options.message, options.address, options)).toThrow(expect.objectContaining({ status }));
});

// spec: mixminion-e2e 5.1, 5.2
test('what the exit is told depends on payload and address', () => {
  const [fragment] = packageMessage({ message: random.bytes(40_000), address, random });
  if (fragment === undefined) throw new Error('no fragment');
  const build = (payload: Payload, to: Address) =>
    delivered(generatePacket({ path1: [ash], path2: [beech, cherry], address: to, payload, random }));
  const served = build(fragment, address);
  expect([served.routingType, served.routingInfo.length]).toEqual([primitives.RoutingType.FRAGMENT, 0]);
  const plain = only(packageMessage({ message: 'x', address, random }));
  const mailed = primitives.splitExitInfo(build(plain, address));
  expect([mailed.tag.length, mailed.address.toString()]).toEqual([20, 'alice@example.net']);
  const ping = build(plain, { type: 'other', routingType: 0x0105, routingInfo: Buffer.alloc(0) });
  expect(ping.routingInfo.length).toBe(0); // a type without tags
  const sealed = only(
    packageMessage({ message: 'x', address: { ...address, recipientKey: identity.publicKey } as Address, random }),
  );
  const handed = build(sealed, address);
  const { tag } = primitives.splitExitInfo(handed);
  expect(tag).toEqual(sealed.decodingHandle);
  const opened = decodePacket({ tag, payload: handed.payload }, { keys: [identity] }).packet;
  expect(opened.getMessage({ stripHeaders: true }).toString()).toBe('x');
});

test('not built', () => {
  const payload = only(packageMessage({ message: 'x', address, random }));
  const sealed = { ...payload, decodingHandle: Buffer.alloc(20) };
  const { surb } = Surb.generate(surbOptions);
  const two = { path1: [ash], path2: [beech] };
  for (const options of [
    { path1: [ash], payload, address },
    { ...two, surb, payload },
    { path1: [], path2: [beech], payload, address },
    { path1: [ash], path2: [], payload, address },
    { ...two, payload },
    { ...two, payload: { ...payload, bytes: Buffer.alloc(5) }, address },
    { ...two, payload: sealed, address: { type: 'other', routingType: 0x0103, routingInfo: Buffer.alloc(0) } as const },
    { ...two, payload, address: { type: 'other', routingType: 0x0005, routingInfo: Buffer.alloc(0) } as const },
    { path1: [ash], surb, payload, address },
    { path1: [ash], surb, payload: sealed },
    { path1: [ash], surb, payload: { ...payload, kind: 'server-fragment' } as const },
  ])
    expect(() => generatePacket({ ...options, random })).toThrow(Mix3BadArgsError);
  expect(() => generatePacket({ ...two, payload, address: reply, random })).toThrow(Mix3UnsupportedError);
  expect(() => generatePacket({ path1: Array(17).fill(ash), path2: [ash], payload, address })).toThrow(
    expect.objectContaining({ leg: 1, constructor: Mix3PathTooLongError }),
  );
  const deaf = descriptorOf('Deaf', { incoming: undefined });
  expect(() => generatePacket({ path1: [deaf], path2: [ash], payload, address })).toThrow(Mix3NoPathError);
  expect(() => new Packet(Buffer.alloc(7), { host: 'x', port: 1, keyId: Buffer.alloc(20) })).toThrow(Mix3BadArgsError);
});

test('paths by specifier, for each use', () => {
  const options = { directory, clock, random };
  expect(generatePath({ ...options, spec: 'Ash:Beech', address })).toEqual({ path1: [ash], path2: [beech] });
  expect(generatePath({ ...options, spec: 'Ash,Beech', singleLeg: true, address })).toEqual({ path1: [ash, beech] });
  expect(generatePath({ ...options, spec: 'Cherry', address: reply })).toEqual({ path1: [cherry] });
  const forward = PathSpec.parse('Ash,Beech');
  expect(generatePath({ ...options, spec: forward, address: reply })).toEqual({ path1: [ash, beech] });
  const surb = PathSpec.parse('Ash', { kind: 'surb' });
  expect(generatePath({ ...options, spec: surb, address })).toEqual({ path1: [ash] });
  const exits = generatePaths(6, { ...options, spec: '?:?', address, packets: 6 }).map(({ path2 }) => path2?.at(-1));
  expect(new Set(exits).size).toBe(1);
  expect(() => generatePath({ ...options, spec: '?:?', address: reply })).toThrow(Mix3BadArgsError);
  expect(() => generatePath({ ...options, spec: 'Nobody,?', address })).toThrow(Mix3NotFoundError);
  expect(() => generatePath({ ...options, spec: '?,?', address, size: 10 ** 9, packets: 99 })).toThrow(Mix3NoPathError);
  expect(() => generatePath({ ...options, spec: '?,?', address: { type: 'news', address: 'x' } })).toThrow(
    Mix3UnsupportedError,
  );
});

test('reply blocks: good until a midnight, in both forms, one after another', async () => {
  const { surb, decodingHandle } = Surb.generate(surbOptions);
  expect(surb.expires).toEqual(new Date(TODAY + 7 * DAY));
  expect(surb.firstHop).toMatchObject({ host: 'ash.example.net', port: 48099 });
  expect(primitives.isReplyTag(decodingHandle, secret.bytes)).toBe(true);
  const other = Surb.generate(surbOptions).surb;
  for (const [both, isText] of [
    [Buffer.concat([surb.toBytes(), other.toBytes()]), false],
    [`text before\n${surb.toArmor()}and between\n${other.toArmor()}`, true],
  ] as const) {
    const first = Surb.parse(both);
    expect(first.surb.digest).toBe(surb.digest);
    const second = Surb.parse(isText ? first.rest.toString() : first.rest);
    expect(second.surb.digest).toBe(other.digest);
    expect(second.rest.length).toBe(0);
    expect(Surb.parseAll(both).map(({ digest }) => digest)).toEqual([surb.digest, other.digest]);
  }
  expect(Surb.parseAll('no block in here')).toEqual([]);
  expect(() => Surb.parse('no block in here')).toThrow(Mix3BadFormatError);
  expect(() => Surb.parse(surb.toArmor().slice(0, -40))).toThrow(Mix3BadFormatError);

  const folder = mkdtempSync(join(tmpdir(), 'postern-surb-'));
  const path = join(folder, 'surb');
  for (const binary of [false, true]) {
    await surb.writeTo(path, { binary });
    expect((await Surb.load(path)).map(({ digest }) => digest)).toEqual([surb.digest]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  }
  rmSync(folder, { recursive: true });
  await expect(Surb.load(path)).rejects.toThrow(Mix3NotFoundError);
});

test('not made into a reply block', () => {
  const other = (routingType: number): Address => ({ type: 'other', routingType, routingInfo: Buffer.alloc(0) });
  for (const changes of [
    { path: [] },
    { validUntil: TODAY + 40 * DAY }, // the descriptors end before
    { validFrom: TODAY - DAY },
    { validUntil: validFrom + 1000 },
    { address: { type: 'drop' } as const },
    { address: other(0x0103) },
    { address: reply },
  ])
    expect(() => Surb.generate({ ...surbOptions, ...changes })).toThrow(Mix3BadArgsError);
  expect(() => new SurbSecret(Buffer.alloc(19))).toThrow(Mix3BadArgsError);
  const mine = SurbSecret.generate('me', random);
  mine.destroy();
  expect(mine.bytes.equals(Buffer.alloc(20))).toBe(true);
});

// spec: mixminion-e2e 5.1, 5.2, 5.3
test('whatever is written comes through: forward, sealed, and by reply', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 2000 }),
      fc.constantFrom('forward', 'sealed', 'reply'),
      fc.integer({ min: 1, max: 4 }),
      (message, how, hops) => {
        const { surb } = Surb.generate({ ...surbOptions, path: Array(hops).fill(beech) });
        const to = how === 'sealed' ? ({ ...address, recipientKey: identity.publicKey } as Address) : address;
        const payload = only(packageMessage({ message, address: how === 'reply' ? reply : to, random }));
        const path1 = Array(hops).fill(ash);
        const packet = generatePacket(
          how === 'reply' ? { path1, surb, payload, random } : { path1, path2: [cherry], address: to, payload, random },
        );
        const exit = delivered(packet);
        const { tag } = primitives.splitExitInfo(exit);
        const { packet: read } = decodePacket({ tag, payload: exit.payload }, { keys: [identity], secrets: [secret] });
        expect(read.getMessage({ stripHeaders: true }).equals(message)).toBe(true);
        expect([read.wasPlaintext, read.keyIndex, read.replyIndex, read.identity]).toEqual(
          { forward: [true, -1, -1, undefined], sealed: [false, 0, -1, undefined], reply: [false, -1, 0, 'me'] }[how],
        );
      },
    ),
    { numRuns: 20 },
  );
});
