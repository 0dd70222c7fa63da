// A nymserver and nymholders with a mix between them that is nothing but delay and loss: each packet takes some hours, and some
// never arrive. All of it on one clock that is turned by hand.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemRandom } from '../../src/base/random.ts';
import { DAY, HOUR, SECOND } from '../../src/base/time.ts';
import type { RsaPrivateKey } from '../../src/crypto/rsa.ts';
import { RoutingType } from '../../src/mixminion/packet/routing.ts';
import { createSurb, type Surb, surbDigest } from '../../src/mixminion/packet/surb.ts';
import { encodeMessage } from '../../src/mixminion/payload/encode.ts';
import { parsePayload } from '../../src/mixminion/payload/payload.ts';
import type { HolderParts } from '../../src/nym/holder/desk.ts';
import { NymFolder } from '../../src/nym/holder/folder.ts';
import { Nymholder } from '../../src/nym/holder/holder.ts';
import { readHolderMessage } from '../../src/nym/messages/to-holder.ts';
import { readServerMessage } from '../../src/nym/messages/to-server.ts';
import type { Limits } from '../../src/nym/server/desk.ts';
import { chanceOf } from '../simulation/chance.ts';
import { readyKeys } from './mixminion-keys.ts';
import { DOMAIN, openTestNymserver, type TestNymserver } from './nym.ts';

/** One packet's way through the mix. */
const SHORTEST = HOUR;
const LONGEST = 8 * HOUR;
const SURB_LIFE = 10 * DAY;

export interface MixedNyms extends AsyncDisposable {
  readonly on: TestNymserver;
  /** How likely a packet is lost, either way. */
  loss: number;
  /** While it is set, the first message of each kind is lost, either way: those of one kind have the same commands. */
  losesFirst: boolean;
  /** The kinds of which one was lost so, such as `POLICY` or `CREATE NEWPK SURB`. */
  readonly kindsLost: ReadonlySet<string>;
  /** While it is set, nothing arrives anywhere; afterwards what was sent then does. */
  outage: boolean;
  /** While it is set, no nymholder looks at anything. */
  away: boolean;
  /** What was seen of the rules: a reply block used twice, two nyms' reply blocks in one message. */
  readonly breaches: string[];
  readonly packets: { readonly toServer: number; readonly toHolders: number; readonly lost: number };
  /** Somebody who wants a nym of that name; nothing is sent yet. `label` tells two apart who want the same. */
  holder(name: string, label?: string): Promise<Nymholder>;
  folderOf(holder: Nymholder): string;
  /** The nymholder looks at things: what came is taken, what is due is said. */
  tend(holder: Nymholder): Promise<void>;
  /** Ordinary mail from outside; resolves to what the gateway would answer. */
  mail(nym: string, subject: string, size?: number): ReturnType<TestNymserver['server']['addresses']['deliver']>;
  /** Lets time pass; each holder tends his nym every six hours or so. */
  pass(ms: number): Promise<void>;
}

interface OnItsWay {
  readonly at: number;
  arrive(): Promise<unknown>;
}

