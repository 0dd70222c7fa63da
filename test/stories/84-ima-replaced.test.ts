// Each of IMA's seven programs is replaced by a shell script: among the others as programs, and around an office.   spec: ima 1.3, 2.6, 3

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { systemClock } from '../../src/base/time.ts';
import type { ImdpClient } from '../../src/ima/imdp/client.ts';
import { ImrpClient } from '../../src/ima/imrp/client.ts';
import { fetchMailbox } from '../../src/ima/imrp/fetching.ts';
import { letterOf } from '../../src/ima/letter.ts';
import { dialIma } from '../../src/ima/trust/peer.ts';
import { hashPassword } from '../../src/ima/users/users.ts';
import type { NameRecords } from '../../src/net/resolver.ts';
import {
  clientAs,
  IMA_PROGRAM,
  makeWorld,
  messagesIn,
  runImaProgram,
  startImaProgram,
  storedOctets,
  type World,
} from '../support/ima.ts';
import { openIma, PASSWORD } from '../support/ima-office.ts';
import { SAMPLE, sampleWith } from '../support/ima-samples.ts';
import { judgedBy } from '../support/judges.ts';
import { eventually } from '../support/smtp.ts';

const json = JSON.stringify;
const script = (name: string) => join(import.meta.dirname, '..', 'foreign', 'ima', `${name}.sh`);
const TO_BOB = sampleWith({ to: 'bob@b.test' });

const stack = new AsyncDisposableStack();
let world: World;
let a: { readonly cert: string; readonly key: string };
let b: { readonly cert: string; readonly key: string };
beforeAll(async () => {
  world = stack.use(await makeWorld());
  [a, b] = [await world.files('a.test'), await world.files('b.test')];
});
afterAll(() => stack.disposeAsync());

async function runScript(name: string, args: readonly unknown[], input: Uint8Array | string = '') {
  const child = spawn(script(name), args.map(String), { cwd: world.folder });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const ended = once(child, 'close');
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await ended;
  return { code, out, err };
}

/** A script that serves one connection on a port of its own, and when it has ended. */
async function serveScript(name: string, args: readonly string[]) {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  probe.close();
  await once(probe, 'close');
  const ended = runScript(name, [port, ...args]);
  return { port, ended };
}

/** The script listens in a moment. */
async function soon<T>(work: () => Promise<T>): Promise<T> {
  const { done } = await eventually(async () => {
    try {
      return { done: await work() };
    } catch (error) {
      if (/ECONNREFUSED/.test(String(error))) return undefined;
      throw error;
    }
  });
  return done;
}

/** What Bob has, without what servers wrote above it. */
async function bobsMail(mailboxes: string): Promise<string[]> {
  const paths = await messagesIn(join(mailboxes, 'b.test', 'bob', 'inbox'));
  const whole = await Promise.all(paths.map(storedOctets));
  return whole.map((octets) => octets.toString('latin1').replace(/^received: .*\n/gm, ''));
}

async function hand(client: ImdpClient, message: Uint8Array): Promise<string> {
  const letter = letterOf(message);
  expect(await client.offer(letter.head)).toEqual({ verdict: 'accept' });
  const final = await client.send(letter, () => {});
  await client.done();
  return final;
}

async function folderWith(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = join(world.folder, name);
  await mkdir(folder, { recursive: true });
  for (const [file, content] of Object.entries(files)) await writeFile(join(folder, file), content, { mode: 0o600 });
  return folder;
}

const trust = () => `extra_ca = [${json(world.rootFile)}]\nonly_extra_ca = true\n`;
const pair = ({ cert, key }: typeof a) => `cert = ${json(cert)}\nkey = ${json(key)}\n`;

