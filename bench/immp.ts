// IMMP as its users load it: durable deliveries beside raw fsync, pages of mailboxes small and large, downloads beside raw TLS,
// and thousands who wait for something to happen.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as tlsConnect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { systemRandom } from '../src/base/random.ts';
import { askOffice } from '../src/cli/ask-office.ts';
import { idOf } from '../src/immp/accounts.ts';
import { uuidFrom } from '../src/immp/auth/secrets.ts';
import { deliver } from '../src/immp/client/deliver.ts';
import { type DerivedKey, logIn } from '../src/immp/client/log-in.ts';
import { check, fetchRaw, index, watch } from '../src/immp/client/mailbox.ts';
import { ImmpSession } from '../src/immp/client/session.ts';
import { messageFile, writeEntry } from '../src/immp/mail/message.ts';
import { spooled } from '../src/immp/spool.ts';
import { uuidOctets } from '../src/immp/watching.ts';
import { dialPlain } from '../src/net/dial.ts';
import { dataFolderAt } from '../src/office/data-folder.ts';
import { openSqliteStore } from '../src/store/sqlite/open.ts';
import { makeDataFolder, startOffice } from '../test/support/office.ts';
import { type Bench, median, percentile, type Report, stopwatch } from './harness.ts';
import { rawSyncsPerSecond } from './raw-sync.ts';

const RAW_TLS = fileURLToPath(new URL('./immp/raw-tls.ts', import.meta.url));
const DOMAIN = 'localhost';
const PASSWORD = 'only for this bench';
const ROUNDS = 5;
const ROUND_MS = 1000;
/** Rounds that do not count, while caches fill. */
const WARM_UP = 3;
const LETTER = 1024;
const SENDERS = [1, 8, 32];
const SMALL = 1000;
const LARGE = 100_000;
const PAGE = 50;
const BIG_MIB = 24;
const IDLE = 5000;
const WATCHERS = 1000;
/** Handshakes at once while thousands connect. */
const AT_ONCE = 32;
const NO_LIMITS = `
[immp]
domain = "${DOMAIN}"
deliver_rate = "1000000/s"
connections = 100000
connections_per_address = 100000
connections_per_account = 100000
message_size = "100 MiB"
mailbox_size = "100 GiB"
`;

const derived = new Map<string, DerivedKey>();
let port = 0;

