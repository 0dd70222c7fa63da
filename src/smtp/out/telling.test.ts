// What senders hear of their mail, and when. RFC 3461, 3464

import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openMailServer } from '../../../test/support/mail-server.ts';
import { DOMAIN, eventually, openTestGateway, RawPeer, type TestGateway } from '../../../test/support/smtp.ts';
import { HOUR, MINUTE, VirtualClock } from '../../base/time.ts';

const ALICE = `alice@${DOMAIN}`;
const MESSAGE = `From: ${ALICE}\r\nTo: x@there.test\r\nSubject: hello\r\n\r\nHello`;

/** Logged in as Alice, where users send. */
async function userOf({ ports }: TestGateway): Promise<RawPeer> {
  const peer = await RawPeer.open(ports.submissions, true);
  const login = Buffer.from(`\0${ALICE}\0secret`).toString('base64');
  expect(await peer.all('EHLO pc.test', `AUTH PLAIN ${login}`)).toEqual(['250', '235']);
  return peer;
}

/** Each line of the envelope, then the message. */
async function submit(gateway: TestGateway, ...envelope: string[]): Promise<void> {
  using peer = await userOf(gateway);
  expect(await peer.all(...envelope, 'DATA')).toEqual([...envelope.map(() => '250'), '354']);
  peer.send(`${MESSAGE}\r\n.\r\n`);
  expect(await peer.answer()).toMatch(/^250/);
}

/** Past this time, with every try that falls due on the way. */
async function turn(gateway: TestGateway, clock: VirtualClock, time: number): Promise<void> {
  for (let left = time; left > 0; left -= 30 * MINUTE) {
    await clock.advance(30 * MINUTE);
    // The try is over when the job is due later.
    await eventually(async () => {
      await clock.advance(1); // for a worker that found it due while the clock was turned
      const due = await gateway.post.store.queues.nextDue('smtp/outgoing');
      return due === undefined || due > clock.now() ? true : undefined;
    });
    await wait(2);
  }
}

test('a sender hears once that his message is late, and then that it came back', async () => {
  const clock = new VirtualClock();
  await using far = await openMailServer();
  far.answers.to.set('x@there.test', 451);
  const settings = { routes: [`there.test=127.0.0.1:${far.endpoint.port}`], retry_time: '1 d' };
  await using gateway = await openTestGateway({ settings, clock });
  await gateway.post.outgoing.send({
    from: ALICE,
    to: ['x@there.test', 'y@there.test'],
    message: Buffer.from(MESSAGE),
  });
  await eventually(() => far.mails[0]);
  await turn(gateway, clock, 90 * MINUTE);
  expect(gateway.owner.kept).toEqual([]);
  await turn(gateway, clock, 5 * HOUR);
  const warning = await eventually(() => gateway.owner.for(ALICE)[0]);
  expect(warning).toContain('Subject: Not delivered yet: what you sent\r\n');
  expect(warning).toMatch(/Final-Recipient: rfc822; x@there\.test\r\nAction: delayed\r\nStatus: 4\.\d+\.\d+\r\n/);
  expect(warning).toMatch(/Will-Retry-Until: \w{3}, /);
  expect(warning).not.toContain('rfc822; y@there.test');
  await turn(gateway, clock, 12 * HOUR);
  expect(gateway.owner.for(ALICE)).toHaveLength(1);
  await turn(gateway, clock, 12 * HOUR);
  const back = await eventually(() => gateway.owner.for(ALICE)[1]);
  expect(back).toContain('Action: failed\r\nStatus: 5');
});

test.each([
  ['the operator', { warn_after: '0 s' }, ''],
  ['the sender', {}, ' NOTIFY=FAILURE'],
])('no warning where %s wants none', async (_who, more, notify) => {
  const clock = new VirtualClock();
  await using far = await openMailServer();
  far.answers.from = 451;
  const settings = { routes: [`there.test=127.0.0.1:${far.endpoint.port}`], retry_time: '12 h', ...more };
  await using gateway = await openTestGateway({ settings, clock });
  await submit(gateway, `MAIL FROM:<${ALICE}>`, `RCPT TO:<x@there.test>${notify}`);
  await turn(gateway, clock, 13 * HOUR);
  const [only, ...others] = await eventually(() =>
    gateway.owner.kept.length > 0 ? gateway.owner.for(ALICE) : undefined,
  );
  expect(only).toContain('Action: failed');
  expect(others).toEqual([]);
});