/** A folder in which server-handle-incoming-mail and server-receive run for b.test, its mail below `mailboxes`. */
function serverFolder(name: string, mailboxes = 'mailboxes', more: { table?: string; receive?: string } = {}) {
  return folderWith(name, {
    routing_table: more.table ?? '@b.test builtin:give-recipient %m/inbox\n',
    'server-handle-incoming-mail_config.toml': `[server-handle-incoming-mail]\nhostparts = ["b.test"]\nmailboxes = ${json(mailboxes)}\n`,
    'server-receive_config.toml': `[server-receive]\nlisten = ["127.0.0.1:0"]\nhostparts = ["b.test"]\nrouting_table = "routing_table"\n${pair(b)}${trust()}${more.receive ?? ''}`,
  });
}

async function startServer(name: 'server-receive' | 'server-post-office', folder: string): Promise<number> {
  const { child, port } = await startImaProgram(name, [], folder);
  stack.defer(() => void child.kill());
  return port;
}

/** An office for b.test, with Bob in it. */
async function office(settings: Record<string, object | string> = {}) {
  const names = new Map<string, NameRecords>();
  const opened = stack.use(await openIma(world, 'b.test', names, { settings: { ...pairOf(b), ...settings } }));
  await opened.addUser('bob');
  const port = (what: string) => opened.open.listening.find((one) => one.what === what)?.at.port ?? 0;
  return { ...opened, imdp: port('IMDP'), imrp: port('IMRP'), mailboxes: join(opened.mailboxes, '..') };
}

const pairOf = ({ cert, key }: typeof a) => ({ cert, key });
const asA = (port: number) => clientAs(world, { host: 'b.test', port, as: 'a.test' });
/** Of a server for b.test that listens there. */
const fetchFrom = async (port: number, folder: string) => {
  const to = { host: '127.0.0.1', port };
  const client = new ImrpClient(await dialIma({ to, host: 'b.test', trust: world.trust, clock: systemClock }));
  await client.logIn('bob@b.test', PASSWORD);
  const tools = { clock: systemClock, random: systemRandom };
  await fetchMailbox({ client, folder, remove: false, tools });
  await client.done();
};

describe('make-ima-message', judgedBy('openssl'), () => {
  const made = () => runScript('make-ima-message', ['alice@a.test', 'bob@b.test', 'Grüße'], 'Hello, Bob.\n');

  test('its message goes out by server-send-mail', async () => {
    const { out } = await made();
    const bob = await office();
    const cwd = await folderWith('made', {
      'server-send-mail_config.toml': `[server-send-mail]\n${pair(a)}${trust()}static_hosts = ["b.test=127.0.0.1:${bob.imdp}"]\n`,
    });
    const sent = await runImaProgram('server-send-mail', [], { cwd, input: out });
    expect(sent).toMatchObject({ code: 0, out: 'OK bob@b.test\n' });
    expect(await bobsMail(bob.mailboxes)).toEqual([Buffer.from(out).toString('latin1')]);
  });

  test('an office takes its message', async () => {
    const { out } = await runScript('make-ima-message', ['bob@b.test', 'bob@b.test', 'To me'], 'Buy bread.\n');
    const bob = await office();
    expect(await hand(await bob.submit('bob@b.test'), Buffer.from(out))).toBe('OK');
    expect(await bobsMail(bob.mailboxes)).toEqual([out]);
  });
});

describe('server-send-mail', judgedBy('openssl'), () => {
  test('server-receive takes what it sends', async () => {
    const folder = await serverFolder('receives');
    const port = await startServer('server-receive', folder);
    const args = ['b.test', port, a.cert, a.key, world.rootFile];
    expect(await runScript('server-send-mail', args, TO_BOB)).toMatchObject({ code: 0, out: 'OK bob@b.test\n' });
    expect(await bobsMail(join(folder, 'mailboxes'))).toEqual([TO_BOB.toString('latin1')]);
    const refused = await runScript('server-send-mail', args, sampleWith({ to: 'bob@c.test' }));
    expect(refused).toMatchObject({ code: 1, out: 'NOTE REJECT NORECIPIENT\n' });
  });

  test('an office hands it what its users send', async () => {
    const bob = await office();
    const handler = [script('server-send-mail'), 'b.test', bob.imdp, b.cert, b.key, world.rootFile].join(' ');
    const sender = await office({ submission: { handler } });
    const message = sampleWith({
      from: 'bob@b.test',
      to: 'bob@b.test',
      id: '018c2f6e-0000-7000-8000-000000000001@b.test',
    });
    expect(await hand(await sender.submit('bob@b.test'), message)).toBe('OK');
    expect(await bobsMail(bob.mailboxes)).toEqual([message.toString('latin1')]);
    expect(await bobsMail(sender.mailboxes)).toEqual([]);
  });
});

