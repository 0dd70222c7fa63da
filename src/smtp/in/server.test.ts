import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { DOMAIN, eventually, openTestGateway, RawPeer } from '../../../test/support/smtp.ts';
import { makeSelfSigned, makeTlsKey } from '../../net/tls-identity.ts';

const ALICE = `alice@${DOMAIN}`;
const BOB = `bob@${DOMAIN}`;
const MESSAGE = `From: x@there.test\r\nSubject: hello\r\nMessage-ID: <1@there.test>\r\n\r\nHello.\r\n.dot`;

test('a message gets to its owner as it is, with what was found above it; 250 comes after that', async () => {
  await using gateway = await openTestGateway();
  using peer = await RawPeer.open(gateway.ports.exchange);
  await peer.say('EHLO there.test');
  expect(await peer.mail('x@there.test', [ALICE], MESSAGE)).toBe('250 2.0.0 Accepted');
  const [arrival] = gateway.owner.kept;
  expect(arrival).toMatchObject({ to: ALICE, from: 'x@there.test', via: 'smtp' });
  const [text = ''] = gateway.owner.for(ALICE);
  expect(text.endsWith(`${MESSAGE}\r\n`)).toBe(true);
  expect(text).toMatch(/^Authentication-Results: here\.test;/);
  expect(text).toMatch(/\r\nReceived: from there\.test \(\[127\.0\.0\.1\]\)\r\n\tby here\.test with ESMTP id /);
  expect(text).toContain('spf=none');
});

test.each([
  ['a bare LF in a command', 'MAIL FROM:<x@there.test>\nRCPT TO:<', '421'],
  ['a bare CR in a command', 'NOOP\rNOOP\r\n', '421'],
  ['a CR that gets no LF', 'NOOP\r\rNOOP\r\n', '421'],
])('%s ends the conversation', async (_, octets, code) => {
  await using gateway = await openTestGateway();
  using peer = await RawPeer.open(gateway.ports.exchange);
  await peer.say('EHLO there.test');
  peer.send(octets);
  expect(await peer.answer()).toMatch(new RegExp(`^${code}`));
  expect(await peer.answer()).toBe('');
});

// What one server takes for the end of a message and another does not: RFC 5321 2.3.8, 4.1.1.4
const SMUGGLING = ['\n.\n', '\n.\r\n', '\r\n.\n', '\r.\r', '\r.\r\n', '\r\n.\r', '\r\n\0.\r\n', '\n.\r', '\r\n.\r\r\n'];
test('none of these ends a message, however it is cut into packets', async () => {
  await using gateway = await openTestGateway({ settings: { connections_per_address: 100, mail_rate: '1000/s' } });
  const attempt = async (end: string, cut: number) => {
    using peer = await RawPeer.open(gateway.ports.exchange);
    await peer.say('EHLO there.test');
    const smuggled = `MAIL FROM:<evil@there.test>\r\nRCPT TO:<${BOB}>\r\nDATA\r\nFrom: bank@there.test\r\n\r\nx\r\n.\r\n`;
    await peer.all('MAIL FROM:<x@there.test>', `RCPT TO:<${ALICE}>`, 'DATA');
    const all = `Subject: a\r\n\r\nx${end}${smuggled}`;
    const at = all.indexOf(end) + cut;
    peer.send(all.slice(0, at));
    await wait(5); // so that it comes in two pieces
    peer.send(all.slice(at));
    expect(await peer.answer()).toMatch(end.includes('\0') ? /^250/ : /^554 5\.6\.0/);
    expect((await peer.say('NOOP')).slice(0, 3)).toBe('250');
  };
  await Promise.all(SMUGGLING.flatMap((end) => [0, 1, 2, 3].map((cut) => attempt(end, Math.min(cut, end.length)))));
  expect(gateway.owner.for(BOB)).toEqual([]);
  expect(gateway.owner.kept.some(({ from }) => from === 'evil@there.test')).toBe(false);
});

test('what is sent before STARTTLS counts for nothing after it', async () => {
  await using gateway = await openTestGateway();
  using peer = await RawPeer.open(gateway.ports.exchange);
  expect(await peer.say('EHLO there.test')).toContain('STARTTLS');
  peer.send(`STARTTLS\r\nEHLO injected.test\r\nMAIL FROM:<evil@there.test>\r\n`);
  expect(await peer.answer()).toMatch(/^220/);
  await peer.secure().then(
    async () => {
      expect(await peer.all(`RCPT TO:<${ALICE}>`)).toEqual(['503']);
    },
    () => {}, // the injected octets are no TLS, which is as good
  );
  using fair = await RawPeer.open(gateway.ports.exchange);
  await fair.say('EHLO there.test');
  await fair.say('STARTTLS');
  await fair.secure();
  expect(await fair.say('EHLO there.test')).not.toContain('STARTTLS');
  expect(await fair.mail('x@there.test', [ALICE], MESSAGE)).toMatch(/^250/);
  expect(gateway.owner.for(ALICE)[0]).toContain('with ESMTPS');
});

