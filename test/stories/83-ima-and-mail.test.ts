// IMA and ordinary mail at one office: a letter goes to a domain that speaks IMA and to one that does not, and the answer comes back.
// spec: ima 2.10, 2.13

import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { letterOf, wholeOf } from '../../src/ima/letter.ts';
import type { Result } from '../../src/ima/wire/imdp.ts';
import { headerOf } from '../../src/ima/wire/message.ts';
import type { NameRecords } from '../../src/net/resolver.ts';
import { makeSelfSigned, makeTlsKey } from '../../src/net/tls-identity.ts';
import { openGateway } from '../../src/smtp/counter.ts';
import { settings as smtpSettings } from '../../src/smtp/settings.ts';
import { makeWorld, messagesIn, storedOctets } from '../support/ima.ts';
import { openIma, type TestIma } from '../support/ima-office.ts';
import { sampleWith } from '../support/ima-samples.ts';
import { type MailServer, openMailServer } from '../support/mail-server.ts';
import { eventually, RawPeer } from '../support/smtp.ts';

const stack = new AsyncDisposableStack();
const names = new Map<string, NameRecords>();
let [a, b, refusing]: TestIma[] = [];
let far: MailServer;
let exchange: number;

/** The SMTP counter of the same office. */
async function openMail({ post, host }: TestIma): Promise<number> {
  const any = ['127.0.0.1:0'];
  const identity = await makeSelfSigned(host, makeTlsKey(), Date.now());
  const gateway = await openGateway(
    { post, identity, folder: join(post.folder, '..'), hostname: host },
    smtpSettings.parse({
      ...{ listen: any, listen_submission: any, listen_submissions: any, domains: [host], check_senders: false },
      routes: [`mail.test=127.0.0.1:${far.endpoint.port}`],
    }),
    { fetch: async () => undefined },
  );
  stack.defer(() => gateway.close(0));
  return gateway.listening[0]?.at.port ?? 0;
}

beforeAll(async () => {
  const world = stack.use(await makeWorld());
  far = stack.use(await openMailServer());
  const settings = { 'server-send-mail': { ordinary_mail: false } };
  a = stack.use(await openIma(world, 'a.test', names));
  b = stack.use(await openIma(world, 'b.test', names));
  refusing = stack.use(await openIma(world, 'r.test', names, { settings }));
  await Promise.all([a.addUser('alice'), b.addUser('bob'), refusing.addUser('rita')]);
  exchange = await openMail(a);
  await openMail(refusing);
  const unlikely = { host: '127.0.0.1', port: 1, priority: 0, weight: 0 };
  names.set('_imdp._tcp.down.test', { srv: [unlikely] });
  names.set('mail.test', { addresses: ['127.46.25.1'] }); // nobody listens there
});
afterAll(() => stack.disposeAsync());

let count = 0;
async function submit(at: TestIma | undefined, user: string, to: string, more: Record<string, string> = {}) {
  count += 1;
  const id = `018c2f6e-0000-7000-8000-${String(count).padStart(12, '0')}@${at?.host}`;
  const letter = letterOf(sampleWith({ id, from: `${user}@${at?.host}`, to, subject: 'Grüße', ...more }));
  const client = await at?.submit(user);
  expect(await client?.offer(letter.head)).toEqual({ verdict: 'accept' });
  const lines: Result[] = [];
  const final = await client?.send(letter, (line) => void lines.push(line));
  await client?.done();
  return { id, final, lines, whole: await wholeOf(letter) };
}

const inbox = (at: TestIma | undefined, user: string) => messagesIn(join(at?.mailboxes ?? '', user, 'inbox'));

test('whoever has no server gets ordinary mail, and his answer is a letter', async () => {
  const sent = await submit(a, 'alice', 'bob@b.test, ann@mail.test', { bcc: 'carl@mail.test' });
  expect(sent.final).toBe('OK');
  expect(sent.lines).toContainEqual({ kind: 'note', text: 'ann@mail.test gets it as ordinary mail' });
  expect(sent.lines).toContainEqual({ kind: 'ok', address: 'ann@mail.test' });
  expect(await inbox(b, 'bob')).toHaveLength(1);
  const [mail] = await eventually(() => (far.mails.length > 0 ? far.mails : undefined));
  expect(mail).toMatchObject({ from: 'alice@a.test', to: ['ann@mail.test', 'carl@mail.test'] });
  const text = mail?.message.toString() ?? '';
  expect(text).toMatch(/^DKIM-Signature: /);
  expect(text).toContain(`Message-ID: <${sent.id}>`);
  expect(text).toContain('To: bob@b.test, ann@mail.test');
  expect(text).not.toContain('carl@mail.test');

  using peer = await RawPeer.open(exchange);
  await peer.say('EHLO mail.test');
  const answer = `From: Ann <ann@mail.test>\r\nTo: alice@a.test\r\nSubject: Re: hello\r\nIn-Reply-To: <${sent.id}>\r\n\r\nYes.`;
  expect(await peer.mail('ann@mail.test', ['alice@a.test'], answer)).toMatch(/^250/);
  const [path = ''] = await eventually(async () => {
    const found = await inbox(a, 'alice');
    return found.length > 0 ? found : undefined;
  });
  const { head } = letterOf(await storedOctets(path));
  expect(head).toMatchObject({ from: 'ann@mail.test', mailer: 'smtp-gateway@a.test', to: ['alice@a.test'] });
  expect(headerOf(head, 'in-reply-to')).toBe(sent.id);
});

test.each([
  ['an unknown recipient', 'nobody@b.test'],
  ['a server that should be there', 'dora@down.test'],
])('%s, and no ordinary mail goes out either', async (_what, other) => {
  const before = far.mails.length;
  const { final, lines } = await submit(a, 'alice', `ann@mail.test, ${other}`);
  expect(final).toBe('FAIL');
  expect(lines.map((line) => line.kind === 'fail' && line.address)).toEqual([other]);
  expect(await a?.post.store.queues.count('smtp/outgoing')).toBe(0);
  expect(far.mails).toHaveLength(before);
});

test('a server with a wrong certificate is not gone around', async () => {
  const impostor = names.get('_imdp._tcp.b.test') ?? {};
  names.set('_imdp._tcp.mail.test', impostor);
  const { final, lines } = await submit(a, 'alice', 'ann@mail.test');
  names.delete('_imdp._tcp.mail.test');
  expect([final, lines]).toEqual([
    'FAIL',
    [{ kind: 'fail', address: 'ann@mail.test', text: 'the certificate is not one of mail.test' }],
  ]);
});

test('an address that mail cannot have fails alone', async () => {
  const { final, lines } = await submit(a, 'alice', 'bob@b.test, jürgen@mail.test');
  expect(final).toBe('PARTIAL');
  expect(lines).toContainEqual(expect.objectContaining({ kind: 'fail', address: 'jürgen@mail.test' }));
});

test('an operator can forbid it', async () => {
  const { final, lines } = await submit(refusing, 'rita', 'ann@mail.test');
  expect([final, lines]).toMatchObject(['FAIL', [{ kind: 'fail', address: 'ann@mail.test' }]]);
});