export const bench: Bench = {
  about:
    'durable IMMP deliveries beside raw fsync; INDEX and CHECK in mailboxes of 1 k and 100 k messages; FETCH beside raw TLS; ' +
    '5,000 idle WATCH sessions',
  async run(report) {
    await using folder = await makeDataFolder(NO_LIMITS);
    for (const name of ['sender', 'reader', 'small', 'large', 'idle', 'watcher']) {
      await askOffice(folder.path, 'immp', 'account.add', { name, password: PASSWORD });
    }
    report.progress(`filling a mailbox with ${LARGE} messages`);
    await fill(folder.path, 'small', SMALL);
    await fill(folder.path, 'large', LARGE);
    const office = await startOffice(folder.path);
    port = office.port('IMMP');
    const raw = spawn(process.execPath, [RAW_TLS], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(raw.stdout, 'data');
    const rawTls = { port: Number(String(line)), pid: raw.pid ?? 0 };
    try {
      await delivering(report);
      await listing(report);
      await downloading(rawTls.port, report);
      await waiting(office.child.pid ?? 0, rawTls, report);
    } finally {
      raw.kill();
      await office.end('SIGTERM');
    }
  },
};

/** Messages straight into the closed store, as the counter would put them. */
async function fill(data: string, name: string, count: number): Promise<void> {
  const store = await openSqliteStore({ file: dataFolderAt(data).database });
  try {
    for (let done = 0; done < count; done += AT_ONCE * 8) {
      const some = Array.from({ length: Math.min(AT_ONCE * 8, count - done) }, async (_, place) => {
        const uuid = uuidFrom(systemRandom.bytes(16));
        const received = new Date(Date.UTC(2026, 0, 1) + (done + place) * 1000).toISOString();
        const to = `${name}@${DOMAIN}`;
        const envelope = {
          uuid,
          from: `sender@${DOMAIN}`,
          origin: DOMAIN,
          to,
          received,
          subject: `Letter ${done + place}`,
        };
        const data = spooled(Buffer.from('Good morning.'));
        const file = messageFile(envelope, [{ class: 'content', type: 'text/plain', name: 'part1', data }]);
        await store.messages.append(idOf(to), {
          body: Buffer.concat(await Array.fromAsync(file.chunks())),
          arrived: Date.parse(received),
          index: writeEntry(file),
          name: uuidOctets(uuid),
          flags: place % 3 === 0 ? [] : ['read'],
        });
      });
      await Promise.all(some);
    }
  } finally {
    await store.close();
  }
}

async function as(name: string): Promise<ImmpSession> {
  const connection = await dialPlain({ to: { host: '127.0.0.1', port } });
  const session = await ImmpSession.open(connection, { domain: DOMAIN });
  const account = { local: name, domain: DOMAIN };
  const key = await logIn(session, { account, derived: derived.get(name), password: async () => PASSWORD });
  if (key) derived.set(name, key);
  return session;
}

function letter(octets: Buffer) {
  return { type: 'application/octet-stream', size: octets.length, content: true, chunks: () => [octets] };
}

async function delivering(report: Report): Promise<void> {
  const to = { local: 'reader', domain: DOMAIN };
  const parts = [letter(systemRandom.bytes(LETTER))];
  for (const senders of SENDERS) {
    const sessions = await Promise.all(Array.from({ length: senders }, () => as('sender')));
    const [rates, syncs, times]: [number[], number[], number[]] = [[], [], []];
    for (let round = 1; round <= ROUNDS; round += 1) {
      report.progress(`deliveries, ${senders} sessions, round ${round} of ${ROUNDS}`);
      syncs.push(await rawSyncsPerSecond(LETTER, ROUND_MS)); // in turns, so that a slow spell of the disk meets both
      const elapsed = stopwatch();
      let count = 0;
      const run = async (session: ImmpSession) => {
        while (elapsed() < ROUND_MS) {
          const took = stopwatch();
          await deliver(session, { to, parts });
          times.push(took());
          count += 1;
        }
      };
      await Promise.all(sessions.map(run));
      rates.push((count * 1000) / elapsed());
    }
    await Promise.all(sessions.map((session) => session.quit()));
    const [value, limit] = [median(rates), median(syncs)];
    const who = senders === 1 ? '1 session' : `${senders} sessions`;
    report.figure({
      name: `deliveries of 1 KiB, ${who}, beside raw fsync`,
      value,
      unit: '/s',
      limit,
      ratio: value / limit,
    });
    report.figure({ name: `deliveries, ${who}, p50`, value: percentile(times, 50), unit: 'ms' });
    report.figure({ name: `deliveries, ${who}, p99`, value: percentile(times, 99), unit: 'ms' });
  }
}

async function listing(report: Report): Promise<void> {
  const boxes = [
    { name: 'small', session: await as('small') },
    { name: 'large', session: await as('large') },
  ] as const;
  const inbox = { folders: ['inbox'] };
  const works = {
    [`INDEX of ${PAGE}`]: async (session: ImmpSession) => void (await index(session, inbox, { limit: PAGE })),
    [`INDEX of ${PAGE} unread`]: async (session: ImmpSession) =>
      void (await index(session, { ...inbox, filter: 'unread' }, { limit: PAGE })),
    'CHECK +RECURSIVE': async (session: ImmpSession) => void (await check(session, { folders: [] }, true)),
  };
  for (const [what, work] of Object.entries(works)) {
    const times: Record<'small' | 'large', number[]> = { small: [], large: [] };
    for (let round = 0; round < 200; round += 1) {
      for (const { name, session } of boxes) {
        const took = stopwatch();
        await work(session);
        if (round >= 20) times[name].push(took());
      }
    }
    const limit = median(times.small);
    const value = median(times.large);
    report.figure({ name: `${what}, mailbox of ${SMALL}`, value: limit, unit: 'ms' });
    report.figure({
      name: `${what}, mailbox of ${LARGE}, beside that`,
      value,
      unit: 'ms',
      limit,
      ratio: value / limit,
    });
  }
  for (const { session } of boxes) await session.quit();
}

async function downloading(rawPort: number, report: Report): Promise<void> {
  const session = await as('reader');
  const to = { local: 'reader', domain: DOMAIN };
  const sent = await deliver(session, { to, parts: [letter(systemRandom.bytes(BIG_MIB * 1024 * 1024))] });
  const target = { folders: ['inbox'], uuid: sent.state === 'delivered' ? sent.id : '' };
  const [ours, rates]: [number[], number[]] = [[], []];
  for (let round = 1 - WARM_UP; round <= ROUNDS * 2; round += 1) {
    report.progress(`downloads, round ${round} of ${ROUNDS * 2}`);
    const elapsed = stopwatch();
    for await (const _piece of fetchRaw(session, target, { part: '1', markRead: false }));
    const took = elapsed();
    const raw = await rawDownload(rawPort);
    if (round < 1) continue;
    ours.push((BIG_MIB * 1000) / took);
    rates.push((BIG_MIB * 1000) / raw);
  }
  const [value, limit] = [median(ours), median(rates)];
  report.figure({ name: `FETCH of ${BIG_MIB} MiB beside raw TLS`, value, unit: 'MiB/s', limit, ratio: value / limit });
  await session.quit();
}

/** Milliseconds for as many octets. */
async function rawDownload(rawPort: number): Promise<number> {
  const socket = tlsConnect({ port: rawPort, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const elapsed = stopwatch();
  socket.write(Buffer.of(BIG_MIB));
  let left = BIG_MIB * 1024 * 1024;
  for await (const chunk of socket) {
    left -= (chunk as Buffer).length;
    if (left <= 0) break;
  }
  const took = elapsed();
  socket.destroy();
  return took;
}

async function waiting(office: number, rawTls: { port: number; pid: number }, report: Report): Promise<void> {
  const rawBefore = residentMemory(rawTls.pid);
  const sockets: ReturnType<typeof tlsConnect>[] = [];
  for (let count = 0; count < IDLE; count += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, IDLE - count) }, async () => {
      const socket = tlsConnect({ port: rawTls.port, host: '127.0.0.1', rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      sockets.push(socket);
    });
    await Promise.all(some);
  }
  await rest();
  const limit = (residentMemory(rawTls.pid) - rawBefore) / IDLE;
  for (const socket of sockets.splice(0)) socket.destroy();

  const before = residentMemory(office);
  const sessions: ImmpSession[] = [];
  let notices: (() => void) | undefined;
  const elapsed = stopwatch();
  const connectOne = async (name: string) => {
    const session = await as(name);
    sessions.push(session);
    const events = watch(session, [{ folders: ['inbox'] }]);
    await events.next();
    void (async () => {
      for await (const { event } of events) if (event === 'new') notices?.();
    })().catch(() => {});
  };
  for (let count = 0; count < IDLE; count += AT_ONCE) {
    report.progress(`${count} of ${IDLE} watchers`);
    const some = Array.from({ length: Math.min(AT_ONCE, IDLE - count) }, (_, place) =>
      connectOne(count + place < WATCHERS ? 'watcher' : 'idle'),
    );
    await Promise.all(some);
  }
  report.figure({ name: 'connect, upgrade, K3 and WATCH', value: (IDLE * 1000) / elapsed(), unit: '/s' });
  await rest();
  const value = (residentMemory(office) - before) / IDLE;
  const name = `memory of the server for each of ${IDLE} WATCH sessions, beside raw TLS`;
  report.figure({ name, value, unit: 'KiB', limit, ratio: value / limit });

  const sender = await as('sender');
  const [firsts, lasts]: [number[], number[]] = [[], []];
  for (let round = 0; round < 20; round += 1) {
    report.progress(`notices, round ${round}`);
    let heard = 0;
    const times: number[] = [];
    const all = new Promise<void>((resolve) => {
      const took = stopwatch();
      notices = () => {
        heard += 1;
        times.push(took());
        if (heard === WATCHERS) resolve();
      };
    });
    await deliver(sender, { to: { local: 'watcher', domain: DOMAIN }, parts: [letter(Buffer.alloc(LETTER))] });
    await all;
    if (round < WARM_UP) continue;
    firsts.push(times[0] ?? Number.NaN);
    lasts.push(times.at(-1) ?? Number.NaN);
  }
  report.figure({ name: 'from DELIVER to the first notice, p50', value: median(firsts), unit: 'ms' });
  report.figure({ name: `from DELIVER to the last of ${WATCHERS} notices, p50`, value: median(lasts), unit: 'ms' });
  report.figure({
    name: `from DELIVER to the last of ${WATCHERS} notices, p99`,
    value: percentile(lasts, 99),
    unit: 'ms',
  });
  for (const session of sessions) session.destroy();
  await sender.quit();
}

/** KiB that the process has in memory. */
function residentMemory(pid: number): number {
  const [, size = '0'] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(size);
}

function rest(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 3000));
}
