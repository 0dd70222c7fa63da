// A nymserver as the world and its nymholders load it: mail sealed on arrival, a day of ten thousand nyms on a clock that is turned
// by hand, and how long it takes to be there again after a stop.

import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../src/base/log.ts';
import { noMetrics } from '../src/base/metrics.ts';
import { systemRandom } from '../src/base/random.ts';
import { type Clock, DAY, MINUTE, SECOND, VirtualClock } from '../src/base/time.ts';
import { RsaPrivateKey } from '../src/crypto/rsa.ts';
import { RoutingType } from '../src/mixminion/packet/routing.ts';
import { createSurb, type Surb } from '../src/mixminion/packet/surb.ts';
import { encodeMessage } from '../src/mixminion/payload/encode.ts';
import { fixedResolver } from '../src/net/resolver.ts';
import { MAIL_PADDING, seal } from '../src/nym/sealing.ts';
import { Curtain } from '../src/nym/server/curtain.ts';
import type { Limits } from '../src/nym/server/desk.ts';
import { Nymserver } from '../src/nym/server/nymserver.ts';
import { newRecord } from '../src/nym/server/record.ts';
import { LocalDelivery } from '../src/post/local-delivery.ts';
import { OutgoingMail } from '../src/post/outgoing-mail.ts';
import type { Post } from '../src/post/post.ts';
import { Services } from '../src/post/services.ts';
import { openSqliteStore } from '../src/store/sqlite/open.ts';
import type { Store } from '../src/store/store.ts';
import { type Bench, callsPerSecond, median, type Report, stopwatch } from './harness.ts';

/** As many as POSTERN_NYMS says; ten thousand take some minutes. */
const NYMS = Number(process.env['POSTERN_NYMS'] ?? 10_000);
const MAIL = 4 * 1024;
const SURBS = 6;
const ROUNDS = 5;
const ROUND_MS = 1000;
const SENDERS = 16;
const DOMAIN = 'nym.bench';
/** What the drafts reckon with: 2 KB of reply block for 28 KB of mail. */
const DRAFT_SHARE = (100 * 2) / 28;
const LIMITS: Limits = {
  quota: { bytes: 1024 ** 3, messages: 1_000_000 },
  mailSize: 512 * 1024,
  newNymsPerDay: 1_000_000,
  relaysPerDay: 100,
  recipientsPerDay: 100,
  approval: false,
  reservation: 7 * DAY,
};

