import { createHash, X509Certificate } from 'node:crypto';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { expect, test } from 'vitest';
import { openMailServer } from '../../../test/support/mail-server.ts';
import { DOMAIN, eventually, openTestGateway, type TestGateway } from '../../../test/support/smtp.ts';
import { HOUR, MINUTE, VirtualClock } from '../../base/time.ts';
import type { NameRecords } from '../../net/resolver.ts';
import { makeSelfSigned, makeTlsKey } from '../../net/tls-identity.ts';
import { controls } from '../controls.ts';
import { openGateway } from '../counter.ts';
import { dkimKey, dkimRecord } from './dkim.ts';
import { WaitingMail } from './waiting.ts';
import { NO_WISHES } from './wishes.ts';

const ALICE = `alice@${DOMAIN}`;
const MESSAGE = Buffer.from(`From: ${ALICE}\nTo: x@there.test\nSubject: hello\n\nHello\n.\nthere\n`);
const there: Readonly<Record<string, NameRecords>> = {
  'there.test': { mx: [{ host: 'mx.there.test', priority: 10 }] },
  'mx.there.test': { addresses: ['127.0.0.1'] },
};

/** As an operator does. */
async function ask<T>({ post, settings }: TestGateway, name: string, argument: unknown): Promise<T> {
  const control = controls[name];
  if (control === undefined) throw new Error(`there is no ${name}`);
  const desk = { post, settings: settings({}), folder: post.folder, hostname: DOMAIN };
  return (await control.run(desk, control.argument.parse(argument))) as T;
}

async function isEmpty({ post }: TestGateway): Promise<true | undefined> {
  const waiting = await post.store.queues.count('smtp/outgoing');
  return waiting === 0 && (await post.store.usage()).messages === 0 ? true : undefined;
}

test('a departure goes to the servers of its domain, signed, with CR LF, once', async () => {
  await using far = await openMailServer();
  const world = { port: far.endpoint.port };
  await using gateway = await openTestGateway({ names: there, world, settings: { private_hosts: true } });
  const departure = { from: ALICE, to: ['x@there.test', 'y@THERE.test'], message: MESSAGE, once: 'one' };
  await gateway.post.outgoing.send(departure);
  await gateway.post.outgoing.send(departure);
  const mail = await eventually(() => far.mails[0]);
  expect(mail).toMatchObject({ from: ALICE, to: ['x@there.test', 'y@there.test'], hello: DOMAIN });
  expect(mail.message.toString()).toContain('\r\n\r\nHello\r\n.\r\nthere\r\n');
  const record = dkimRecord(await dkimKey(gateway.post.folder, 'postern'), DOMAIN);
  const resolver = async (name: string) => (name === record.name ? [[record.value]] : []);
  const { results } = await dkimVerify(mail.message, { resolver, strict: true });
  expect(results).toMatchObject([{ signingDomain: DOMAIN, status: { result: 'pass' } }]);
  expect(await eventually(() => isEmpty(gateway))).toBe(true);
  expect(far.mails).toHaveLength(1);
});

test('some now, some later, some never: each has its outcome, and the sender a notice he can read', async () => {
  const clock = new VirtualClock();
  await using far = await openMailServer();
  far.answers.to.set('later@there.test', 451).set('never@there.test', 550);
  const world = { port: far.endpoint.port };
  const settings = { private_hosts: true, retry_time: '2 d', warn_after: '0 s' };
  await using gateway = await openTestGateway({ names: there, world, settings, clock });
  const to = ['now@there.test', 'later@there.test', 'never@there.test', `bob@${DOMAIN}`, `nobody@${DOMAIN}`];
  await gateway.post.outgoing.send({ from: ALICE, to, message: MESSAGE });
  await eventually(() => (far.mails.length > 0 && gateway.owner.for(`bob@${DOMAIN}`).length > 0 ? true : undefined));
  const shown = await eventually(async () => {
    const { messages } = await ask<{ messages: object[] }>(gateway, 'queue.list', {});
    return JSON.stringify(messages).includes('451') ? messages : undefined;
  });
  expect(shown).toMatchObject([
    {
      from: ALICE,
      attempts: 1,
      recipients: [
        { address: 'now@there.test', state: 'delivered' },
        { address: 'later@there.test', state: 'waiting' },
        { address: 'never@there.test', state: 'failed' },
        { state: 'delivered' },
        { state: 'failed' },
      ],
    },
  ]);
  for (let hour = 0; hour < 60; hour += 1) {
    await clock.advance(HOUR);
    await wait(5);
  }
  const notice = await eventually(() => gateway.owner.for(ALICE)[0]);
  expect(far.mails).toHaveLength(1); // the others never twice
  expect(notice).toMatch(/^DKIM-Signature:/);
  expect(notice).toContain('Content-Type: multipart/report; report-type=delivery-status; boundary=');
  expect(notice).toContain('Final-Recipient: rfc822; later@there.test\r\nAction: failed\r\nStatus: 5');
  expect(notice).toContain('Final-Recipient: rfc822; never@there.test\r\nAction: failed\r\n');
  expect(notice).toContain(`Final-Recipient: rfc822; nobody@${DOMAIN}\r\nAction: failed\r\nStatus: 5.1.1`);
  expect(notice).toContain('Remote-MTA: dns; mx.there.test');
  expect(notice).not.toContain('rfc822; now@there.test');
  expect(notice).toContain('Subject: hello\r\n');
  expect(notice).not.toContain('Hello\r\n.\r\nthere');
  expect(await eventually(() => isEmpty(gateway))).toBe(true);
});

