// A newsletter with readers in many domains, some of which are away or do not want it. The publisher waits for none of them.

import { expect, test } from 'vitest';
import { type ImmpDomain, openImmpDomains } from '../support/immp-domains.ts';

const READERS = 120;
const NODE = 'letters/weekly@press.test';

// spec: immp 2.10
test('many readers get a letter once each, and the publisher learns nothing but how many they are', async () => {
  await using stack = new AsyncDisposableStack();
  const [press, here, there] = await openImmpDomains(stack, ['press.test', 'here.test', 'there.test']);
  await press.account('letters');
  const publisher = press.as('letters');
  await publisher.ask(`PUBLISH NODE ${NODE} TITLE "The Weekly"`);
  const readers = await Promise.all(
    [press, here, there].flatMap((domain) =>
      Array.from({ length: READERS / 3 }, (_, count) => reader(press, domain, `reader${count}`)),
    ),
  );
  // Some of them have gone since, and their servers could not say so.
  for (const { domain, name } of readers.filter((_, at) => at % 10 === 0)) {
    await domain.room.push.subscriptions.end(`${name}@${domain.domain}`, NODE);
  }
  await there.leave();

  const began = performance.now();
  expect(await publisher.data(`PUBLISH TO ${NODE} TITLE "No. 1" LENGTH 6`, 'Hello.')).toBe(
    `284 Published to ${READERS} subscribers`,
  );
  expect(performance.now() - began).toBeLessThan(5000); // it does not grow with the readers: one item, one job
  expect(await publisher.data(`PUBLISH TO ${NODE} TITLE "No. 2" LENGTH 6`, 'Again.')).toMatch(/^284 /);

  const staying = readers.filter((_, at) => at % 10 !== 0 && readers[at]?.domain !== there);
  await expect
    .poll(
      async () => (await Promise.all(staying.map(({ domain, name }) => domain.index(name, 'push')))).flat().length,
      { timeout: 18_000, interval: 500 },
    )
    .toBe(2 * staying.length);
  // Who ended it is forgotten by the publisher; those of the domain that is away are not.
  expect(await press.room.push.nodes.domains(NODE)).toEqual([
    { domain: 'here.test', count: 36 },
    { domain: 'press.test', count: 36 },
    { domain: 'there.test', count: 40 },
  ]);
}, 60_000);

/** A reader who is subscribed, on both sides, without the words that it takes. */
async function reader(press: ImmpDomain, domain: ImmpDomain, name: string) {
  await domain.account(name);
  const account = `${name}@${domain.domain}`;
  const id = crypto.randomUUID();
  await domain.room.push.subscriptions.begin(account, NODE, id, Date.now());
  await domain.room.push.subscriptions.confirm(account, id, 'The Weekly');
  await press.room.push.nodes.subscribe(NODE, account, id);
  return { domain, name };
}