export async function openMixedNyms(seed: number, limits: Partial<Limits> = {}): Promise<MixedNyms> {
  const chance = chanceOf(seed, 'nyms');
  const folder = await mkdtemp(join(tmpdir(), 'postern-nyms-'));
  const holders: { readonly holder: Nymholder; readonly inbox: Buffer[] }[] = [];
  const owners = new Map<string, { readonly label: string; readonly inbox: Buffer[] }>();
  const used = new Set<string>();
  const breaches: string[] = [];
  const kindsLost = new Set<string>();
  const packets = { toServer: 0, toHolders: 0, lost: 0 };
  let underWay: OnItsWay[] = [];
  const nextKey = readyKeys();
  const surbKey = readyKeys();

  const travel = (arrive: OnItsWay['arrive']) => {
    underWay.push({ at: on.clock.now() + chance.between(SHORTEST, LONGEST), arrive });
  };
  const isLost = (words: ReadonlySet<string>) => {
    const kind = [...words].sort().join(' ');
    const first = mixed.losesFirst && !kindsLost.has(kind);
    if (first) kindsLost.add(kind);
    const lost = chance.happens(mixed.loss) || first;
    if (lost) packets.lost += 1;
    return lost;
  };

  const on = await openTestNymserver(limits, async (message, surbs) => {
    const payloads = encodeMessage(Buffer.concat([Buffer.from('\n'), message]), { overhead: 0, random: systemRandom });
    const labels = new Set<string>();
    const words = new Set(readHolderMessage(message).map(({ word }) => word));
    let arrived = 0;
    for (const [place] of payloads.entries()) {
      const digest = surbs[place] && surbDigest(surbs[place]);
      if (digest === undefined || used.has(digest)) breaches.push('a reply block was used twice, or was none');
      used.add(digest ?? '');
      labels.add(owners.get(digest ?? '')?.label ?? 'nobody');
      packets.toHolders += 1;
      if (!isLost(words)) arrived += 1;
    }
    if (labels.size !== 1) breaches.push(`one message went to ${[...labels].join(' and ')}`);
    const [first] = payloads;
    const found = first && parsePayload(first);
    const needed = found?.kind === 'fragment' ? Math.ceil(payloads.length / (4 / 3)) : 1;
    const inbox = owners.get(surbs[0] ? surbDigest(surbs[0]) : '')?.inbox;
    if (arrived >= needed) travel(async () => inbox?.push(message));
  });

  const tells = (message: Buffer, { record }: Nymholder, label: string) => {
    for (const name of [record.label, record.nym ?? record.label, ...record.mails.map(({ id }) => id)]) {
      const octets = /^[0-9a-f]{40}$/.test(name) ? Buffer.from(name, 'hex') : Buffer.from(name);
      if (message.includes(octets)) breaches.push(`a message of ${label} tells of ${record.label}`);
    }
  };

  const partsOf = async (label: string, inbox: Buffer[]): Promise<HolderParts> => ({
    folder: await NymFolder.open(join(folder, label)),
    clock: on.clock,
    random: systemRandom,
    generate: nextKey,
    mix: {
      surbs: async (identity, count) => {
        const key = await surbKey(2048);
        return Array.from({ length: count }, () => {
          const surb = makeSurb(key, on.clock.now() + SURB_LIFE);
          owners.set(surbDigest(surb), { label, inbox });
          if (!identity.endsWith(`@${DOMAIN}`)) breaches.push(`an identity is called ${identity}`);
          return surb;
        });
      },
      send: async (message) => {
        packets.toServer += 1;
        const { commands } = readServerMessage(message);
        for (const other of holders) if (other.holder.record.label !== label) tells(message, other.holder, label);
        if (!isLost(new Set(commands.map(({ word }) => word)))) travel(() => on.server.control(message));
      },
    },
  });

  const mixed: MixedNyms = {
    on,
    loss: 0,
    losesFirst: false,
    kindsLost,
    outage: false,
    away: false,
    breaches,
    packets,
    async holder(name, called = name) {
      const inbox: Buffer[] = [];
      const label = `${called}@${DOMAIN}`;
      const server = { domain: DOMAIN, node: 'Amber', mbox: undefined };
      const parts = await partsOf(label, inbox);
      const holder = await Nymholder.create(parts, { label, server, candidates: [name] });
      holders.push({ holder, inbox });
      return holder;
    },
    folderOf: (holder) => join(folder, holder.record.label),
    async tend(holder) {
      const inbox = holders.find((other) => other.holder === holder)?.inbox;
      for (const message of inbox?.splice(0) ?? []) await holder.take(message);
      await holder.tend();
    },
    mail(nym, subject, size = 500) {
      const text = systemRandom.bytes(size / 2).toString('hex'); // which shrinks to about half
      const message = Buffer.from(
        `Received: from out by in; today\nFrom: bob@example.org\nTo: ${nym}@${DOMAIN}\nSubject: ${subject}\n\n${text}\n`,
      );
      return on.server.addresses.deliver({ to: `${nym}@${DOMAIN}`, from: 'bob@example.org', message, via: 'smtp' });
    },
    async pass(ms) {
      const end = on.clock.now() + ms;
      while (on.clock.now() < end) {
        await on.pass(Math.min(3 * HOUR, end - on.clock.now()));
        if (!mixed.outage) {
          const due = underWay.filter(({ at }) => at <= on.clock.now());
          underWay = underWay.filter((other) => !due.includes(other));
          for (const { arrive } of due.sort((a, b) => a.at - b.at)) await arrive();
        }
        if (mixed.away) continue;
        for (const { holder } of holders) if (chance.happens(0.5)) await mixed.tend(holder);
      }
    },
    async [Symbol.asyncDispose]() {
      await on[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return mixed;
}

function makeSurb(key: RsaPrivateKey, until: number): Surb {
  const address = { form: 'host' as const, host: 'mix.test', port: 48099, keyId: Buffer.alloc(20, 1) };
  const exit = { routingType: RoutingType.MBOX, routingInfo: Buffer.from('someone') };
  const order = { path: [{ address, packetKey: key.publicKey }], exit, userKey: Buffer.alloc(20, 2) };
  const random = { seed: systemRandom, padding: systemRandom, oaep: systemRandom };
  return createSurb({ ...order, useBy: Math.floor(until / SECOND) }, random).surb;
}