test('domains without mail come back at once; a name service that is away does not', async () => {
  const clock = new VirtualClock();
  const names = {
    'null.test': { mx: [{ host: '', priority: 0 }] },
    'loop.test': { mx: [{ host: DOMAIN, priority: 5 }] },
    'inside.test': { addresses: ['10.0.0.1'] },
    'away.test': { fails: true },
  };
  await using gateway = await openTestGateway({ names, clock });
  const to = ['a@null.test', 'b@loop.test', 'c@inside.test', 'd@nowhere.test', 'e@away.test'];
  for (const one of to) await gateway.post.outgoing.send({ from: ALICE, to: [one], message: MESSAGE });
  const notices = await eventually(() =>
    gateway.owner.for(ALICE).length === 4 ? gateway.owner.for(ALICE) : undefined,
  );
  const statusOf = (address: string) =>
    /Status: (\S+)/.exec(notices.find((text) => text.includes(`; ${address}\r\n`)) ?? '')?.[1];
  expect(to.map(statusOf)).toEqual(['5.1.10', '5.4.6', '5.1.2', '5.1.2', undefined]);
  await eventually(async () => ((await gateway.post.store.queues.count('smtp/outgoing')) === 1 ? true : undefined));
});

test('nobody is told when the sender is nobody; what can never go is refused at once', async () => {
  await using gateway = await openTestGateway();
  await gateway.post.outgoing.send({ from: '', to: ['x@nowhere.test'], message: MESSAGE });
  expect(await eventually(() => isEmpty(gateway))).toBe(true);
  expect(gateway.owner.kept).toEqual([]);
  for (const departure of [
    { from: ALICE, to: [], message: MESSAGE },
    { from: ALICE, to: ['x'], message: MESSAGE },
    { from: ALICE, to: ['x@y.test>\r\nRCPT TO:<z@y.test'], message: MESSAGE },
    { from: 'x\r\n@y.test', to: ['x@y.test'], message: MESSAGE },
    { from: ALICE, to: ['x@y.test'], message: Buffer.alloc(26 * 1024 * 1024) },
  ]) {
    await expect(gateway.post.outgoing.send(departure)).rejects.toMatchObject({ code: 'refused' });
  }
  await gateway.open.reload(
    { post: gateway.post, identity: gateway.identity, folder: gateway.post.folder, hostname: DOMAIN },
    gateway.settings({ queue_size: '1 KiB' }),
  );
  const long = Buffer.alloc(2000, 'x');
  await expect(gateway.post.outgoing.send({ from: ALICE, to: ['x@y.test'], message: long })).rejects.toMatchObject({
    code: 'full',
  });
});