test('only addresses of this office; postmaster, where somebody is one', async () => {
  await using gateway = await openTestGateway({ settings: { postmaster: ALICE } });
  using peer = await RawPeer.open(gateway.ports.exchange);
  await peer.say('EHLO there.test');
  await peer.say('MAIL FROM:<x@there.test>');
  expect(await peer.say(`RCPT TO:<nobody@${DOMAIN}>`)).toMatch(/^550 5\.1\.1/);
  expect(await peer.say('RCPT TO:<x@elsewhere.test>')).toMatch(/^550 5\.7\.1/);
  expect(await peer.say('RCPT TO:<x@bücher.test>')).toMatch(/^5/);
  expect(await peer.say('DATA')).toMatch(/^503/);
  expect(await peer.say('RCPT TO:<Postmaster>')).toMatch(/^250/);
  expect(await peer.say(`RCPT TO:<abuse@${DOMAIN.toUpperCase()}>`)).toMatch(/^250/);
  peer.send('DATA\r\n');
  await peer.answer();
  peer.send(`${MESSAGE}\r\n.\r\n`);
  expect(await peer.answer()).toMatch(/^250/);
  expect(gateway.owner.for(ALICE)).toHaveLength(1);
});

test('other servers have no use for further commands', async () => {
  await using gateway = await openTestGateway();
  using peer = await RawPeer.open(gateway.ports.exchange);
  expect(await peer.say('EHLO there.test')).not.toContain('AUTH');
  const lines = ['VRFY alice', 'EXPN list', 'HELP', 'WIZ x', 'XCLIENT ADDR=1.2.3.4', 'AUTH PLAIN AGEAYg==', 'BDAT 5'];
  for (const line of lines) expect(await peer.say(line), line).toMatch(/^50\d/);
});

test('what is too long, goes in circles or has no end of a header is refused, and the conversation goes on', async () => {
  await using gateway = await openTestGateway({ settings: { message_size: '600 KiB' } });
  using peer = await RawPeer.open(gateway.ports.exchange);
  expect(await peer.say('EHLO there.test')).toContain('SIZE 614400');
  expect(await peer.say('MAIL FROM:<x@there.test> SIZE=614401')).toMatch(/^552/);
  expect(await peer.mail('x@there.test', [ALICE], 'x'.repeat(700_000))).toMatch(/^552 5\.3\.4/);
  expect(await peer.mail('x@there.test', [ALICE], `${'Received: x\r\n'.repeat(101)}\r\n`)).toMatch(/^554 5\.4\.6/);
  expect(await peer.mail('x@there.test', [ALICE], 'X: y\r\n'.repeat(50_000))).toMatch(/^554 5\.6\.0/);
  expect(await peer.mail('x@there.test', [ALICE], MESSAGE)).toMatch(/^250/);
});

test('a long message goes by way of a file, and arrives to the octet', async () => {
  await using gateway = await openTestGateway();
  using peer = await RawPeer.open(gateway.ports.exchange);
  await peer.say('EHLO there.test');
  const body = randomBytes(1_500_000).toString('base64').replace(/.{76}/g, '$&\r\n');
  expect(await peer.mail('x@there.test', [ALICE], `Subject: long\r\n\r\n${body}`)).toMatch(/^250/);
  expect(gateway.owner.for(ALICE)[0]?.endsWith(`\r\n\r\n${body}\r\n`)).toBe(true);
  expect(await readdir(join(gateway.post.folder, 'work'))).toEqual([]);
});

test('a stream that is cut anywhere leaves nothing', async () => {
  await using gateway = await openTestGateway({ settings: { connections_per_address: 100 } });
  const dialogue = `EHLO there.test\r\nMAIL FROM:<x@there.test>\r\nRCPT TO:<${ALICE}>\r\nDATA\r\nSubject: x\r\n\r\nHello\r\n.\r\n`;
  const cuts = Array.from({ length: Math.ceil(dialogue.length / 5) }, (_, piece) => piece * 5);
  await Promise.all(
    cuts.map(async (cut) => {
      const peer = await RawPeer.open(gateway.ports.exchange);
      peer.send(dialogue.slice(0, cut));
      await wait(20);
      peer.close();
    }),
  );
  await wait(50);
  expect(gateway.owner.kept).toEqual([]);
});