describe('server-receive', judgedBy('openssl'), () => {
  test.each(['among programs', 'beside an office'])('%s', async (place) => {
    const bob = place === 'among programs' ? undefined : await office({ 'server-receive': { listen: [] } });
    const folder = await serverFolder(`by-script ${place}`, bob?.mailboxes);
    const config = join(folder, 'server-handle-incoming-mail_config.toml');
    await writeFile(config, await handlerConfig(folder, bob?.mailboxes), { mode: 0o600 });
    const handler = [process.execPath, IMA_PROGRAM, 'server-handle-incoming-mail', '--config', config];
    const { port, ended } = await serveScript('server-receive', [b.cert, b.key, world.rootFile, ...handler]);
    expect(await hand(await soon(() => asA(port)), TO_BOB)).toBe('OK');
    await ended;
    expect(await bobsMail(bob?.mailboxes ?? join(folder, 'mailboxes'))).toEqual([TO_BOB.toString('latin1')]);
    if (bob === undefined) return;
    const reader = await bob.read('bob@b.test'); // who comes by the office's own door finds it
    expect((await reader.sync('inbox', 0))?.messages).toHaveLength(1);
    await reader.done();
  });

  const handlerConfig = async (folder: string, mailboxes = join(folder, 'mailboxes')) =>
    `[server-handle-incoming-mail]\nhostparts = ["b.test"]\nmailboxes = ${json(mailboxes)}\nrouting_table = ${json(join(folder, 'routing_table'))}\n`;
});

describe('server-handle-incoming-mail', () => {
  test('server-receive gives it the message', async () => {
    const mailboxes = join(world.folder, 'handled');
    await mkdir(join(mailboxes, 'b.test', 'bob', 'inbox'), { recursive: true });
    const handler = json(`${script('server-handle-incoming-mail')} ${mailboxes}`);
    const folder = await serverFolder('gives', mailboxes, { receive: `handler = ${handler}\n` });
    const port = await startServer('server-receive', folder);
    expect(await hand(await asA(port), SAMPLE)).toBe('PARTIAL'); // there is no Carol
    expect(await bobsMail(mailboxes)).toEqual([SAMPLE.toString('latin1')]);
  });

  test('an office gives it the message', async () => {
    const mailboxes = join(world.folder, 'elsewhere');
    await mkdir(join(mailboxes, 'b.test', 'bob', 'inbox'), { recursive: true });
    const handler = `${script('server-handle-incoming-mail')} ${mailboxes}`;
    const bob = await office({ 'server-receive': { handler, early_recipients: false } });
    expect(await hand(await asA(bob.imdp), SAMPLE)).toBe('PARTIAL');
    expect(await bobsMail(mailboxes)).toEqual([SAMPLE.toString('latin1')]);
  });
});

