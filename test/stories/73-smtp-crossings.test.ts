// Mail of the world for every kind of address in one office, brought by a real mail server (Postfix), and from there out again: an IMA account,
// an IMMP account, a CMTP mailbox, a mailing list. What cannot be delivered is refused in the conversation. (For nyms: story 93.)

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { openMessage } from '../../src/cmtp/client/open-message.ts';
import { controls as cmtpControls } from '../../src/cmtp/controls.ts';
import { cmtp } from '../../src/cmtp/counter.ts';
import { makeKeyPair } from '../../src/cmtp/crypto/keys.ts';
import { sealXzibit } from '../../src/cmtp/crypto/xzibit.ts';
import { settings as cmtpSchema } from '../../src/cmtp/settings.ts';
import { letterOf } from '../../src/ima/letter.ts';
import { headerOf } from '../../src/ima/wire/message.ts';
import { controls as immpControls } from '../../src/immp/controls.ts';
import { immp } from '../../src/immp/counter.ts';
import { settings as immpSchema } from '../../src/immp/settings.ts';
import type { NameRecords } from '../../src/net/resolver.ts';
import { makeSelfSigned, makeTlsKey } from '../../src/net/tls-identity.ts';
import type { Controls, Desk } from '../../src/post/control.ts';
import { openGateway } from '../../src/smtp/counter.ts';
import { settings as smtpSchema } from '../../src/smtp/settings.ts';
import { makeWorld, messagesIn, storedOctets } from '../support/ima.ts';
import { openIma } from '../support/ima-office.ts';
import { judgedBy } from '../support/judges.ts';
import { freePort, mayRunPostfix, openPostfix } from '../support/postfix.ts';
import { eventually, RawPeer } from '../support/smtp.ts';

const run = promisify(execFile);
const [ANN, CLUB, CLOSED] = ['ann@ima.test', 'club@ima.test', 'closed@ima.test'];
const MIA = 'mia@immp.test';
const CARL = 'carl@cmtp.test';
const X = 'x@there.test';
const PASSWORD = 'correct horse';
const any = ['127.0.0.1:0'];
const options = { ...judgedBy('postfix', 'swaks'), timeout: 60_000 };

const hex = (octets: Uint8Array) => Buffer.from(octets).toString('hex');

/** Makes an account, as the operator does. */
async function ask<T>(controls: Controls<T>, desk: Desk<T>, account: object): Promise<void> {
  const add = controls['account.add'];
  await add?.run(desk, add.argument.parse(account));
}