test('what a sender wants to hear goes to a server that knows of it, and only there', async () => {
  await using knows = await openMailServer({ hideDSN: false });
  await using other = await openMailServer();
  const routes = [`there.test=127.0.0.1:${knows.endpoint.port}`, `plain.test=127.0.0.1:${other.endpoint.port}`];
  await using gateway = await openTestGateway({ settings: { routes } });
  await submit(
    gateway,
    `MAIL FROM:<${ALICE}> RET=HDRS ENVID=order+2B7`,
    'RCPT TO:<a@there.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;ann@old.test',
    'RCPT TO:<b@there.test> NOTIFY=NEVER',
    'RCPT TO:<c@there.test>',
    'RCPT TO:<d@plain.test> NOTIFY=SUCCESS',
    `RCPT TO:<bob@${DOMAIN}> NOTIFY=SUCCESS,FAILURE`,
  );
  await eventually(() => (knows.mails.length === 3 && other.mails.length === 1 ? true : undefined));
  const heard = new Map(knows.mails.map(({ to, dsn }) => [to[0], dsn]));
  expect(heard.get('a@there.test')).toMatchObject([
    { ret: 'HDRS', envid: 'order+7' },
    { notify: ['SUCCESS', 'DELAY'], orcpt: 'rfc822;ann@old.test' },
  ]);
  expect(heard.get('b@there.test')?.[1]).toMatchObject({ notify: ['NEVER'] });
  expect(heard.get('c@there.test')?.[1]).toEqual({});
  const good = await eventually(() => gateway.owner.for(ALICE)[0]);
  expect(good).toContain('Subject: Delivered: what you sent');
  expect(good).toContain('Original-Envelope-Id: order+7\r\n');
  expect(good).toMatch(/Final-Recipient: rfc822; d@plain\.test\r\nAction: relayed\r\nStatus: 2/);
  expect(good).toMatch(new RegExp(`Final-Recipient: rfc822; bob@${DOMAIN}\\r\\nAction: delivered\\r\\nStatus: 2`));
  expect(good).not.toMatch(/Final-Recipient: .*@there\.test/);
  expect(gateway.owner.for(ALICE)).toHaveLength(1);
});

test('a failure comes back with all of the message if it was asked for, and not at all if not', async () => {
  await using far = await openMailServer();
  far.answers.to.set('x@there.test', 550).set('y@there.test', 550);
  const settings = { routes: [`there.test=127.0.0.1:${far.endpoint.port}`] };
  await using gateway = await openTestGateway({ settings });
  await submit(
    gateway,
    `MAIL FROM:<${ALICE}> RET=FULL`,
    'RCPT TO:<x@there.test> ORCPT=rfc822;ann@old.test',
    'RCPT TO:<y@there.test> NOTIFY=NEVER',
  );
  const notice = await eventually(() => gateway.owner.for(ALICE)[0]);
  expect(notice).toContain('Original-Recipient: rfc822;ann@old.test\r\nFinal-Recipient: rfc822; x@there.test');
  expect(notice).toContain('Content-Type: message/rfc822\r\n\r\n');
  expect(notice).toMatch(/Subject: hello\r\n(?:.+\r\n)*\r\nHello\r\n/);
  expect(notice).not.toContain('y@there.test');
  await eventually(async () => ((await gateway.post.store.queues.count('smtp/outgoing')) === 0 ? true : undefined));
  expect(gateway.owner.kept).toHaveLength(1);
});

test('the extension is offered where it is kept, and addresses beyond ASCII are refused in the conversation', async () => {
  await using gateway = await openTestGateway();
  using server = await RawPeer.open(gateway.ports.exchange);
  const offered = await server.say('EHLO there.test');
  expect(offered).not.toMatch(/DSN|SMTPUTF8/);
  expect(await server.say('MAIL FROM:<x@there.test> SMTPUTF8')).toMatch(/^550 5\.6\.7/);
  expect(await server.all('MAIL FROM:<x@there.test>', 'RCPT TO:<j\u00fcrgen@here.test>')).toEqual(['250', '553']);
  using user = await userOf(gateway);
  expect(await user.say('EHLO pc.test')).toMatch(/250[- ]DSN/);
  expect(await user.say(`MAIL FROM:<${ALICE}> SMTPUTF8`)).toMatch(/^550 5\.6\.7/);
  expect(await user.all(`MAIL FROM:<${ALICE}> RET=ALL`, `MAIL FROM:<${ALICE}>`)).toEqual(['501', '250']);
  expect(await user.all('RCPT TO:<x@there.test> NOTIFY=NEVER,DELAY', 'RCPT TO:<x@there.test>')).toEqual(['501', '250']);
});
