// What a test network shows of itself: a packet followed hop by hop, a long message in parts, and an answer to somebody
// whom the answerer does not know.

import { type Random, shuffle } from '../../base/random.ts';
import type { Packet } from '../client/packet.ts';
import { parseAddress } from '../client/paths.ts';
import { follow, type Step, wayOf } from './footprints.ts';
import { DOMAIN } from './mailroom.ts';
import { Person } from './person.ts';
import type { Testnet } from './testnet.ts';

const LETTER = 'The gate at the back is open tonight. Come alone.\n';
const ANSWER = 'I shall be there. Who are you?\n';
const HALF = 3;
/** More than three packets hold. */
const LONG = 100_000;

/** What happened, in the order in which it did. */
export type StoryEvent =
  /** Something is about to happen. */
  | { readonly event: 'act'; readonly title: string }
  /** A packet, before it leaves: the nicknames on its way, the two halves apart. */
  | { readonly event: 'way'; readonly from: string; readonly legs: readonly string[][]; readonly to: string }
  /** A remailer has taken the packet: durable, and in its pool until it mixes. `after` is in milliseconds of the network. */
  | {
      readonly event: 'hop';
      readonly place: number;
      readonly remailer: string;
      readonly task: Step['task'];
      readonly digest: string;
      readonly after: number;
    }
  | { readonly event: 'sent'; readonly packets: number; readonly octets: number }
  | { readonly event: 'arrived'; readonly user: string; readonly octets: number; readonly after: number }
  | { readonly event: 'read'; readonly user: string; readonly text: string };

export interface Stage {
  readonly net: Testnet;
  readonly random: Random;
  /** Homes of alice and bob. */
  readonly homes: { readonly alice: string; readonly bob: string };
  readonly signal: AbortSignal;
  tell(event: StoryEvent): void;
}

type Act = (stage: Stage, alice: Person, bob: Person) => Promise<void>;

/** Plays these acts, or all. Rejects when something does not arrive before the signal is aborted, or is not what was sent. */
export async function playStory(stage: Stage, acts: readonly Act[] = [onePacket, longMessage, answer]): Promise<void> {
  const { net, homes } = stage;
  const [alice, bob] = [new Person(homes.alice, net.clock), new Person(homes.bob, net.clock)];
  for (const play of acts) await play(stage, alice, bob);
}

/** One letter over three plus three remailers, followed: the only place where anybody can. */
export async function onePacket(stage: Stage, alice: Person, bob: Person): Promise<void> {
  const { net, tell } = stage;
  tell({
    event: 'act',
    title: 'Alice writes to Bob. Her letter is one packet, and goes through three plus three remailers.',
  });
  const path = shuffle(
    stage.random,
    net.nodes.map(({ nickname }) => nickname),
  ).slice(0, 2 * HALF);
  const legs = [path.slice(0, HALF), path.slice(HALF)];
  const to = parseAddress('mbox:bob');
  const [packet] = await alice.compose({ message: LETTER, to, path: legs.map((leg) => leg.join(',')).join(':') });
  if (packet === undefined) throw new Error('a letter has a packet');
  tell({ event: 'way', from: 'alice', legs, to: 'bob' });
  const [mail] = await arrive(stage, 'bob', () => sendFollowed(stage, alice, packet));
  await readAs(stage, bob, 'bob', mail, LETTER);
}

/** A message in many packets, each by a way of its own; one exit puts it together. */
async function longMessage(stage: Stage, alice: Person, bob: Person): Promise<void> {
  const { random, tell } = stage;
  tell({
    event: 'act',
    title: 'Alice sends something long. Each packet takes a way of its own; the last remailer puts them together.',
  });
  const long = random.bytes(LONG).toString('base64').slice(0, LONG);
  const packets = await alice.compose({ message: long, to: parseAddress(`bob@${DOMAIN}`) });
  tell({ event: 'sent', packets: packets.length, octets: long.length });
  const [mail] = await arrive(stage, 'bob', () => alice.send(packets));
  await readAs(stage, bob, 'bob', mail, long);
}

/** Bob answers through a reply block, and does not learn whom. */
export async function answer(stage: Stage, alice: Person, bob: Person): Promise<void> {
  const { tell } = stage;
  tell({
    event: 'act',
    title: 'Bob has a reply block of Alice’s. He answers through it, and does not learn where to.',
  });
  const [made] = await alice.surbs({ count: 1, address: parseAddress(`alice@${DOMAIN}`) });
  if (made === undefined) throw new Error('a reply block was asked for');
  const packets = await bob.compose({ message: ANSWER, to: [made.surb] });
  tell({ event: 'sent', packets: packets.length, octets: ANSWER.length });
  const [mail] = await arrive(stage, 'alice', () => bob.send(packets));
  await readAs(stage, alice, 'alice', mail, ANSWER);
}

async function sendFollowed({ net, tell }: Stage, sender: Person, packet: Packet): Promise<void> {
  const first = net.nodes.find(({ at }) => at.port === packet.firstHop.port);
  if (first === undefined) throw new Error('the packet is for another network');
  const begun = net.clock.now();
  const steps = wayOf(net, packet.bytes, first);
  const seen = Promise.withResolvers<void>();
  const end = follow(steps, (step) => {
    const place = steps.indexOf(step);
    const { node, task, digest } = step;
    tell({ event: 'hop', place: place + 1, remailer: node.nickname, task, digest, after: net.clock.now() - begun });
    if (place === steps.length - 1) seen.resolve();
  });
  await sender.send([packet]);
  void seen.promise.then(end);
}

/** What comes for `user` because of `work`. */
async function arrive({ net, signal, tell }: Stage, user: string, work: () => Promise<void>): Promise<Buffer[]> {
  const before = await net.mail.mails(user);
  const begun = net.clock.now();
  await work();
  const mails = (await net.mail.next(user, before.length, signal)).slice(before.length);
  const octets = mails.reduce((sum, mail) => sum + mail.length, 0);
  tell({ event: 'arrived', user, octets, after: net.clock.now() - begun });
  return mails;
}

async function readAs({ tell }: Stage, reader: Person, user: string, mail: Buffer | undefined, sent: string) {
  const [reading] = mail === undefined ? [] : await reader.read(mail);
  const text = reading?.kind === 'message' ? reading.message.toString() : '';
  if (text.trim() !== sent.trim()) throw new Error(`what ${user} reads is not what was sent`);
  tell({ event: 'read', user, text });
}