describe('server-give-recipient', () => {
  const table = `bob@b.test ${script('server-give-recipient')} %m/inbox\n`;

  test('server-handle-incoming-mail runs it', async () => {
    const cwd = await serverFolder('given-by-script', 'mailboxes', { table });
    const handled = await runImaProgram('server-handle-incoming-mail', [], { cwd, input: TO_BOB });
    expect(handled).toMatchObject({ code: 0, out: 'OK bob@b.test\n' });
    expect(await bobsMail(join(cwd, 'mailboxes'))).toEqual([TO_BOB.toString('latin1')]);
  });

  test('an office runs it, and shows the reader what it stored', async () => {
    const file = join(await folderWith('office-table', { table }), 'table');
    const bob = await office({ routing_table: file });
    expect(await hand(await asA(bob.imdp), TO_BOB)).toBe('OK');
    expect(await bobsMail(bob.mailboxes)).toEqual([TO_BOB.toString('latin1')]);
    const reader = await bob.read('bob@b.test');
    const [message] = (await reader.sync('inbox', 0))?.messages ?? [];
    const letter = await reader.fetch('inbox', message?.id ?? '');
    expect(Buffer.concat(await Array.fromAsync(letter.data()))).toEqual(TO_BOB.subarray(-17));
    await reader.done();
  });
});

describe('server-post-office', judgedBy('openssl'), () => {
  test('fetch-mail fetches from it', async () => {
    const inbox = join(world.folder, 'by-hand', 'b.test', 'bob', 'inbox');
    await runScript('server-give-recipient', [inbox], TO_BOB);
    const { port, ended } = await serveScript('server-post-office', [b.cert, b.key, PASSWORD, join(inbox, '..')]);
    const reader = await folderWith('reader', {
      password: `${PASSWORD}\n`,
      'fetch-mail_config.toml': `[fetch-mail]\nhost = "127.0.0.1:${port}"\nname = "b.test"\nuser = "bob"\npassword_file = "password"\n${trust()}`,
    });
    await soon(async () => {
      const { out, err } = await runImaProgram('fetch-mail', [], { cwd: reader });
      expect([out, err]).toEqual(['1 fetched, 0 removed, 0 flagged\n', '']);
    });
    await ended;
    const [path = ''] = await messagesIn(join(reader, 'mail', 'inbox'));
    expect(await storedOctets(path)).toEqual(TO_BOB);
  });

  test("it serves an office's mailboxes", async () => {
    const bob = await office({ 'server-post-office': { listen: [] } });
    expect(await hand(await asA(bob.imdp), TO_BOB)).toBe('OK');
    const mailbox = join(bob.mailboxes, 'b.test', 'bob');
    const { port, ended } = await serveScript('server-post-office', [b.cert, b.key, PASSWORD, mailbox]);
    const local = join(world.folder, 'fetched');
    await soon(() => fetchFrom(port, local));
    await ended;
    expect(await messagesIn(join(local, 'inbox'))).toHaveLength(1);
  });
});

describe('fetch-mail', judgedBy('openssl'), () => {
  test('it fetches from server-post-office', async () => {
    const folder = await folderWith('serves', {
      'server-post-office_config.toml': `[server-post-office]\nlisten = ["127.0.0.1:0"]\n${pair(b)}`,
      'users.toml': `["bob@b.test"]\npassword = ${json(await hashPassword(PASSWORD, systemRandom))}\n`,
    });
    const inbox = join(folder, 'mailboxes', 'b.test', 'bob', 'inbox');
    await runImaProgram('server-give-recipient', [inbox], { input: TO_BOB });
    await fetchByScript(await startServer('server-post-office', folder), 'by-script');
  });

  test('it fetches from an office', async () => {
    const bob = await office();
    expect(await hand(await asA(bob.imdp), TO_BOB)).toBe('OK');
    await fetchByScript(bob.imrp, 'by-script-too');
  });

  async function fetchByScript(port: number, name: string): Promise<void> {
    const local = join(world.folder, name);
    const args = ['b.test', port, 'bob@b.test', PASSWORD, world.rootFile, local];
    expect(await runScript('fetch-mail', args)).toMatchObject({ code: 0, err: '' });
    const [path = ''] = await messagesIn(join(local, 'inbox'));
    const octets = (await storedOctets(path)).toString('latin1');
    expect(octets.replace(/^received: .*\n/gm, '')).toBe(TO_BOB.toString('latin1'));
  }
});
