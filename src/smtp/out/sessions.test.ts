// How many conversations it takes to hand over many messages.

import { expect, test } from 'vitest';
import { openMailServer } from '../../../test/support/mail-server.ts';
import { DOMAIN, eventually, openTestGateway } from '../../../test/support/smtp.ts';
import { systemClock } from '../../base/time.ts';
import { RelaySession } from '../relay.ts';
import { IdleSessions } from './idle-sessions.ts';

const ALICE = `alice@${DOMAIN}`;
const MESSAGE = Buffer.from(`From: ${ALICE}\nTo: x@there.test\nSubject: hello\n\nHello\n`);

test('many messages for one domain share a few conversations, and no more at once than allowed', async () => {
  await using far = await openMailServer();
  await using other = await openMailServer();
  const routes = [`there.test=127.0.0.1:${far.endpoint.port}`, `other.test=127.0.0.1:${other.endpoint.port}`];
  await using gateway = await openTestGateway({ settings: { routes, sending_per_domain: 2 } });
  for (let count = 0; count < 30; count += 1) {
    await gateway.post.outgoing.send({ from: ALICE, to: ['x@there.test'], message: MESSAGE });
  }
  await gateway.post.outgoing.send({ from: ALICE, to: ['y@other.test'], message: MESSAGE });
  await eventually(() => (far.mails.length === 30 && other.mails.length === 1 ? true : undefined));
  expect(far.connections).toMatchObject({ count: 2, most: 2 });
  expect(new Set(far.mails.map(({ message }) => message.toString().length)).size).toBe(1);
});

test('one recipient who is refused ends no conversation; a message that is does, and the next goes through', async () => {
  await using far = await openMailServer();
  far.answers.to.set('never@there.test', 550);
  const settings = { routes: [`there.test=127.0.0.1:${far.endpoint.port}`], sending_per_domain: 1 };
  await using gateway = await openTestGateway({ settings });
  const send = (...to: string[]) => gateway.post.outgoing.send({ from: ALICE, to, message: MESSAGE });
  await send('x@there.test', 'never@there.test');
  await eventually(() => far.mails[0]);
  await send('never@there.test');
  await eventually(() => (gateway.owner.for(ALICE).length === 2 ? true : undefined));
  expect(far.connections.count).toBe(1);
  await send('x@there.test');
  await eventually(() => far.mails[1]);
  expect(far.connections.count).toBe(2);
});

test('a conversation that the other side ended meanwhile costs nobody a wait', async () => {
  const open = [await openMailServer()];
  const port = open[0]?.endpoint.port ?? 0;
  const settings = { routes: [`there.test=127.0.0.1:${port}`] };
  await using gateway = await openTestGateway({ settings });
  const send = () => gateway.post.outgoing.send({ from: ALICE, to: ['x@there.test'], message: MESSAGE });
  await send();
  await eventually(() => open[0]?.mails[0]);
  await open[0]?.[Symbol.asyncDispose]();
  await using again = await openMailServer({}, port);
  await send();
  await eventually(() => again.mails[0]);
});

test('a conversation is taken up in the very manner it began, for so many messages, and by one at a time', async () => {
  await using far = await openMailServer();
  const idle = new IdleSessions(systemClock);
  const relay = { endpoint: far.endpoint, tls: 'none' } as const;
  const session = await RelaySession.open({ relay, hostname: DOMAIN, clock: systemClock });
  idle.give(relay, session);
  expect(idle.take({ ...relay, tls: 'starttls' })).toBeUndefined();
  expect(idle.take({ ...relay, name: 'mx.there.test' })).toBeUndefined();
  expect(idle.take(relay)).toBe(session);
  expect(idle.take(relay)).toBeUndefined();
  while (session.sent < 100) await session.send({ from: ALICE, to: ['x@there.test'], message: MESSAGE });
  idle.give(relay, session);
  expect(session.usable).toBe(false);
  expect(idle.take(relay)).toBeUndefined();
  expect(far.connections.count).toBe(1);
  expect(far.mails).toHaveLength(100);
});
