// Packets that somebody has changed, at each hop and in each part, and a flood of them.   spec: mixminion-packet 5, 7

import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { wayOf } from '../../src/mixminion/testnet/footprints.ts';
import { handIn, openTestNetwork, type TestNetwork } from '../support/testnet.ts';

const NAMES = ['Amber', 'Birch', 'Cedar', 'Dogwood', 'Elder', 'Fir'];
const PATH = 'Amber,Birch,Cedar:Dogwood,Elder,Fir';
const CROSSOVER = 2;
/** Octets of a packet, one in each part. */
const PARTS = { rsa: 100, digest: 1000, 'header 2': 3000, payload: 20_000 } as const;

const ROOM = 1024 * 1024;
const FLOOD = 50;

let network: TestNetwork;
beforeAll(async () => {
  network = await openTestNetwork(NAMES, { spool_size: '1 MiB' });
});
afterAll(() => network[Symbol.asyncDispose]());

/** Where it ends, and how. */
function fateOf(part: keyof typeof PARTS, hop: number): { at: number; reason: string } | 'as it was' | 'unreadable' {
  if (part === 'rsa') return { at: hop, reason: 'undecryptable' };
  if (part === 'digest') return { at: hop, reason: 'digest' };
  // Both are one with the second header until the crossover: what is behind it has no header any more.
  if (hop <= CROSSOVER) return { at: CROSSOVER + 1, reason: 'undecryptable' };
  return part === 'payload' ? 'unreadable' : 'as it was'; // the first header was used up, and nobody looks at it again
}

test('a changed octet, in each part and at each hop, ends the packet where it must, or does no harm', async () => {
  const { net, clock, empty } = network;
  const expected = NAMES.map(() => new Map<string, number>());
  const mails: string[] = [];
  for (const [hop, name] of NAMES.entries()) {
    const changed: { bytes: Buffer }[] = [];
    const parts = Object.entries(PARTS) as [keyof typeof PARTS, number][];
    const letters = await network.letters(
      parts.map(([part]) => `${part} at hop ${hop}`),
      PATH,
    );
    for (const [place, [part, octet]] of parts.entries()) {
      const bytes = letters[place]?.bytes ?? Buffer.alloc(0);
      const packet = Buffer.from(wayOf(net, bytes, net.node('Amber'))[hop]?.packet ?? []);
      packet.writeUInt8(packet.readUInt8(octet) ^ 0x10, octet);
      changed.push({ bytes: packet });
      const fate = fateOf(part, hop);
      if (typeof fate === 'object') {
        const { at, reason } = fate;
        expected[at]?.set(reason, (expected[at]?.get(reason) ?? 0) + 1);
      } else mails.push(fate === 'unreadable' ? '?' : `${part} at hop ${hop}`);
    }
    const said = await handIn(net.node(name), changed, clock);
    expect(said).toEqual(changed.map(() => 'received')); // the answer tells nothing
  }
  await empty();
  await network.until(async () => (await net.mail.mails('bob')).length >= mails.length);
  expect(NAMES.map((name) => net.node(name).figures.dropped)).toEqual(expected.map((map) => Object.fromEntries(map)));
  expect((await network.bobReads()).sort()).toEqual(mails.sort());
  expect(net.nodes.every(network.addsUp)).toBe(true);
});

test('a flood of noise costs the remailer nothing that stays, and holds up no letter', async () => {
  const { net, clock, empty } = network;
  const amber = net.node('Amber');
  const before = amber.figures.dropped['undecryptable'] ?? 0;
  const noise = Array.from({ length: 200 }, () => ({ bytes: systemRandom.bytes(32_768) }));
  const flood = Promise.all([0, 50, 100, 150].map((from) => handIn(amber, noise.slice(from, from + 50), clock)));
  await network.alice.send(await network.letters(['through the flood'], PATH));
  await flood;
  await empty();
  expect((amber.figures.dropped['undecryptable'] ?? 0) - before).toBe(noise.length);
  await network.until(async () => (await network.bobReads()).includes('through the flood'));
});

test('a flood of good packets fills the room that there is, and the rest is told to wait', async () => {
  const { net, clock, empty } = network;
  const amber = net.node('Amber');
  const before = (await net.mail.mails('bob')).length;
  const texts = Array.from({ length: FLOOD }, (_, place) => `flood ${place}`);
  const packets = await network.letters(texts, 'Amber:Birch');
  const said = await handIn(amber, packets, clock);
  const kept = said.filter((answer) => answer === 'received').length;
  expect(kept).toBeGreaterThanOrEqual(ROOM / 32_768 - 1);
  expect(kept).toBeLessThan(FLOOD);
  await empty();
  const rest = packets.filter((_, place) => said[place] === 'rejected');
  expect(await handIn(amber, rest, clock)).toEqual(rest.map(() => 'received'));
  await empty();
  await network.until(async () => (await net.mail.mails('bob')).length >= before + FLOOD);
  expect((await network.bobReads()).filter((text) => text.startsWith('flood')).sort()).toEqual(texts.sort());
});
