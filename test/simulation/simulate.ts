// Weeks of a remailer network in seconds: the node of the product fifty times over, on one clock that is turned by hand, with
// everything going wrong that can; then some days of calm in which all must come to its end.

import { DAY, HOUR, MINUTE, SECOND, VirtualClock } from '../../src/base/time.ts';
import type { RsaPrivateKey } from '../../src/crypto/rsa.ts';
import { RELAY_WAITS } from '../../src/mixminion/node/outgoing/retry.ts';
import type { NodeSettings } from '../../src/mixminion/node/parts.ts';
import { STRATEGIES } from '../../src/mixminion/pool/strategy.ts';
import { readyKeys } from '../support/mixminion-keys.ts';
import { type Chance, chanceOf } from './chance.ts';
import { Ledger } from './ledger.ts';
import { roughNetwork } from './network.ts';
import { Remailer, SYNC, type World } from './remailer.ts';
import { type Kind, Traffic } from './traffic.ts';

const KEY_PERIOD = 10 * DAY;
/** Longer than any next hop is waited for. */
const CALM_DAYS = 8;
const TROUBLES = { lost: 0.05, unanswered: 0.05, copied: 0.03 };
const EXIT_FAILURES = 0.2;
const MEAN_UPTIME = 2 * DAY;
const MEAN_DOWNTIME = 2 * HOUR;
const LONGEST_DOWNTIME = 12 * HOUR;
/** How likely the power fails as something is being written. */
const CRASH_WHILE_WRITING = 1 / 60;
/** Small enough that a remailer is full now and then. */
const SPOOL_SIZE = 512 * 1024;

export interface SimulationOptions {
  readonly seed: number;
  readonly remailers: number;
  /** In which messages are sent. */
  readonly days: number;
  readonly messages: number;
}

export interface Outcome {
  /** Rules that were broken, in words. Empty when all is well. */
  readonly breaches: readonly string[];
  readonly sent: ReadonlyMap<Kind, number>;
  readonly arrived: number;
  readonly crashes: number;
  readonly copies: number;
  readonly drops: ReadonlyMap<string, number>;
  /** Days of simulated time. */
  readonly days: number;
  /** Digest of all that happened. */
  readonly story: string;
}

export async function simulate({ seed, remailers, days, messages }: SimulationOptions): Promise<Outcome> {
  const clock = new VirtualClock();
  const ledger = new Ledger();
  const network = roughNetwork(clock, chanceOf(seed, 'network'), ledger, TROUBLES);
  const keys = await simulatedKeys();
  const [oldKey, ...inForce] = keys;
  if (oldKey === undefined) throw new Error('there are keys');
  const nodes = Array.from({ length: remailers }, (_, index) => {
    const chance = chanceOf(seed, `remailer ${index}`);
    const world: World = { clock, network, ledger, chance, exitFailures: EXIT_FAILURES };
    const host = `r${index}.example.net`;
    const address = { form: 'host', host, port: 48099, keyId: Buffer.alloc(20, `${host} `) } as const;
    const own = inForce.map((_, age) => inForce[(3 * index + age) % inForce.length] as RsaPrivateKey);
    return new Remailer(world, address, {
      settings: settingsOf(index, chance),
      plan: { keys: own, period: KEY_PERIOD, since: clock.now() },
    });
  });
  const traffic = new Traffic({
    clock,
    chance: chanceOf(seed, 'traffic'),
    ledger,
    carrier: network.carrier(),
    nodes: () => nodes.map((node) => node.pathNode),
    oldKey: oldKey.publicKey,
  });

  for (const node of nodes) void node.start();
  const trouble = makeTrouble(nodes, clock, chanceOf(seed, 'trouble'));
  every(clock, HOUR, () => {
    for (const node of nodes) node.check();
  });
  every(clock, KEY_PERIOD, () => {
    for (const node of nodes) void node.renewKeys();
  });
  const times = chanceOf(seed, 'times');
  const sendAll = (left: number) => {
    if (left === 0) return;
    clock.timer(times.between(0, (2 * days * DAY) / messages), () => {
      traffic.send();
      sendAll(left - 1);
    });
  };
  sendAll(messages);
  await clock.advance(days * DAY);
  while (ledger.messages.length < messages) await clock.advance(HOUR);

  trouble.end();
  network.calmDown();
  for (const node of nodes) {
    void node.start();
    node.use({ pool: { strategy: 'timed', interval: 2 * HOUR, minimum: 0, rate: 1 } });
  }
  await clock.advance(CALM_DAYS * DAY);

  const drops = new Map<string, number>();
  for (const node of nodes) {
    node.check();
    if (!node.isUp) ledger.breach(`${node.name} did not start again`);
    const { held, dropped } = node.figures ?? {};
    if (held && held.arrived + held.pool + held.outgoing + node.waiting > 0)
      ledger.breach(`${node.name} still has ${JSON.stringify(held)} and ${node.waiting} at its exits`);
    for (const [reason, count] of [...node.drops, ...Object.entries(dropped ?? {})])
      drops.set(reason, (drops.get(reason) ?? 0) + count);
  }
  for (const { number, what, fate, accepted, arrivedAt } of ledger.messages) {
    if (!accepted) ledger.breach(`message ${number} (${what}) was never taken`);
    if (fate.kind === 'arrives' && arrivedAt === undefined) ledger.breach(`message ${number} (${what}) never arrived`);
  }
  if (traffic.pingsLost > 0) ledger.breach(`${traffic.pingsLost} pings did not return`);
  const { counts: sent } = traffic;
  for (const [reason, least] of Object.entries(leastDrops(sent)))
    if ((drops.get(reason) ?? 0) < least) ledger.breach(`fewer than ${least} were dropped as ${reason}`);
  for (const reason of drops.keys())
    if (!Object.hasOwn(leastDrops(sent), reason)) ledger.breach(`something was dropped as ${reason}`);

  const arrived = ledger.messages.filter(({ arrivedAt }) => arrivedAt !== undefined).length;
  const { breaches, story } = ledger;
  return {
    breaches,
    sent,
    arrived,
    crashes: trouble.crashes,
    copies: network.copies,
    drops,
    days: days + CALM_DAYS,
    story,
  };
}