test('a message whose job a crash took gets it again; the operator may try, drop and look', async () => {
  const clock = new VirtualClock();
  await using far = await openMailServer();
  const names = { ...there };
  const world = { port: far.endpoint.port };
  await using gateway = await openTestGateway({ names, world, settings: { private_hosts: true }, clock });
  const mail = new WaitingMail(gateway.post);
  await gateway.open.close(0);
  const kept = await mail.keep(
    { from: ALICE, to: ['x@there.test'], wishes: NO_WISHES },
    MESSAGE,
    clock.now(),
    undefined,
  );
  const house = { post: gateway.post, identity: gateway.identity, folder: gateway.post.folder, hostname: DOMAIN };
  far.answers.from = 451;
  const open = await openGateway(house, gateway.settings({}), world);
  const id = typeof kept === 'string' ? '' : kept.id;
  await eventually(async () => ((await mail.progress(id)).attempts === 1 ? true : undefined));
  delete far.answers.from;
  await wait(20);
  await clock.advance(3 * MINUTE); // the domain is let alone no longer
  await ask(gateway, 'queue.retry', { id });
  await eventually(() => far.mails[0]);
  expect(await eventually(() => isEmpty(gateway))).toBe(true);
  far.answers.from = 451;
  await gateway.post.outgoing.send({ from: ALICE, to: ['x@there.test'], message: MESSAGE });
  const second = await eventually(async () => {
    for await (const waiting of mail.all()) return waiting.id;
    return undefined;
  });
  expect(await ask(gateway, 'queue.show', { id: second })).toMatchObject({ from: ALICE });
  await ask(gateway, 'queue.drop', { id: second });
  expect(await isEmpty(gateway)).toBe(true);
  await expect(ask(gateway, 'queue.drop', { id: second })).rejects.toMatchObject({
    code: 'no-message',
  });
  await open.close(0);
});

test('who wants no mail from here gets none, neither does his domain', async () => {
  await using far = await openMailServer();
  const world = { port: far.endpoint.port };
  await using gateway = await openTestGateway({ names: there, world, settings: { private_hosts: true } });
  const say = (name: string, argument: unknown) => ask(gateway, name, argument);
  expect(await say('suppress.add', { address: 'X@There.test' })).toEqual({ added: true });
  expect(await say('suppress.add', { address: 'x@there.test' })).toEqual({ added: false });
  expect(await say('suppress.list', {})).toMatchObject([{ address: 'x@there.test' }]);
  await gateway.post.outgoing.send({ from: ALICE, to: ['x@there.test', 'y@there.test'], message: MESSAGE });
  expect(await eventually(() => far.mails[0])).toMatchObject({ to: ['y@there.test'] });
  expect(await eventually(() => gateway.owner.for(ALICE)[0])).toContain('Final-Recipient: rfc822; x@there.test');
  await say('suppress.remove', { address: 'x@there.test' });
  await say('suppress.add', { address: '@there.test' });
  await gateway.post.outgoing.send({ from: ALICE, to: ['y@there.test'], message: MESSAGE });
  expect(await eventually(() => gateway.owner.for(ALICE)[1])).toContain('Final-Recipient: rfc822; y@there.test');
});

test('TLS where it is offered; "always" waits where it is not', async () => {
  const { key, certificate } = await makeSelfSigned('mx.there.test', makeTlsKey(), Date.now());
  await using secure = await openMailServer({ key, cert: certificate });
  await using clear = await openMailServer();
  for (const [far, tls_out, arrives] of [
    [secure, 'offered', true],
    [secure, 'always', true],
    [clear, 'offered', true],
    [clear, 'always', false],
  ] as const) {
    const settings = { private_hosts: true, tls_out };
    await using gateway = await openTestGateway({ names: there, world: { port: far.endpoint.port }, settings });
    await gateway.post.outgoing.send({ from: ALICE, to: ['x@there.test'], message: MESSAGE });
    if (arrives) {
      expect(await eventually(() => far.mails.pop())).toMatchObject({ secure: far === secure });
    } else {
      await eventually(async () => ((await waitsFor(gateway)) ? true : undefined));
      expect(far.mails).toEqual([]);
    }
  }
});

/** The words of the first recipient that waits after an attempt. */
async function waitsFor(gateway: TestGateway): Promise<string | undefined> {
  const mail = new WaitingMail(gateway.post);
  for await (const { id } of mail.all()) {
    for (const { state, words } of Object.values((await mail.progress(id)).fates))
      if (state === 'waiting') return words;
  }
  return undefined;
}