test('the answer says what the owner says; the same octets again are the same message', async () => {
  await using gateway = await openTestGateway();
  using peer = await RawPeer.open(gateway.ports.exchange);
  await peer.say('EHLO there.test');
  for (const [answer, code] of [
    ['full', '452 4.2.2'],
    ['refused', '550 5.7.1'],
    ['unknown', '550 5.1.1'],
    ['throws', '451 4.3.0'],
  ] as const) {
    gateway.owner.answers.set(ALICE, answer);
    expect(await peer.mail('x@there.test', [ALICE], MESSAGE)).toContain(code);
  }
  // One that fails for now has all of it come again; who has it gets it once.
  expect(await peer.mail('x@there.test', [ALICE, BOB], MESSAGE)).toMatch(/^451/);
  gateway.owner.answers.clear();
  expect(await peer.mail('x@there.test', [ALICE, BOB], MESSAGE)).toMatch(/^250/);
  expect([gateway.owner.for(ALICE).length, gateway.owner.for(BOB).length]).toEqual([1, 1]);
});

test('where one recipient has it and another never will, the sender is told in a notice, before the 250', async () => {
  await using gateway = await openTestGateway();
  using peer = await RawPeer.open(gateway.ports.exchange);
  await peer.say('EHLO there.test');
  gateway.owner.answers.set(BOB, 'full');
  expect(await peer.mail(ALICE, [ALICE, BOB], MESSAGE)).toMatch(/^250/);
  const notice = await eventually(() => gateway.owner.for(ALICE)[1]);
  expect(notice).toContain(`Final-Recipient: rfc822; ${BOB}`);
  expect(notice).toContain('Status: 5.2.2');
});

test('fields that say what was checked here are taken out; those of others stay', async () => {
  await using gateway = await openTestGateway();
  using peer = await RawPeer.open(gateway.ports.exchange);
  await peer.say('EHLO there.test');
  const claims = `Authentication-Results: HERE.test; spf=pass\r\nauthentication-results: (a) "here.test" 1;\r\n dkim=pass\r\n`;
  const others = 'Authentication-Results: other.test; spf=fail\r\n';
  await peer.mail('x@there.test', [ALICE], `${claims}${others}${MESSAGE}`);
  const [text = ''] = gateway.owner.for(ALICE);
  expect(text).not.toContain('spf=pass');
  expect(text).not.toContain('dkim=pass');
  expect(text).toContain(others);
});

test('limits: messages, guesses, recipients, connections', async () => {
  await using gateway = await openTestGateway({
    settings: { mail_rate: '3/h', unknown_rate: '2/h', recipients: 2, connections_per_address: 2 },
  });
  using peer = await RawPeer.open(gateway.ports.exchange);
  await peer.say('EHLO there.test');
  const twice = ['MAIL FROM:<x@there.test>', `RCPT TO:<a@${DOMAIN}>`, `RCPT TO:<b@${DOMAIN}>`];
  expect(await peer.all(...twice, `RCPT TO:<${ALICE}>`, `RCPT TO:<${BOB}>`)).toEqual([
    '250',
    '550',
    '550',
    '250',
    '250',
  ]);
  expect(await peer.all(`RCPT TO:<c@${DOMAIN}>`)).toEqual(['452']); // two are all it takes
  expect(await peer.all('RSET', 'MAIL FROM:<x@there.test>', 'RSET', 'MAIL FROM:<x@there.test>', 'RSET')).toEqual(
    Array(5).fill('250'),
  );
  expect(await peer.all('MAIL FROM:<x@there.test>')).toEqual(['450']);
  using second = await RawPeer.open(gateway.ports.exchange);
  expect(await second.say('NOOP')).toMatch(/^250/);
  using third = await RawPeer.open(gateway.ports.exchange);
  expect(await third.say('NOOP')).toBe('');
});

test('a guess too many ends the conversation', async () => {
  await using gateway = await openTestGateway({ settings: { unknown_rate: '2/h' } });
  using peer = await RawPeer.open(gateway.ports.exchange);
  await peer.say('EHLO there.test');
  await peer.say('MAIL FROM:<x@there.test>');
  expect(await peer.all(...Array(3).fill(`RCPT TO:<a@${DOMAIN}>`))).toEqual(['550', '550', '421']);
  expect(await peer.answer()).toBe('');
});

