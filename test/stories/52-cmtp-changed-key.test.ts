// A server shows another key than before: mail to it waits until its operator's colleague says that this is right, and users are
// told the same of their own server, and of each other.

import { expect, test } from 'vitest';
import { MINUTE, VirtualClock } from '../../src/base/time.ts';
import { Pins } from '../../src/post/pins.ts';
import { eventually, openCmtpOffice } from '../support/cmtp-office.ts';
import { openRelay } from '../support/relay.ts';

// spec: cmtp 9 D21
test('mail for a domain whose server changed its key waits for the operator', async () => {
  await using stack = new AsyncDisposableStack();
  const clock = new VirtualClock(Date.now());
  const [first, second] = await Promise.all(['there.test', 'there.test'].map((name) => openCmtpOffice(name)));
  if (first === undefined || second === undefined) throw new Error('no offices');
  stack.use(first);
  stack.use(second);
  const relay = stack.use(await openRelay(first.plain));
  const here = stack.use(
    await openCmtpOffice('here.test', { forward_hosts: [`there.test=localhost:${relay.port}`] }, clock),
  );
  const alice = await here.enrol('alice');
  const bob = await first.enrol('bob');
  await alice.run('send', 'bob@there.test', 'one');
  await eventually(async () => (await bob.ask<unknown[]>('list'))[0]);

  relay.target = second.plain;
  const bobAgain = await second.enrol('bob');
  await alice.run('send', 'bob@there.test', 'two'); // his key is remembered for ten minutes
  const pins = new Pins(here.post, 'cmtp');
  const changed = await eventually(async () =>
    (await pins.get('there.test'))?.offered ? pins.get('there.test') : undefined,
  );
  expect(changed.fingerprint).not.toBe(changed.offered);
  await clock.advance(3 * MINUTE);
  expect(await bobAgain.ask('list')).toEqual([]);
  await clock.advance(10 * MINUTE);
  expect(await alice.fails('send', 'bob@there.test', 'three')).toContain('knows no key');

  await pins.accept('there.test');
  await eventually(async () => {
    await clock.advance(10 * MINUTE);
    return (await bobAgain.ask<unknown[]>('list'))[0];
  });
  expect(await bobAgain.ask<unknown[]>('list')).toHaveLength(1);

  // Bob's own key is another one as well: Alice is told, and decides.
  await clock.advance(10 * MINUTE);
  expect(await alice.fails('send', 'bob@there.test', 'four')).toContain('another key than when you last wrote');
  await alice.run('send', 'bob@there.test', 'four', '--new-key');
  await alice.run('send', 'bob@there.test', 'five');
});

test("a user's own server with another key is told nothing", async () => {
  await using stack = new AsyncDisposableStack();
  const [real, other] = await Promise.all(['home.test', 'home.test'].map((name) => openCmtpOffice(name)));
  if (real === undefined || other === undefined) throw new Error('no offices');
  stack.use(real);
  stack.use(other);
  const alice = await real.enrol('alice');
  for (const at of [other.at, ['--server', `localhost:${other.plain}`, '--no-tls']]) {
    expect(await alice.fails('login', 'alice@home.test', ...at)).toContain('servers forget home.test');
  }
  const [known] = await alice.ask<{ domain: string; key: string; tls: string }[]>('servers', 'list');
  expect(known?.domain).toBe('home.test');
  await alice.run('send', 'alice@home.test', 'still here');
  await alice.run('servers', 'forget', 'home.test');
  expect(await alice.fails('login', 'alice@home.test', ...other.at)).toContain('no account');
});
