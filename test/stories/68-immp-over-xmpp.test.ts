// Two domains have an XMPP server between them: mail goes over it, sealed, and over TCP when nothing comes of that.

import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { openCarriage } from '../../src/immp/xmpp/carriage.ts';
import { hostsOf, type ImmpDomain, openImmpDomains } from '../support/immp-domains.ts';
import { judgedBy } from '../support/judges.ts';
import { openProsody } from '../support/prosody.ts';

/** How many messages went which way. */
function countWays({ room }: ImmpDomain): () => number {
  let over = 0;
  const { xmpp } = room;
  if (xmpp === undefined) throw new Error('XMPP is off');
  const send = xmpp.send.bind(xmpp);
  xmpp.send = async (...args) => {
    const sent = await send(...args);
    if (sent) over += 1;
    return sent;
  };
  return () => over;
}

// spec: immp 1.4, 2.12
test('mail crosses from one domain to the other through a real XMPP server', {
  ...judgedBy('prosodyctl'),
  timeout: 60_000,
}, async () => {
  await using stack = new AsyncDisposableStack();
  const xmpp = stack.use(await openProsody(['immp.here.test', 'immp.there.test']));
  const domains = await openImmpDomains(stack, ['here.test', 'there.test']);
  const [here, there] = domains;
  const settings = { server: [xmpp.at], secret: xmpp.secret, domains: ['here.test', 'there.test'] };
  for (const domain of domains) {
    await domain.use({ ...hostsOf(domains), xmpp: settings });
    await openCarriage(domain.room);
    stack.defer(() => domain.room.xmpp?.close());
  }
  await expect.poll(() => domains.every(({ room }) => room.xmpp?.online), { timeout: 10_000 }).toBe(true);
  await here.account('alice');
  await there.account('bob');
  const over = countWays(here);
  const alice = here.as('alice');

  expect(await alice.deliver('bob@there.test', 'Over XMPP.', 'SUBJECT One +IMPORTANT')).toMatch(/^274 /);
  await expect.poll(() => there.index('bob'), { timeout: 15_000 }).toHaveLength(1);
  const [first] = await there.index('bob');
  expect(first).toMatchObject({ from: 'alice@here.test', origin: 'here.test', subject: 'One', flags: ['important'] });
  expect((await there.open('bob', first?.['uuid'])).parts).toMatchObject([{ data: 'Over XMPP.' }]);
  expect(over()).toBe(1);

  // Nobody has that name: the answer comes over XMPP too, and the notice with it.
  await alice.deliver('nobody@there.test', 'Hello?', 'SUBJECT Who');
  await expect.poll(() => here.index('alice'), { timeout: 15_000 }).toHaveLength(1);
  expect(await here.index('alice')).toMatchObject([{ subject: 'Not delivered: Who' }]);

  // What is +SECURE, or too large, goes over TCP.
  await alice.deliver('bob@there.test', 'Only where the key is seen.', 'SUBJECT Two +SECURE');
  const large = randomBytes(1_200_000).toString('base64');
  await alice.deliver('bob@there.test', large, 'SUBJECT Three');
  await expect.poll(() => there.index('bob'), { timeout: 15_000 }).toHaveLength(3);

  expect(over()).toBe(1);

  // The other side leaves the XMPP server: an error comes back, and the mail goes over TCP.
  await there.room.xmpp?.close();
  await alice.deliver('bob@there.test', 'Still here.', 'SUBJECT Four');
  await expect.poll(() => there.index('bob'), { timeout: 15_000 }).toHaveLength(4);
  expect(over()).toBe(1);
});