describe.runIf(mayRunPostfix || process.env['CI'] !== undefined)('ordinary mail', options, () => {
  test('comes to every kind of address, goes out again, and is refused where it cannot be delivered', async () => {
    await using stack = new AsyncDisposableStack();
    const world = stack.use(await makeWorld());
    const names = new Map<string, NameRecords>([['there.test', { addresses: ['127.46.25.1'] }]]); // speaks no IMA
    const ima = stack.use(await openIma(world, 'ima.test', names));
    const { post } = ima;
    const identity = await makeSelfSigned('here.test', makeTlsKey(), Date.now());
    const house = { post, identity, folder: join(post.folder, '..'), hostname: 'here.test' };

    const sealed = cmtpSchema.parse({ domain: 'cmtp.test', mailbox_messages: 1, listen: any, listen_tls: any });
    const cmtpCounter = await cmtp.open(house, sealed);
    stack.defer(() => cmtpCounter.close(0));
    const kept = immpSchema.parse({ domain: 'immp.test', listen: any, scrypt_n: 16384 });
    const immpCounter = await immp.open(house, kept);
    stack.defer(() => immpCounter.close(0));

    await ima.addUser('ann');
    await ima.ask('list.add', { address: CLUB, posting: 'anyone' });
    await ima.ask('list.add', { address: CLOSED });
    for (const subscriber of [ANN, X]) await ima.ask('list.subscribe', { address: CLUB, subscriber });
    const carl = makeKeyPair(systemRandom);
    const xzibit = (await sealXzibit(carl, 'p', systemRandom)).toString('hex');
    const desk = { post, folder: house.folder, hostname: house.hostname };
    await ask(cmtpControls, { ...desk, settings: sealed }, { account: 'carl', publicKey: hex(carl.publicKey), xzibit });
    await ask(immpControls, { ...desk, settings: kept }, { name: 'mia', password: PASSWORD });

    // Two servers that know each other.
    const domains = ['ima.test', 'immp.test', 'cmtp.test'];
    const place = await freePort();
    const postfix = stack.use(
      await openPostfix({ domain: 'there.test', routes: Object.fromEntries(domains.map((name) => [name, place])) }),
    );
    const settings = smtpSchema.parse({
      ...{ listen: [`127.0.0.1:${place}`], listen_submission: [], listen_submissions: any, domains },
      ...{ check_senders: false, message_size: '20 KiB', routes: [`there.test=127.0.0.1:${postfix.port}`] },
    });
    const gateway = await openGateway(house, settings, { fetch: async () => undefined });
    stack.defer(() => gateway.close(0));
    const submissions = gateway.listening.find(({ what }) => what.endsWith('users, TLS'))?.at.port ?? 0;

    const send = (from: string, to: string, subject: string) => {
      const server = ['--server', `127.0.0.1:${submissions}`, '--tls-on-connect', '--from', from, '--to', to];
      const login = ['--auth', 'PLAIN', '--auth-user', from, '--auth-password', PASSWORD];
      return run('swaks', [...server, ...login, '--header', `Subject: ${subject}`, '--body', 'Hello out there.']);
    };

    // In, over TLS as Postfix likes it.
    const at = ['--server', `127.0.0.1:${postfix.port}`, '--from', X];
    await run('swaks', [...at, '--to', [ANN, MIA, CARL].join(','), '--header', 'Subject: to all', '--body', 'Hello.']);
    const inbox = join(ima.mailboxes, 'ann', 'inbox');
    const [path = ''] = await eventually(async () => {
      const found = await messagesIn(inbox);
      return found.length === 1 ? found : undefined;
    });
    expect(letterOf(await storedOctets(path)).head).toMatchObject({ from: X, to: expect.arrayContaining([ANN]) });
    const stored = (mailbox: string) => async () => {
      const { messages } = await post.store.messages.page(mailbox, { limit: 10 });
      return messages.length > 0 ? messages : undefined;
    };
    const [message] = await eventually(stored('cmtp/account/carl'));
    const octets = await post.store.messages.read('cmtp/account/carl', message?.id ?? '');
    const letter = Buffer.concat(octets === undefined ? [] : await Array.fromAsync(octets.chunks));
    expect(letter.includes('Hello.')).toBe(false);
    expect(await openMessage(letter, [carl], async () => undefined)).toMatchObject({ subject: 'to all' });
    const boxes = await post.store.mailboxes.list({ limit: 100 });
    const mia = boxes.find((box) => box.includes('mia')) ?? '';
    expect(await eventually(stored(mia))).toHaveLength(1);

    // Somebody there posts to a list, for people here. He gets what people here post: his own words the list would not send as its domain's.
    await run('swaks', [...at, '--to', CLUB, '--header', 'Subject: to the club', '--body', 'Hello club.']);
    await eventually(async () => ((await messagesIn(inbox)).length === 2 ? true : undefined));
    await send(ANN, CLUB, 'from Ann');
    const copy = await eventually(async () => (await postfix.mails())[0]);
    expect(copy).toMatch(/^Return-Path: <club-bounces@ima\.test>$/m);
    expect(copy).toMatch(/^From: ann@ima\.test$/m);

    // An account sends with an ordinary mail program, to the world and to somebody here.
    await send(MIA, `${X},${ANN}`, 'from Mia');
    const out = await eventually(async () => (await postfix.mails()).find((mail) => mail.includes('from Mia')));
    expect(out).toMatch(/^DKIM-Signature: /m);
    await eventually(async () => ((await messagesIn(inbox)).length === 4 ? true : undefined));
    const subjects = await Promise.all(
      (await messagesIn(inbox)).map(async (found) => headerOf(letterOf(await storedOctets(found)).head, 'subject')),
    );
    expect(subjects.sort()).toEqual(['from Ann', 'from Mia', 'to all', 'to the club']);

    // No, said in the conversation.
    using peer = await RawPeer.open(place);
    await peer.say('EHLO there.test');
    expect(await peer.say(`MAIL FROM:<${X}>`)).toMatch(/^250/);
    for (const domain of domains) expect(await peer.say(`RCPT TO:<nobody@${domain}>`)).toMatch(/^550 5\.1\.1/);
    expect(await peer.say(`RCPT TO:<${CARL}>`)).toMatch(/^250/);
    await peer.say('DATA');
    peer.send('Subject: one too many\r\n\r\n.\r\n');
    expect(await peer.answer()).toMatch(/^452 4\.2\.2/);
    expect(await peer.mail(X, [CLOSED], `From: ${X}\r\n\r\nx`)).toMatch(/^550 5\.7\.1/); // nothing proves who writes
    expect(await peer.say(`MAIL FROM:<${X}> SIZE=30000`)).toMatch(/^552/);
    expect(await peer.mail(X, [MIA], 'a line of text\r\n'.repeat(2000))).toMatch(/^552 5\.3\.4/);
  });
});