export const bench: Bench = {
  about: `mail to nyms sealed on arrival beside sealing alone; a day of ${NYMS} nyms; start-up with them (POSTERN_NYMS)`,
  async run(report) {
    const folder = await mkdtemp(join(tmpdir(), 'postern-bench-nym-'));
    try {
      await measure(folder, report);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

async function measure(folder: string, report: Report): Promise<void> {
  const clock = new VirtualClock();
  const key = await RsaPrivateKey.generate(2048);
  const mail = mailOf();
  let replies = 0;
  const open = async () => {
    const store = await openSqliteStore({ file: join(folder, 'store.db') });
    const post: Post = {
      ...{ store, clock, random: systemRandom, log: silentLog, metrics: noMetrics, resolver: fixedResolver({}) },
      local: new LocalDelivery(),
      outgoing: new OutgoingMail(),
      services: new Services(),
    };
    const server = new Nymserver({
      post,
      limits: LIMITS,
      domain: DOMAIN,
      curtain: await Curtain.open(join(folder, 'curtain'), systemRandom, clock.now()),
      prepareReply: () => async (message) => {
        replies += encodeMessage(message, { overhead: 0, random: systemRandom }).length;
      },
      sendMail: async () => {},
      count: () => {},
    });
    return { store, server };
  };
  const { store, server } = await open();
  const { vault, stock } = server.desk;
  const surbs = makeSurbs(key, Math.floor((clock.now() + 30 * DAY) / SECOND));
  report.progress(`making ${NYMS} nyms`);
  await each(NYMS, async (number) => {
    const nym = `nym${number}`;
    const given = {
      made: clock.now(),
      challenge: Buffer.alloc(0),
      identities: [key.publicKey],
      encryption: key.publicKey,
    };
    await vault.create(nym, { ...newRecord({ state: 'open', ...given }), owesCreated: false }, LIMITS.quota);
    await stock.add(vault.idOf(nym), surbs(SURBS));
  });
  const empty = await sizeOf(store, clock, folder);

  report.progress('mail, one after another and at once');
  const deliver = (nym: number) =>
    server.addresses.deliver({ to: `nym${nym}@${DOMAIN}`, from: '', message: mail, via: 'smtp' });
  const rates: number[] = [];
  const sealing: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    let count = 0;
    const elapsed = stopwatch();
    await each(Number.POSITIVE_INFINITY, async (number) => {
      if (elapsed() > ROUND_MS) return false;
      await deliver(number % Math.min(NYMS, 100));
      count += 1;
      return true;
    });
    rates.push((count * 1000) / elapsed());
    sealing.push(callsPerSecond(() => void seal(key.publicKey, mail, MAIL_PADDING, systemRandom), ROUND_MS / 2));
  }
  const limit = median(sealing);
  report.figure({
    name: 'mail of 4 KiB accepted, sealed',
    value: median(rates),
    unit: '/s',
    limit,
    ratio: median(rates) / limit,
  });

  report.progress('a day of all of them, one mail each');
  const before = process.cpuUsage();
  const loaded = await sizeOf(store, clock, folder);
  await each(NYMS, (number) => deliver(number));
  const full = await sizeOf(store, clock, folder);
  const end = clock.now() + DAY;
  while (clock.now() < end) {
    const due = (await store.queues.nextDue('nym/due')) ?? end;
    await clock.advance(Math.max(MINUTE, Math.min(due, end) - clock.now()));
    await server.round();
  }
  const { user, system } = process.cpuUsage(before);
  report.figure({ name: 'CPU for a mail, in and out', value: (user + system) / 1000 / NYMS, unit: 'ms' });
  report.figure({ name: 'reply packets', value: replies, unit: 'packets' });
  report.figure({ name: `disk for a nym with ${SURBS} reply blocks`, value: empty / NYMS / 1024, unit: 'KiB' });
  report.figure({ name: 'disk for a mail of 4 KiB', value: (full - loaded) / NYMS / 1024, unit: 'KiB' });
  // spec: mixminion-nym 5: one reply block for each packet of 28 KiB
  report.figure({
    name: 'nym with its reply blocks beside 28 KiB of mail for each',
    value: (100 * empty) / NYMS / (SURBS * 28 * 1024),
    unit: '%',
    limit: DRAFT_SHARE,
  });
  await store.close();

  const elapsed = stopwatch();
  const again = await open();
  again.server.start();
  await again.server.addresses.owns(`nym0@${DOMAIN}`);
  report.figure({ name: `start with ${NYMS} nyms`, value: elapsed(), unit: 'ms' });
  await Promise.all([again.server.stop(SECOND), clock.advance(2 * SECOND)]);
  await again.store.close();
}

/** Some at a time; `false` ends it. */
async function each(count: number, work: (number: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: SENDERS }, async () => {
      while (next < count) if ((await work(next++)) === false) return;
    }),
  );
}

function mailOf(): Buffer {
  const text = systemRandom
    .bytes(MAIL / 2)
    .toString('hex')
    .replace(/.{64}/g, '$&\n');
  return Buffer.from(`From: bob@example.org\nTo: someone@${DOMAIN}\nSubject: bench\n\n${text}`.slice(0, MAIL));
}

/** Blocks that differ in their headers only: making real ones is the nymholder's work. */
function makeSurbs(key: RsaPrivateKey, useBy: number): (count: number) => Surb[] {
  const address = { form: 'host' as const, host: 'mix.test', port: 48099, keyId: Buffer.alloc(20, 1) };
  const exit = { routingType: RoutingType.MBOX, routingInfo: Buffer.from('someone') };
  const order = { path: [{ address, packetKey: key.publicKey }], exit, userKey: Buffer.alloc(20, 2), useBy };
  const { surb } = createSurb(order, { seed: systemRandom, padding: systemRandom, oaep: systemRandom });
  return (count) => Array.from({ length: count }, () => ({ ...surb, header: systemRandom.bytes(surb.header.length) }));
}

/** Of the store, its log emptied into it. */
async function sizeOf(store: Store, clock: Clock, folder: string): Promise<number> {
  await store.sweep(clock.now());
  const sizes = await Promise.all(
    ['store.db', 'store.db-wal'].map((name) => stat(join(folder, name)).catch(() => undefined)),
  );
  return sizes.reduce((sum, found) => sum + (found?.size ?? 0), 0);
}
