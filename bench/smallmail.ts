// SmallMail as its users load it: durable messages through the real TLS server, listing, and connections that wait.

import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { dial } from '../src/net/dial.ts';
import { openSqliteStore } from '../src/store/sqlite/open.ts';
import type { Store } from '../src/store/store.ts';
import { tlsTo } from '../test/support/counter.ts';
import { makeDataFolder, type OfficeProcess, startOffice } from '../test/support/office.ts';
import { looksSealed, makePerson, type Person } from '../test/support/pgp.ts';
import { type Bench, median, percentile, type Report, stopwatch } from './harness.ts';
import { rawSyncsPerSecond } from './raw-sync.ts';

const MESSAGE = 4096;
const ROUNDS = 5;
const ROUND_MS = 1500;
const SENDERS = [1, 8, 32];
const IDLE = 2000;
const PAGE = 100;
const NO_LIMITS = `
[smallmail]
create_rate = "100000/s"
send_rate = "1000000/s"
mailbox_rate = "1000000/s"
mailbox_messages = 10000000
mailbox_size = "100 GiB"
total_size = "100 GiB"
connections = 10000
connections_per_address = 10000
`;

export const bench: Bench = {
  about: 'durable 4 KiB messages over TLS beside raw fsync, listing 1 k and 100 k messages, memory of idle connections',
  async run(report) {
    await using folder = await makeDataFolder(NO_LIMITS);
    const office = await startOffice(folder.path);
    try {
      await sending(office, report);
      await idling(office, report);
    } finally {
      await office.end('SIGTERM');
    }
    await listing(report);
  },
};

async function sending(office: OfficeProcess, report: Report): Promise<void> {
  const port = office.port('SmallMail');
  for (const senders of SENDERS) {
    const who = senders === 1 ? '1 sender' : `${senders} senders`;
    const people = await Promise.all(Array.from({ length: senders }, () => makePerson()));
    const syncs: number[] = [];
    const rates: number[] = [];
    const times: number[] = [];
    for (let round = 1; round <= ROUNDS; round += 1) {
      report.progress(`${who}, round ${round} of ${ROUNDS}`);
      // In turns, so that a slow spell of the disk meets both sides.
      syncs.push(await rawSyncsPerSecond(MESSAGE, ROUND_MS));
      const elapsed = stopwatch();
      const sent = (await Promise.all(people.map((person) => sendFor(ROUND_MS, port, person)))).flat();
      rates.push((sent.length * 1000) / elapsed());
      times.push(...sent);
    }
    const [value, limit] = [median(rates), median(syncs)];
    report.figure({ name: `messages, ${who}, beside raw fsync`, value, unit: '/s', limit, ratio: value / limit });
    report.figure({ name: `SEND to RCVD, ${who}, p50`, value: percentile(times, 50), unit: 'ms' });
    report.figure({ name: `SEND to RCVD, ${who}, p99`, value: percentile(times, 99), unit: 'ms' });
  }
}

/**
 * Sends to one mailbox, one message after another, and gives the milliseconds from each SEND to its RCVD. It is as lean as can be (the
 * announced octets go in one record with their line, which a server must take), since it shares the machine with the server.
 */
async function sendFor(ms: number, port: number, { key, mailbox }: Person): Promise<number[]> {
  const socket = await tlsTo(port);
  const body = looksSealed(MESSAGE); // of this round: the octets below tell its messages apart
  const announce = Buffer.from(`BODY ${MESSAGE}\n`);
  const send = `SEND ${mailbox} ${MESSAGE}\n`;
  const times: number[] = [];
  socket.setNoDelay(true);
  socket.write(Buffer.concat([Buffer.from(`CRID ${key.length}\n`), key]));
  const all = stopwatch();
  let one: (() => number) | undefined;
  for await (const answer of socket) {
    const [letter] = String(answer);
    if (letter === 'A') {
      body.writeUInt32BE(times.length, MESSAGE - 4); // no two alike
      socket.write(Buffer.concat([announce, body]));
      continue;
    }
    if (one !== undefined) times.push(one());
    if ((letter !== 'R' && letter !== 'I') || all() > ms) break; // RCVD, IDCR; anything else is a failure
    one = stopwatch();
    socket.write(send);
  }
  socket.destroy();
  if (all() < ms) throw new Error('the server does not take what it should');
  return times;
}

async function idling(office: OfficeProcess, report: Report): Promise<void> {
  report.progress(`${IDLE} idle connections`);
  const resident = () => {
    const status = readFileSync(`/proc/${office.child.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]);
  };
  const port = office.port('SmallMail');
  const one = await dial({ to: { host: '127.0.0.1', port } });
  await wait(1000);
  const before = resident();
  const idle = [];
  for (let made = 0; made < IDLE; made += 50) {
    const batch = Array.from({ length: 50 }, () => dial({ to: { host: '127.0.0.1', port } }));
    idle.push(...(await Promise.all(batch)));
  }
  await wait(2000);
  report.figure({
    name: `resident memory per idle TLS connection (${IDLE})`,
    value: (resident() - before) / IDLE,
    unit: 'KiB',
  });
  for (const connection of [one, ...idle]) connection.destroy();
}

async function listing(report: Report): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-bench-'));
  const store = await openSqliteStore({ file: join(folder, 'mail.sqlite') });
  const times: number[] = [];
  for (const messages of [1000, 100_000]) {
    report.progress(`filling a mailbox with ${messages} messages`);
    const id = `bench/${messages}`;
    await fill(store, id, messages);
    const { messages: first } = await store.messages.page(id, { limit: 1 });
    const middle = (first[0]?.uid ?? 0) + messages / 2;
    const samples: number[] = [];
    for (let round = 0; round < 500; round += 1) {
      const one = stopwatch();
      await store.messages.page(id, { after: middle, limit: PAGE });
      samples.push(one());
    }
    times.push(percentile(samples, 50));
    report.figure({ name: `page of ${PAGE} of ${messages} messages, p50`, value: percentile(samples, 50), unit: 'ms' });
    report.figure({ name: `page of ${PAGE} of ${messages} messages, p99`, value: percentile(samples, 99), unit: 'ms' });
  }
  const [small = 1, large = 1] = times;
  report.figure({
    name: 'page of 100 k beside page of 1 k',
    value: large,
    unit: 'ms',
    limit: small,
    ratio: large / small,
  });
  await store.close();
  await rm(folder, { recursive: true });
}

async function fill(store: Store, id: string, messages: number): Promise<void> {
  await store.mailboxes.create({ id, quota: { bytes: 1e12, messages: 1e9 } });
  for (let made = 0; made < messages; made += 1000) {
    const batch = Array.from({ length: 1000 }, () => store.messages.append(id, { body: Buffer.alloc(64), arrived: 0 }));
    await Promise.all(batch);
  }
}
