// What server-handle-incoming-mail does: finds the command for each recipient, runs it with a copy of the message, and says what became of it.
// spec: ima 1.3, 2.3, 2.6

import { sha256 } from '../crypto/hash.ts';
import { type Letter, withHeaders } from './letter.ts';
import type { Route, RoutingTable } from './routing/table.ts';
import { recipientLine } from './wire/imdp.ts';
import { type Head, type Header, recipientsOf } from './wire/message.ts';
import { distinctAddresses, hostOf, sameForm } from './wire/names.ts';

/** 0 all stored, 1 none, 2 some. */
export type Outcome = 0 | 1 | 2;

/** Runs the command of one address; true when it took the message. */
export type Runner = (route: Route, letter: Letter, line: (octets: Buffer) => Promise<void>) => Promise<boolean>;

/** Which messages were stored for whom, by digests. */
export interface Seen {
  has(key: Uint8Array): Promise<boolean>;
  add(key: Uint8Array): Promise<void>;
}

export interface Handling {
  readonly letter: Letter;
  /** The hostpart that the sending server proved; undefined where nobody did, and nothing is taken for a duplicate. */
  readonly sender: string | undefined;
  readonly hostparts: readonly string[];
  readonly table: RoutingTable;
  /** Serve the good recipients though others are unknown.   spec: ima 2.3 */
  readonly lenient: boolean;
  readonly seen: Seen | undefined;
  run: Runner;
  say(line: string): Promise<void>;
}

export async function handleIncoming(handling: Handling): Promise<Outcome> {
  const { letter, hostparts, table, lenient, say } = handling;
  const recipients = distinctAddresses(recipientsOf(letter.head));
  const unknown = await table.missing(recipients.filter((address) => isOurs(address, hostparts)));
  if (unknown.length > 0) await say(`NORECIPIENT ${unknown.join(' ')}`); // spec: ima 1.3
  if (unknown.length > 0 && !lenient) return 1;
  const outcomes = unknown.map(() => false);
  const done = new Map<string, boolean>();
  for (const address of recipients) {
    const routes = await table.routes(address);
    if (routes === undefined) continue;
    const stored: boolean[] = [];
    for (const route of routes) {
      const form = sameForm(route.address);
      const before = done.get(form);
      const now = before ?? (await serve(handling, address, route));
      done.set(form, now);
      stored.push(now);
    }
    const all = stored.every(Boolean);
    outcomes.push(all);
    await say(`${all ? 'OK' : 'FAIL'} ${address}`);
  }
  return outcomeOf(outcomes);
}

/** All done: 0. None, or nothing to do: 1. Some: 2. */
export function outcomeOf(outcomes: readonly boolean[]): Outcome {
  if (!outcomes.includes(true)) return 1;
  return outcomes.includes(false) ? 2 : 0;
}

export function isOurs(address: string, hostparts: readonly string[]): boolean {
  return hostparts.includes(hostOf(address));
}

/** The message as one recipient gets it: others in `bcc` stay hidden.   spec: ima 2.3 */
function copyFor(letter: Letter, recipient: string): Letter {
  return withBcc(letter, (address) => sameForm(address) === sameForm(recipient));
}

/** The message with those of its `bcc` alone that `keep` lets through. */
export function withBcc(letter: Letter, keep: (address: string) => boolean): Letter {
  const { headers, bcc } = letter.head;
  const kept = bcc.filter(keep);
  if (kept.length === bcc.length) return letter;
  const change = (header: Header): Header[] => {
    if (header.name !== 'bcc') return [header];
    return kept.length === 0 ? [] : [{ name: 'bcc', value: kept.join(', ') }];
  };
  return withHeaders(letter, headers.flatMap(change));
}

async function serve(handling: Handling, recipient: string, route: Route): Promise<boolean> {
  const { letter, sender, seen, run, say } = handling;
  const key = sender === undefined ? undefined : duplicateKey(sender, letter.head, route.address);
  if (key !== undefined && (await seen?.has(key))) return true; // spec: ima 2.3
  const stored = await run(route, copyFor(letter, recipient), async (octets) => say(recipientLine(octets)));
  if (stored && key !== undefined) await seen?.add(key);
  return stored;
}

/** The hostpart belongs to it: nobody suppresses a message of another by using its id first.   spec: ima 2.3 */
function duplicateKey(sender: string, { id }: Head, address: string): Buffer {
  return sha256(Buffer.from(`${sender.toLowerCase()}\n${id.toLowerCase()}\n${sameForm(address)}`));
}
