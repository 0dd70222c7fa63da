// Whole Type III networks on a clock that the test turns: the servers, their ports, files and TLS are real, only time is not.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { silentLog } from '../../src/base/log.ts';
import { HOUR, MINUTE, startOfDay, VirtualClock } from '../../src/base/time.ts';
import { Mix3Client, type Packet, parseAddress } from '../../src/mixminion/client/index.ts';
import { MmtpConnection } from '../../src/mixminion/mmtp/client.ts';
import { Person } from '../../src/mixminion/testnet/person.ts';
import { Testnet } from '../../src/mixminion/testnet/testnet.ts';
import type { TestnetNode } from '../../src/mixminion/testnet/testnet-node.ts';
import { readyKeys } from './mixminion-keys.ts';

/** What files, sockets and threads may take between two turns of the clock, in real milliseconds. */
const BREATH = 12;
const MOST_TURNS = 400;

export interface TestNetwork extends AsyncDisposable {
  readonly net: Testnet;
  readonly clock: VirtualClock;
  readonly alice: Person;
  /** Turns the clock, `step` at a time (as long as one mix when not given), until it holds. */
  until(holds: () => boolean | Promise<boolean>, step?: number): Promise<void>;
  /** Lets so much time go by, and what happens in it. */
  pass(time: number, step?: number): Promise<void>;
  /** Resolves when no remailer that runs holds a packet. */
  empty(): Promise<void>;
  /** The texts that bob can read in his mail, and `?` for what he cannot. */
  bobReads(): Promise<string[]>;
  /** A packet for bob with each of these texts, over remailers such as `Amber,Birch:Cedar`. */
  letters(texts: readonly string[], path: string): Promise<Packet[]>;
  /** All figures of a remailer add up: nothing is lost without a word. */
  addsUp(node: TestnetNode): boolean;
}

export async function openTestNetwork(
  names: readonly string[],
  changes: Readonly<Record<string, unknown>> = {},
): Promise<TestNetwork> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-network-'));
  const clock = new VirtualClock(startOfDay(Date.now()) + 9 * HOUR);
  const net = await Testnet.open({ folder, clock, log: silentLog, names, changes, generate: readyKeys() });
  const [home, bobsHome] = [await net.home('alice'), await net.home('bob')];
  const network: TestNetwork = {
    net,
    clock,
    alice: new Person(home, clock),
    async until(holds, step = 2 * MINUTE) {
      for (let turn = 0; turn < MOST_TURNS; turn += 1) {
        await wait(BREATH);
        if (await holds()) return;
        await clock.advance(step);
      }
      throw new Error(`what was waited for does not come about: ${holds}`);
    },
    async pass(time, step = 2 * MINUTE) {
      const end = clock.now() + time;
      while (clock.now() < end) {
        await clock.advance(Math.min(step, end - clock.now()));
        await wait(BREATH);
      }
    },
    empty: () =>
      network.until(() =>
        net.nodes.every(({ running, figures }) => !running || Object.values(figures.held).every((held) => held === 0)),
      ),
    async bobReads() {
      await using client = await Mix3Client.open({ folder: join(bobsHome, 'mix'), clock });
      const texts: string[] = [];
      for (const mail of await net.mail.mails('bob'))
        for (const reading of await client.read(mail))
          texts.push(reading.kind === 'message' ? reading.message.toString().trim() : '?');
      return texts;
    },
    async letters(texts, path) {
      await using client = await Mix3Client.open({ folder: join(home, 'mix'), clock });
      await client.updateDirectory();
      const packets: Packet[] = [];
      for (const message of texts)
        packets.push(...(await client.compose({ message, to: parseAddress('mbox:bob'), path })));
      return packets;
    },
    addsUp({ figures: { accepted, forwarded, delivered, dropped, held } }) {
      const sum = (parts: Readonly<Record<string, number>>) => Object.values(parts).reduce((a, b) => a + b, 0);
      return accepted === forwarded + delivered + sum(dropped) + sum(held);
    },
    async [Symbol.asyncDispose]() {
      await net[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return network;
}

/** Hands packets to a remailer as any peer does, over one connection; what it says to each. */
export async function handIn(
  node: TestnetNode,
  packets: readonly Pick<Packet, 'bytes'>[],
  clock: VirtualClock,
): Promise<string[]> {
  const connection = new MmtpConnection({ ...node.at, keyId: node.keyId }, { clock, timeout: HOUR });
  try {
    await connection.connect();
    const said = await Promise.all(packets.map(({ bytes }) => connection.deliver(bytes)));
    return said;
  } finally {
    connection.destroy();
  }
}
