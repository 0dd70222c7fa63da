// Accepted means durable, for packets too: a node is killed over and over while peers send, and then everything is counted.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { SECOND, systemClock } from '../../src/base/time.ts';
import { sha1 } from '../../src/crypto/hash.ts';
import { ANY_KEY_ID } from '../../src/mixminion/mmtp/certificates.ts';
import { Courier } from '../../src/mixminion/mmtp/courier.ts';
import type { Hop } from '../../src/mixminion/mmtp/link.ts';
import type { NodeFigures } from '../../src/mixminion/node/node.ts';
import { unwrap } from '../../src/mixminion/packet/unwrap.ts';
import { systemResolver } from '../../src/net/resolver.ts';
import { killsWanted } from '../support/kills.ts';
import { hopAddress, packetOver } from '../support/mix-packets.ts';
import { packetKeyOf, serverNames } from '../support/mixminion-network.ts';
import { startTestNode } from '../support/mmtp-node.ts';

const KILLS = killsWanted(8); // 30 of them take half a minute
const SENDERS = 4;
/** How long before a kill a packet may have reached the next hop, and reach it again: its answer was on the way. */
const ANSWER_UNDER_WAY = 400;
const SCRIPT = join(import.meta.dirname, '..', 'support', 'mix-node-process.ts');

const [own = ''] = serverNames;
const key = packetKeyOf(own);
const folder = await mkdtemp(join(tmpdir(), 'postern-crash-'));
afterAll(async () => await rm(folder, { recursive: true }));

const digest = (octets: Uint8Array) => sha1(octets).toString('hex');

async function startNode() {
  const child = fork(SCRIPT, [folder]);
  const [port] = (await once(child, 'message')) as [number];
  return { child, hop: { host: '127.0.0.1', port, keyId: ANY_KEY_ID } };
}

test(`${KILLS} kills, ${SENDERS} senders: what was received goes on, and nothing goes on twice`, async () => {
  const sink = await startTestNode();
  const arrivals = new Map<string, number[]>();
  sink.keep = async (packet) => {
    arrivals.set(digest(packet), [...(arrivals.get(digest(packet)) ?? []), performance.now()]);
    return 'received';
  };
  const us = { address: hopAddress('us'), packetKey: key.publicKey };
  const next = {
    address: { form: 'ipv4', host: '127.0.0.1', port: sink.hop.port, keyId: sink.hop.keyId } as const,
    packetKey: key.publicKey,
  };
  const tried = new Set<string>();
  const confirmed = new Set<string>();
  const again: Buffer[] = [];

  /** What came in without an answer is sent again, as any peer does; now and then so is what had one. */
  async function send(courier: Courier, hop: Hop, until: AbortSignal, begun: () => void): Promise<void> {
    while (!until.aborted) {
      const packet = again.pop() ?? packetOver([us, next]);
      const opened = unwrap(packet, [key]);
      const name = opened.result === 'relay' ? digest(opened.packet) : '';
      tried.add(name);
      const acknowledged = await courier.send(hop, packet).catch(() => 'nothing');
      if (acknowledged === 'received') confirmed.add(name);
      begun();
      if (acknowledged !== 'received' || Math.random() < 0.1) again.push(packet);
    }
  }

  const kills: number[] = [];
  for (let kill = 0; kill < KILLS; kill += 1) {
    const { child, hop } = await startNode();
    const stop = new AbortController();
    const courier = new Courier({ clock: systemClock, random: systemRandom, resolver: systemResolver });
    const begun = Promise.withResolvers<void>();
    const sending = Array.from({ length: SENDERS }, () => send(courier, hop, stop.signal, begun.resolve));
    await begun.promise;
    await wait(Math.random() * 200);
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    stop.abort();
    kills.push(performance.now());
    await exited;
    await Promise.all(sending);
    await courier.close(0);
  }

  const { child } = await startNode();
  let figures: NodeFigures;
  do {
    await wait(50);
    child.send('figures');
    [figures] = (await once(child, 'message')) as [NodeFigures];
  } while (figures.held.arrived + figures.held.pool + figures.held.outgoing > 0);
  child.kill();
  await sink.ports.close(SECOND);

  expect(figures.dropped['damaged'] ?? 0).toBe(0);
  const dropped = Object.values(figures.dropped).reduce((sum, packets) => sum + packets, 0);
  expect(figures.accepted, 'nothing goes without a word').toBe(figures.forwarded + figures.delivered + dropped);
  const arrived = new Set(arrivals.keys());
  expect(confirmed.difference(arrived).size, 'nothing received is lost').toBe(0);
  expect(arrived.difference(tried).size, 'nothing is made up').toBe(0);
  const twice = [...arrivals.values()].filter((times) => times.length > 1);
  for (const [first = 0] of twice) {
    const killed = kills.find((at) => at > first - ANSWER_UNDER_WAY / 2) ?? Number.POSITIVE_INFINITY;
    expect(killed - first, 'only an answer that was under way lets a packet go on again').toBeLessThan(
      ANSWER_UNDER_WAY,
    );
  }
  expect(confirmed.size).toBeGreaterThan(KILLS);
  console.log(`${KILLS} kills; ${confirmed.size} packets received, none lost; ${twice.length} handed over again`);
}, 240_000);
