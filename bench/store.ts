// The embedded store: durable appends beside bare syncs of the disk, pages of small and large mailboxes, bodies in and out.

import { hash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DAY } from '../src/base/time.ts';
import type { MessageDraft } from '../src/store/messages.ts';
import { openSqliteStore } from '../src/store/sqlite/open.ts';
import type { Store } from '../src/store/store.ts';
import { type Bench, median, percentile, type Report, stopwatch } from './harness.ts';
import { rawSyncsPerSecond } from './raw-sync.ts';

const ROUNDS = 5;
const ROUND_MS = 700;
const BODY = Buffer.alloc(4096, 'body');
const CALLERS = [1, 8, 32, 128];
/** Callers who each write to a mailbox of their own, as a counter does: with a time to live and a key against duplicates. */
const SENDERS = 32;
const LIFE = 30 * DAY;
const AMPLE = { bytes: 1e12, messages: 1e9 };
const LARGE = 100_000;
const SMALL = 1000;
const PAGE = 100;
const PAGES = 200;
const LONG = 32 * 1024 * 1024;
const MIB = 1024 * 1024;

/** Who appends what: `draft` makes the next message, `mailbox` says where the caller puts it. */
interface Load {
  readonly name: string;
  readonly callers: number;
  mailbox(caller: number): string;
  draft(): MessageDraft;
}

let drafts = 0;
const LOADS: readonly Load[] = [
  ...CALLERS.map((callers) => ({
    name: `durable append of 4 KiB, ${callers} at once`,
    callers,
    mailbox: () => 'bench/append',
    draft: () => ({ body: BODY, arrived: 0 }),
  })),
  {
    name: `the same with expiry and key, ${SENDERS} at once, ${SENDERS} mailboxes`,
    callers: SENDERS,
    mailbox: (caller) => `bench/append/${caller}`,
    draft() {
      drafts += 1;
      const key = hash('sha256', `${drafts}`, 'buffer');
      return { body: BODY, arrived: drafts, expires: drafts + LIFE, once: { key, until: drafts + LIFE } };
    },
  },
];

/** Appends a second by the callers of `load`, each of whom waits for its own; the time each took goes to `times`. */
async function appendsPerSecond(store: Store, load: Load, times: number[]): Promise<number> {
  const elapsed = stopwatch();
  let appended = 0;
  await Promise.all(
    Array.from({ length: load.callers }, async (_, caller) => {
      const mailbox = load.mailbox(caller);
      while (elapsed() < ROUND_MS) {
        const one = stopwatch();
        const { status } = await store.messages.append(mailbox, load.draft());
        if (status !== 'stored') throw new Error(`not stored: ${status}`);
        times.push(one());
        appended += 1;
      }
    }),
  );
  return (appended * 1000) / elapsed();
}

async function benchAppends(store: Store, report: Report): Promise<void> {
  const syncs: number[] = [];
  const results = LOADS.map((load) => ({ load, rates: [] as number[], times: [] as number[] }));
  for (let round = 0; round < ROUNDS; round += 1) {
    report.progress(`appends, round ${round + 1} of ${ROUNDS}`);
    // In turns, so that a slow spell of the disk meets both sides.
    for (const { load, rates, times } of results) {
      syncs.push(await rawSyncsPerSecond(BODY.byteLength, ROUND_MS));
      rates.push(await appendsPerSecond(store, load, times));
    }
  }
  const limit = median(syncs);
  report.figure({ name: 'write and fsync of 4 KiB, bare file', value: limit, unit: '/s' });
  for (const { load, rates, times } of results) {
    const { name } = load;
    const value = median(rates);
    report.figure({ name, value, unit: '/s', limit, ratio: value / limit });
    report.figure({ name: `${name}: median time`, value: median(times), unit: 'ms' });
    report.figure({ name: `${name}: 99th percentile`, value: percentile(times, 99), unit: 'ms' });
  }
}

async function fill(store: Store, mailbox: string, messages: number): Promise<void> {
  await store.mailboxes.create({ id: mailbox, quota: AMPLE });
  const body = Buffer.alloc(200, 'short');
  const index = Buffer.alloc(100, 'entry');
  for (let left = messages; left > 0; left -= 500) {
    const some = Array.from({ length: Math.min(left, 500) }, () =>
      store.messages.append(mailbox, { body, index, arrived: 0 }),
    );
    await Promise.all(some);
  }
}

async function benchPages(store: Store, report: Report): Promise<void> {
  for (const messages of [SMALL, LARGE]) {
    report.progress(`a mailbox of ${messages} messages`);
    const mailbox = `bench/${messages}`;
    await fill(store, mailbox, messages);
    const last = (await store.mailboxes.get(mailbox))?.modseq ?? 0;
    const times: number[] = [];
    for (let i = 0; i < PAGES; i += 1) {
      const after = Math.floor(((last - PAGE) * i) / PAGES);
      const one = stopwatch();
      await store.messages.page(mailbox, { after, limit: PAGE });
      times.push(one());
    }
    const name = `page of ${PAGE} in a mailbox of ${messages}`;
    report.figure({ name, value: median(times), unit: 'ms' });
    report.figure({ name: `${name}: 99th percentile`, value: percentile(times, 99), unit: 'ms' });
  }
}

async function benchBodies(store: Store, report: Report): Promise<void> {
  report.progress('long bodies');
  const piece = Buffer.alloc(16 * 1024, 'piece');
  async function* network(): AsyncGenerator<Buffer> {
    for (let sent = 0; sent < LONG; sent += piece.length) yield piece;
  }
  const [taken, given]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    const arriving = stopwatch();
    const body = await store.messages.receive('bench/append', network());
    const appended = await store.messages.append('bench/append', { body, arrived: 0 });
    taken.push(LONG / MIB / (arriving() / 1000));
    if (appended.status !== 'stored') throw new Error(`not stored: ${appended.status}`);
    const leaving = stopwatch();
    const read = await store.messages.read('bench/append', appended.id);
    let octets = 0;
    for await (const chunk of read?.chunks ?? []) octets += chunk.length;
    if (octets !== LONG) throw new Error(`${octets} octets came back`);
    given.push(LONG / MIB / (leaving() / 1000));
  }
  report.figure({ name: 'body of 32 MiB in, durable', value: median(taken), unit: 'MiB/s' });
  report.figure({ name: 'body of 32 MiB out', value: median(given), unit: 'MiB/s' });
}

export const bench: Bench = {
  about: 'the embedded store: durable appends, pages, bodies',
  async run(report) {
    const folder = mkdtempSync(join(tmpdir(), 'postern-bench-'));
    const store = await openSqliteStore({ file: join(folder, 'store.db') });
    try {
      const senders = Array.from({ length: SENDERS }, (_, sender) => `bench/append/${sender}`);
      for (const id of ['bench/append', ...senders]) await store.mailboxes.create({ id, quota: AMPLE });
      await benchAppends(store, report);
      await benchPages(store, report);
      await benchBodies(store, report);
    } finally {
      await store.close();
      rmSync(folder, { recursive: true });
    }
  },
};
