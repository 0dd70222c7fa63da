// The draft's first scenario: Alice registers at a web site, which asks her by a push whether it is she. The site is of another
// domain and has never been heard of; the question reaches her screen, and nothing of it her inbox.

import { expect, test } from 'vitest';
import { openImmpDomains } from '../support/immp-domains.ts';

const QUESTION = JSON.stringify({
  text: 'Did you open an account at Website.com?',
  actions: [{ label: 'Confirm', url: 'https://website.test/confirm?c=4711' }],
});

// spec: immp 1.1, 2.6, 2.9, 2.10
test('a question of a site that nobody knows waits for Alice, and she is shown it at once', async () => {
  await using stack = new AsyncDisposableStack();
  const [website, home] = await openImmpDomains(stack, ['website.test', 'home.test']);
  await website.account('accounts');
  await home.account('alice');
  const site = website.as('accounts');
  const screen = home.as('alice');
  await screen.type('AS w1 MBOX WATCH /inbox,/push\n');
  await screen.line();
  const shown = async () =>
    JSON.parse((await screen.line())?.replace('w1: 250- ', '') ?? '') as Record<string, unknown>;

  const ask = (title: string) =>
    site.data(
      `PUSH TO alice@home.test FROM accounts/register@website.test TITLE "${title}" ` +
        `TYPE application/vnd.immp.action+json LENGTH ${Buffer.byteLength(QUESTION)}`,
      QUESTION,
    );
  expect(await ask('Confirm your address')).toMatch(/^274 [0-9a-f-]{36} Queued for home\.test$/);
  expect(await shown()).toMatchObject({
    event: 'push',
    path: '/push',
    from: 'accounts/register@website.test',
    title: 'Confirm your address',
    text: 'Did you open an account at Website.com?',
    actions: [{ label: 'Confirm', url: 'https://website.test/confirm?c=4711' }],
    pending: true,
  });
  expect(await home.index('alice')).toEqual([]);

  // She wants to hear more from there: what waited is let out, and nothing waits any more.
  const alice = home.as('alice');
  expect(await alice.ask('SET GLOBAL APPROVE+=accounts@website.test')).toEqual(['260 APPROVE=accounts@website.test']);
  expect(await shown()).toMatchObject({ event: 'flags', flags: [] });
  await ask('Welcome');
  const welcome = await shown();
  expect(welcome).toMatchObject({ event: 'push', title: 'Welcome' });
  expect(welcome).not.toHaveProperty('pending');

  // Enough: it is spam, and the site hears that it is blocked.
  await alice.ask('SET GLOBAL BLOCK+=@website.test');
  await ask('Buy!');
  await expect.poll(() => website.index('accounts'), { timeout: 15_000 }).toHaveLength(1);
  const [notice] = await website.index('accounts');
  expect(notice).toMatchObject({ from: 'mailer-daemon@website.test', subject: 'Not delivered: Buy!' });
  expect(await home.index('alice', 'push')).toHaveLength(2);
});
