// The operator of an office and its gateway: what the name service has to say, mail that cannot leave yet, somebody who is to be left alone;
// with the office open and closed.

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { askOffice } from '../../src/cli/ask-office.ts';
import { makeKeyPair } from '../../src/cmtp/crypto/keys.ts';
import { sealXzibit } from '../../src/cmtp/crypto/xzibit.ts';
import { openMailServer } from '../support/mail-server.ts';
import { makeDataFolder, postern, startOffice } from '../support/office.ts';
import { eventually, RawPeer } from '../support/smtp.ts';

const DOMAIN = 'here.test';

test('an operator looks after the gateway', async () => {
  await using far = await openMailServer();
  far.answers.from = 451;
  const route = `routes = ["there.test=127.0.0.1:${far.endpoint.port}"]`;
  await using folder = await makeDataFolder(`[office]\nname = "${DOMAIN}"\n[smtp]\ncheck_senders = false\n${route}\n`);
  const ask = async (...args: string[]) => {
    const { code, out, err } = await postern('smtp', ...args, '--data', folder.path, '--json');
    return { code, err, answer: out === '' ? undefined : JSON.parse(out) };
  };
  const listed = async () => {
    const answer = await askOffice(folder.path, 'smtp', 'queue.list', {});
    return (answer as { messages: { id: string; attempts: number }[] }).messages;
  };
  const office = await startOffice(folder.path, '--only', 'cmtp,smtp');

  // The record is the one that belongs to the key.
  const zone = (await postern('smtp', 'dkim', '--data', folder.path)).out;
  expect(zone).toMatch(/^postern\._domainkey\.here\.test\. IN TXT "v=DKIM1; k=rsa; p=[^"]{1,255}" "[^"]{1,255}"\n$/);
  expect((await stat(join(folder.path, 'smtp', 'dkim-postern.pem'))).mode & 0o777).toBe(0o600);

  // Mail that waits, with the office open and closed.
  expect(await ask('send-test', 'x@there.test', '--from', `alice@${DOMAIN}`)).toMatchObject({ code: 0 });
  const waiting = await eventually(async () => {
    const [message] = await listed();
    return message?.attempts === 1 ? message : undefined;
  });
  expect(waiting).toMatchObject({
    from: `alice@${DOMAIN}`,
    recipients: [{ address: 'x@there.test', state: 'waiting' }],
  });
  expect((await postern('smtp', 'queue', 'show', waiting.id, '--data', folder.path)).out).toContain('451');
  expect(await ask('suppress', 'add', '@quiet.test')).toMatchObject({ answer: { added: true } });
  expect(await office.end('SIGTERM')).toBe(0);
  expect((await ask('queue', 'list')).answer).toMatchObject({ waiting: 1, messages: [{ id: waiting.id }] });
  expect(await askOffice(folder.path, 'smtp', 'suppress.list', {})).toMatchObject([{ address: '@quiet.test' }]);
  expect((await ask('send-test', 'x@there.test')).code).toBe(1);

  // After a start it is tried at once.
  delete far.answers.from;
  const again = await startOffice(folder.path, '--only', 'cmtp,smtp');
  expect(await eventually(() => far.mails[0])).toMatchObject({ from: `alice@${DOMAIN}`, to: ['x@there.test'] });
  await eventually(async () => ((await listed()).length === 0 ? true : undefined));

  // Who is no account is refused; who is one gets it sealed.
  const keys = makeKeyPair(systemRandom);
  const xzibit = (await sealXzibit(keys, 'p', systemRandom)).toString('hex');
  const account = { account: 'alice', publicKey: keys.publicKey.toString('hex'), xzibit };
  await askOffice(folder.path, 'cmtp', 'account.add', account);
  using peer = await RawPeer.open(again.port('SMTP gateway'));
  await peer.say('EHLO there.test');
  expect(await peer.mail('x@there.test', [`bob@${DOMAIN}`], 'Subject: x\r\n\r\nsecret')).toContain('550');
  expect(await peer.mail('x@there.test', [`alice@${DOMAIN}`], 'Subject: x\r\n\r\nsecret')).toMatch(/^250/);
  peer.close();
  expect(await again.end('SIGTERM')).toBe(0);
  expect(await askOffice(folder.path, 'cmtp', 'account.list', {})).toMatchObject([{ account: 'alice', messages: 1 }]);
  expect(again.log()).not.toMatch(/there\.test|alice/);
}, 60_000);

test('a smart host that would get everything in the clear is refused before anything starts', async () => {
  await using folder = await makeDataFolder('[smtp]\nrelay = "mail.example.org:25"\nrelay_tls = "none"\n');
  const { code, err } = await postern('serve', '--data', folder.path);
  expect(code).toBe(1);
  expect(err).toContain('in the clear');
});
