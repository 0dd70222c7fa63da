// What a mail server of the world hears, in the SMTP dialogue, when a nym cannot take its mail: nothing is accepted and bounced later.
// spec: mixminion-nym 4.1

import { expect, test } from 'vitest';
import { systemClock } from '../../src/base/time.ts';
import { makeSelfSigned, makeTlsKey } from '../../src/net/tls-identity.ts';
import { smtp } from '../../src/smtp/counter.ts';
import { relayMail } from '../../src/smtp/relay.ts';
import { settings } from '../../src/smtp/settings.ts';
import { DOMAIN, openTestNymserver, TestHolder } from '../support/nym.ts';

const KIBI = 1024;

test('a nymserver refuses in the dialogue, and only the filter is silent', async () => {
  await using on = await openTestNymserver({
    quota: { bytes: 60 * KIBI, messages: 100 },
    mailSize: 80 * KIBI,
  });
  on.post.local.register(on.server.addresses);
  const identity = await makeSelfSigned('localhost', makeTlsKey(), systemClock.now());
  const house = { post: { ...on.post, clock: systemClock }, identity, folder: on.post.folder, hostname: DOMAIN };
  const ports = { listen: ['127.0.0.1:0'], listen_submission: [], listen_submissions: [] };
  const gateway = await smtp.open(house, settings.parse({ ...ports, domains: [DOMAIN], check_senders: false }));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => gateway.close(0));
  const port = gateway.listening[0]?.at.port ?? 0;

  const alice = new TestHolder(on);
  await alice.create('alice');
  const filter = Buffer.from('if header :contains "subject" "spam" { discard; }');
  await alice.say('alice', { word: 'POLICY', option: 'Filtering', value: filter });

  /** `yes`, or what the server said. */
  const send = async (to: string, subject: string, size = 100): Promise<string> => {
    const text = on.post.random
      .bytes(size / 2)
      .toString('hex')
      .replace(/.{64}/g, '$&\r\n');
    const message = Buffer.from(`From: bob@example.org\r\nTo: ${to}\r\nSubject: ${subject}\r\n\r\n${text}\r\n`);
    const relay = { endpoint: { host: '127.0.0.1', port }, tls: 'none' } as const;
    const given = { relay, hostname: 'example.org', from: 'bob@example.org', message, clock: systemClock };
    try {
      const { refused } = await relayMail({ ...given, to: [to] });
      return refused.map(({ code, text: words }) => `${code} ${words}`).join() || 'yes';
    } catch (error) {
      return String(error);
    }
  };

  expect(await send(`nobody@${DOMAIN}`, 'hello')).toMatch(/550 5\.1\.1/);
  expect(await send(`nymserver@${DOMAIN}`, 'hello')).toMatch(/550 5\.7\.1/); // by the mix alone
  expect(await send(`alice@${DOMAIN}`, 'far too large', 81 * KIBI)).toMatch(/552 5\.3\.4/);
  expect(await send(`alice@${DOMAIN}`, 'spam', 40 * KIBI)).toBe('yes');
  expect(await on.server.desk.vault.waiting('alice')).toEqual([]);
  expect(await send(`Alice@${DOMAIN}`, 'one', 60 * KIBI)).toBe('yes'); // sealed, it is about half as large
  expect(await send(`alice@${DOMAIN}`, 'two', 60 * KIBI)).toMatch(/452 4\.2\.2/);
  expect(await send(`alice@${DOMAIN}`, 'three')).toBe('yes');
  expect(await on.server.desk.vault.waiting('alice')).toHaveLength(2);
});