test('users: a password over TLS alone, and their own address in both places', async () => {
  await using gateway = await openTestGateway({ settings: { password_rate: '4/h' } });
  const plain = (user: string, password: string) => Buffer.from(`\0${user}\0${password}`).toString('base64');
  using clear = await RawPeer.open(gateway.ports.submission);
  expect(await clear.say('EHLO pc')).not.toContain('AUTH');
  expect(await clear.say(`AUTH PLAIN ${plain(ALICE, 'secret')}`)).toMatch(/^5/);
  expect(await clear.say('MAIL FROM:<x@there.test>')).toMatch(/^530/);

  using peer = await RawPeer.open(gateway.ports.submissions, true);
  expect(await peer.say('EHLO pc')).toMatch(/AUTH PLAIN LOGIN|AUTH LOGIN PLAIN/);
  expect(await peer.say(`AUTH PLAIN ${plain(ALICE, 'wrong')}`)).toMatch(/^535/);
  expect(await peer.say(`AUTH PLAIN ${plain(ALICE, 'secret')}`)).toMatch(/^235/);
  expect(await peer.say(`MAIL FROM:<${BOB}>`)).toMatch(/^553 5\.7\.1/);
  expect(await peer.mail(ALICE, [BOB], `From: ${BOB}\r\n\r\nx`)).toMatch(/^550 5\.7\.1/);
  expect(await peer.mail(ALICE, [BOB], `From: ${BOB} <${ALICE}>\r\nFrom: ${BOB}\r\n\r\nx`)).toMatch(/^550 5\.7\.1/);
  expect(await peer.mail(ALICE, [BOB], `From: "Bob <${BOB}>" <${ALICE}>\r\nSubject: hi\r\n\r\nx`)).toMatch(/^250/);
  const text = await eventually(() => gateway.owner.for(BOB)[0]);
  expect(text).not.toContain('127.0.0.1');
  expect(text).toMatch(/\r\nDate: .*\r\nMessage-ID: <[0-9a-f]{32}@here\.test>\r\n/);
  expect(text).toMatch(/^DKIM-Signature: /);

  using login = await RawPeer.open(gateway.ports.submissions, true);
  await login.say('EHLO pc');
  const [user, password] = [BOB, 'other'].map((word) => Buffer.from(word).toString('base64'));
  expect(await login.all('AUTH LOGIN', user ?? '', password ?? '')).toEqual(['334', '334', '235']);
  using many = await RawPeer.open(gateway.ports.submissions, true);
  await many.say('EHLO pc');
  expect(await many.all(`AUTH PLAIN ${plain(BOB, 'x')}`, `AUTH PLAIN ${plain(BOB, 'other')}`)).toEqual(['535', '454']);
});

test('settings and certificate change while conversations go on; who closes bids goodbye', async () => {
  const gateway = await openTestGateway();
  await using disposing = gateway;
  using peer = await RawPeer.open(gateway.ports.exchange);
  await peer.say('EHLO there.test');
  const identity = await makeSelfSigned(DOMAIN, makeTlsKey(), Date.now());
  const house = { post: gateway.post, identity, folder: gateway.post.folder, hostname: DOMAIN };
  await gateway.open.reload(house, gateway.settings({ message_size: '100 KiB' }));
  expect(await peer.say('MAIL FROM:<x@there.test>')).toMatch(/^250/);
  await peer.say('RSET');
  using next = await RawPeer.open(gateway.ports.exchange);
  expect(await next.say('EHLO there.test')).toContain('SIZE 102400');
  const closing = gateway.open.close(5000);
  expect(await peer.answer()).toMatch(/^421/);
  await closing;
  expect(disposing).toBeDefined();
});

test('replies to commands that came together leave together, also when they are more than fit', async () => {
  await using gateway = await openTestGateway();
  using peer = await RawPeer.open(gateway.ports.exchange);
  await peer.say('EHLO there.test');
  peer.send(`MAIL FROM:<x@there.test>\r\nRCPT TO:<${ALICE}>\r\nDATA\r\n`);
  expect([await peer.answer(), await peer.answer(), await peer.answer()].map((reply) => reply.slice(0, 3))).toEqual([
    '250',
    '250',
    '354',
  ]);
  expect(peer.packets).toBe(3); // the greeting, the answer to EHLO, and these
  peer.send('Subject: x\r\n\r\nx\r\n.\r\nRSET\r\nNOOP\r\n');
  for (let count = 0; count < 3; count += 1) expect(await peer.answer()).toMatch(/^250/);
  peer.send('NOOP\r\n'.repeat(5_000));
  for (let count = 0; count < 5_000; count += 1) expect(await peer.answer()).toBe('250 OK');
});