/** Why something may be dropped, and how often it must be. */
function leastDrops(sent: ReadonlyMap<Kind, number>): Record<string, number> {
  const of = (kind: Kind) => sent.get(kind) ?? 0;
  return {
    replay: of('used reply block'),
    drop: of('dummy'),
    ping: of('ping'),
    'no-module': of('no module'),
    unreachable: of('nowhere'),
    undecryptable: of('old key'),
    digest: 0,
  };
}

/** Of all that the vectors have. Simulated remailers share them, as making keys takes its time and cannot be repeated. */
async function simulatedKeys(): Promise<RsaPrivateKey[]> {
  const next = readyKeys();
  const keys = new Map<string, RsaPrivateKey>();
  for (let key = await next(2048); !keys.has(key.publicKey.digest.toString('hex')); key = await next(2048))
    keys.set(key.publicKey.digest.toString('hex'), key);
  return [...keys.values()];
}

function settingsOf(index: number, chance: Chance): NodeSettings {
  const strategy = STRATEGIES[index % STRATEGIES.length] ?? 'timed';
  const interval = Math.round(chance.between(20, 60)) * MINUTE;
  return { pool: { strategy, interval, minimum: 2, rate: 0.6 }, retry: RELAY_WAITS, spoolSize: SPOOL_SIZE };
}

/** Remailers crash or are stopped, often as they write, and come back later; some crash again as they do. */
function makeTrouble(nodes: readonly Remailer[], clock: VirtualClock, chance: Chance) {
  let crashes = 0;
  let isOver = false;
  const lateron = (ms: number, what: () => void) => clock.timer(ms, () => isOver || what());
  const goDown = (node: Remailer) => {
    if (!node.isOn) return;
    if (chance.happens(0.25)) void node.stop();
    else {
      crashes += 1;
      node.crash();
    }
    lateron(Math.min(LONGEST_DOWNTIME, chance.about(MEAN_DOWNTIME)), () => comeBack(node));
  };
  const comeBack = (node: Remailer) => {
    void node.start();
    lateron(chance.happens(0.2) ? chance.about(SECOND / 4) : chance.about(MEAN_UPTIME), () => goDown(node));
  };
  for (const node of nodes) {
    lateron(chance.about(MEAN_UPTIME), () => goDown(node));
    node.beforeWriting = () => {
      if (chance.happens(CRASH_WHILE_WRITING)) lateron(chance.about(SYNC), () => goDown(node));
    };
  }
  return {
    end: () => {
      isOver = true;
    },
    get crashes() {
      return crashes;
    },
  };
}

function every(clock: VirtualClock, ms: number, what: () => void): void {
  clock.timer(ms, () => {
    what();
    every(clock, ms, what);
  });
}
