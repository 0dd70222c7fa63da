// One newsletter for thousands of readers here and in another domain: how long its publisher waits, and how fast it goes out.

import { randomUUID } from 'node:crypto';
import { idOf } from '../src/immp/accounts.ts';
import { type ImmpDomain, openImmpDomains } from '../test/support/immp-domains.ts';
import { type Bench, median, type Report, stopwatch } from './harness.ts';
import { rawSyncsPerSecond } from './raw-sync.ts';

const READERS = 2000;
const ROUNDS = 5;
const AT_ONCE = 200;
const NODE = 'letters/weekly@press.test';
const TEXT = 'x'.repeat(1024);

export const bench: Bench = {
  about: `an IMMP notification of 1 KiB for ${READERS} readers here and ${READERS} in another domain, beside raw fsync`,
  async run(report) {
    await using stack = new AsyncDisposableStack();
    const [press, there] = await openImmpDomains(stack, ['press.test', 'there.test']);
    await press.account('letters');
    const publisher = press.as('letters');
    await publisher.ask(`PUBLISH NODE ${NODE} TITLE Weekly`);
    const raw = await rawSyncsPerSecond(1024, 1000);
    for (const [domain, where] of [
      [press, 'in the publisher’s domain'],
      [there, 'in another domain'],
    ] as const) {
      report.progress(`${READERS} readers ${where}`);
      await readers(press, domain);
      await measured(report, press, domain, where, raw);
      await forget(press, domain);
    }
    publisher.hangUp();
  },
};

async function measured(report: Report, press: ImmpDomain, domain: ImmpDomain, where: string, raw: number) {
  const publisher = press.as('letters');
  const [waits, rates]: [number[], number[]] = [[], []];
  for (let round = 1; round <= ROUNDS; round += 1) {
    const elapsed = stopwatch();
    await publisher.data(`PUBLISH TO ${NODE} TITLE "No. ${round}" LENGTH ${TEXT.length}`, TEXT);
    waits.push(elapsed());
    const due = round * (READERS + (domain === press ? 1 : 0)); // the item itself lies there too
    while ((await total(domain)) < due) await new Promise((resolve) => setTimeout(resolve, 20));
    rates.push((READERS * 1000) / elapsed());
  }
  publisher.hangUp();
  report.figure({ name: `PUBLISH answered, ${READERS} readers ${where}`, value: median(waits), unit: 'ms' });
  const value = median(rates);
  report.figure({ name: `durable pushes ${where}`, value, unit: '/s', limit: raw, ratio: value / raw });
}

/** Pushes that lie in the readers' mailboxes. */
async function total(domain: ImmpDomain): Promise<number> {
  return (await domain.post.store.usage()).messages - extra(domain);
}

/** In the publisher's store lie the items and the subscribers too. */
const extras = new WeakMap<ImmpDomain, number>();
const extra = (domain: ImmpDomain) => extras.get(domain) ?? 0;

async function readers(press: ImmpDomain, domain: ImmpDomain): Promise<void> {
  for (let from = 0; from < READERS; from += AT_ONCE) {
    await Promise.all(
      Array.from({ length: AT_ONCE }, async (_, count) => {
        const account = `reader${from + count}@${domain.domain}`;
        const id = randomUUID();
        await domain.account(`reader${from + count}`);
        await domain.room.push.subscriptions.begin(account, NODE, id, Date.now());
        await domain.room.push.subscriptions.confirm(account, id, 'Weekly');
        await press.room.push.nodes.subscribe(NODE, account, id);
      }),
    );
  }
  extras.set(domain, (await domain.post.store.usage()).messages);
}

async function forget(press: ImmpDomain, domain: ImmpDomain): Promise<void> {
  await press.room.push.nodes.remove(NODE);
  await press.room.push.nodes.create(NODE, 'Weekly', 1e9);
  for (let count = 0; count < READERS; count += 1) {
    await domain.post.store.mailboxes.remove(idOf(`reader${count}@${domain.domain}`));
  }
}
