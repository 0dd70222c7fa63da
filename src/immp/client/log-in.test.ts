// Logging in as the client library does it, over TCP and TLS, at servers that know this or that way of doing so.

import { expect, test } from 'vitest';
import { PASSWORD } from '../../../test/support/immp.ts';
import { openImmpDomain } from '../../../test/support/immp-domains.ts';
import { systemClock } from '../../base/time.ts';
import { dialPlain } from '../../net/dial.ts';
import { readAddress } from './home.ts';
import { type Credentials, logIn } from './log-in.ts';
import { check } from './mailbox.ts';
import { ImmpSession } from './session.ts';

/** A domain whose operator allows these ways, with an account, and what was said there of AUTH RESPONSE. */
async function house(stack: AsyncDisposableStack, ...auth: string[]) {
  const domain = stack.use(await openImmpDomain('b.test', { auth }));
  await domain.account('alice');
  const settings = { auth: auth as ('K1' | 'K2' | 'K3')[], scrypt_n: 16384 };
  await domain.room.secrets.setPassword('alice@b.test', PASSWORD, settings);
  const said: string[] = [];
  const count = domain.room.count.bind(domain.room);
  domain.room.count = (word, outcome, times) => {
    if (word === 'AUTH RESPONSE') said.push(outcome);
    count(word, outcome, times);
  };
  const open = async () => {
    const connection = await dialPlain({ to: { host: '127.0.0.1', port: domain.port } });
    stack.defer(() => connection.destroy());
    return ImmpSession.open(connection, { domain: 'b.test', clock: systemClock });
  };
  const as = (more: Partial<Credentials> = {}): Credentials => ({
    account: readAddress('alice@b.test'),
    password: async () => PASSWORD,
    ...more,
  });
  return { open, as, said };
}

const seen = async (session: ImmpSession) => (await check(session, { folders: ['inbox'] })).length;

// spec: immp 2.6
test('K2, where the server knows no better', async () => {
  await using stack = new AsyncDisposableStack();
  const { open, as, said } = await house(stack, 'K2');
  const session = await open();
  const derived = await logIn(session, as());
  expect(derived?.h2).toHaveLength(32);
  expect(await seen(session)).toBe(1);
  // What was derived logs in again, without the password.
  const again = await open();
  await logIn(again, as({ derived, password: () => Promise.reject(new Error('asked')) }));
  expect(await seen(again)).toBe(1);
  await expect(logIn(await open(), as({ password: async () => 'another' }))).rejects.toMatchObject({
    code: 'password',
  });
  await expect.poll(() => said).toEqual(['ok', 'ok', '410']);
});

// spec: immp 2.6
test('K1, only if its user allows it: else nothing is said that could log in', async () => {
  await using stack = new AsyncDisposableStack();
  const { open, as, said } = await house(stack, 'K1');
  await expect(logIn(await open(), as())).rejects.toMatchObject({ code: 'weak' });
  expect(said).toEqual([]);
  const session = await open();
  expect(await logIn(session, as({ allowK1: true }))).toBeUndefined();
  expect(await seen(session)).toBe(1);
  await expect.poll(() => said).toEqual(['ok']);
});

// spec: immp 2.6
test('K3 wherever the server has it, whatever else it has and its user allows', async () => {
  await using stack = new AsyncDisposableStack();
  const { open, as, said } = await house(stack, 'K1', 'K2', 'K3');
  const session = await open();
  const replies: string[] = [];
  const reply = session.reply.bind(session);
  session.reply = (command) => {
    if (command.word === 'AUTH RESPONSE') replies.push(command.digits);
    return reply(command);
  };
  await logIn(session, as({ allowK1: true }));
  expect(replies.map(({ length }) => length)).toEqual([64]);
  await expect.poll(() => said).toEqual(['ok']);
});