test('MTA-STS: only named servers with good certificates, and nobody can make it forgotten', async () => {
  const { key, certificate } = await makeSelfSigned('mx.there.test', makeTlsKey(), Date.now());
  await using far = await openMailServer({ key, cert: certificate });
  const policy = (mx: string) => `version: STSv1\nmode: enforce\nmx: ${mx}\nmax_age: 86400\n`;
  const names: Record<string, NameRecords> = { ...there, '_mta-sts.there.test': { txt: ['v=STSv1; id=a1;'] } };
  let text: string | undefined = policy('mx.there.test');
  let asked = 0;
  const fetch = async (url: string) => {
    asked += 1;
    expect(url).toBe('https://mta-sts.there.test/.well-known/mta-sts.txt');
    return text;
  };
  const world = { port: far.endpoint.port, fetch };
  const send = async (gateway: TestGateway) =>
    gateway.post.outgoing.send({ from: ALICE, to: ['x@there.test'], message: MESSAGE });
  {
    // Nobody vouches for the certificate.
    await using gateway = await openTestGateway({ names, world, settings: { private_hosts: true } });
    await send(gateway);
    expect(await eventually(() => waitsFor(gateway))).toMatch(/certificate|self.signed/i);
    expect(far.mails).toEqual([]);
  }
  {
    await using gateway = await openTestGateway({
      names,
      world: { ...world, ca: certificate },
      settings: { private_hosts: true },
    });
    await send(gateway);
    expect(await eventually(() => far.mails.pop())).toMatchObject({ secure: true });
    // The same policy is asked for once; without a record, and with one that cannot be had, it stays in force.
    const before = asked;
    await send(gateway);
    await eventually(() => far.mails.pop());
    expect(asked).toBe(before);
    text = undefined;
    names['_mta-sts.there.test'] = { txt: ['v=STSv1; id=b2;'] };
    names['there.test'] = { mx: [{ host: 'other.there.test', priority: 1 }] };
    names['other.there.test'] = { addresses: ['127.0.0.1'] };
    await send(gateway);
    expect(await eventually(() => waitsFor(gateway))).toContain('MTA-STS');
    expect(far.mails).toEqual([]);
  }
});

test('DANE: the key that a checked name service names, whoever signed the certificate', async () => {
  const { key, certificate } = await makeSelfSigned('whatever', makeTlsKey(), Date.now());
  await using far = await openMailServer({ key, cert: certificate });
  const spki = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' });
  const right = { usage: 3, selector: 1, matching: 1, data: createHash('sha256').update(spki).digest() };
  for (const [record, arrives] of [
    [right, true],
    [{ ...right, data: Buffer.alloc(32) }, false],
    [{ ...right, usage: 2 }, true], // of no use here, and so TLS is all that is asked for
  ] as const) {
    const world = { port: far.endpoint.port, tlsa: async () => [record] };
    await using gateway = await openTestGateway({ names: there, world, settings: { private_hosts: true } });
    await gateway.post.outgoing.send({ from: ALICE, to: ['x@there.test'], message: MESSAGE });
    if (arrives) expect(await eventually(() => far.mails.pop())).toMatchObject({ secure: true });
    else expect(await eventually(() => waitsFor(gateway))).toContain('another key');
  }
});

test('a smart host takes all of it; so many connections to one domain and no more', async () => {
  let [open, most] = [0, 0];
  await using far = await openMailServer({
    onConnect: (_session, callback) => {
      open += 1;
      most = Math.max(most, open);
      setTimeout(callback, 50);
    },
    onClose: () => {
      open -= 1;
    },
  });
  const settings = { relay: `127.0.0.1:${far.endpoint.port}`, relay_tls: 'none', sending_per_domain: 2 };
  await using gateway = await openTestGateway({ settings });
  for (let count = 0; count < 6; count += 1) {
    await gateway.post.outgoing.send({ from: ALICE, to: [`x@domain-${count}.test`], message: MESSAGE });
  }
  await eventually(() => (far.mails.length === 6 ? true : undefined));
  expect(most).toBe(2);
});

test('a server that hangs up is not asked by every message again', async () => {
  let asked = 0;
  const far = createServer((socket) => {
    asked += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => far.listen(0, '127.0.0.1', resolve));
  const { port } = far.address() as AddressInfo;
  const clock = new VirtualClock();
  await using gateway = await openTestGateway({
    names: there,
    world: { port },
    settings: { private_hosts: true },
    clock,
  });
  for (let count = 0; count < 20; count += 1) {
    await gateway.post.outgoing.send({ from: ALICE, to: ['x@there.test'], message: MESSAGE });
  }
  const mail = new WaitingMail(gateway.post);
  await eventually(async () => {
    for await (const { id } of mail.all()) if ((await mail.progress(id)).attempts !== 1) return undefined;
    return true;
  });
  expect(asked).toBeLessThanOrEqual(4); // those that were on their way before the first failed
  far.close();
});
