// 250 means on the disk, in and out: the gateway is killed over and over while other servers hand in mail and users send some, and then
// everything is counted. RFC 5321 4.2.5, 6.1

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openSqliteStore } from '../../src/store/sqlite/open.ts';
import { killsWanted, momentOfKill } from '../support/kills.ts';
import { openMailServer } from '../support/mail-server.ts';
import { eventually, RawPeer } from '../support/smtp.ts';

const KILLS = killsWanted(4);
const CLIENTS = 6;
const USER = 'alice@here.test';
const PROGRAM = join(import.meta.dirname, 'smtp-gateway.ts');
const LOGIN = `AUTH PLAIN ${Buffer.from(`\0${USER}\0secret`).toString('base64')}`;
const MARK = /^X-Mark: (\S+)\r$/m;

/** Somebody who hands in one message after the other for as long as the gateway lives, and repeats what was not confirmed. */
class Client {
  readonly tried = new Set<string>();
  readonly confirmed = new Set<string>();
  readonly #name: string;
  readonly #to: string;
  readonly #isUser: boolean;
  #unconfirmed: string | undefined;

  constructor(name: string, to: string, isUser: boolean) {
    [this.#name, this.#to, this.#isUser] = [name, to, isUser];
  }

  async sendUntilCut(port: number): Promise<void> {
    using peer = await RawPeer.open(port, this.#isUser);
    await peer.say('EHLO there.test');
    if (this.#isUser) await peer.say(LOGIN);
    for (;;) {
      const mark = this.#unconfirmed ?? `${this.#name}-${this.tried.size}`;
      this.#unconfirmed = mark;
      this.tried.add(mark);
      const size = this.tried.size % 6 === 5 ? 400_000 : 500; // some go by way of a file
      const head = `From: ${USER}\r\nMessage-ID: <${mark}@there.test>\r\nX-Mark: ${mark}\r\n\r\n`;
      const answer = await peer.mail(USER, [this.#to], `${head}${`${'x'.repeat(70)}\r\n`.repeat(size / 72)}end`);
      if (!answer.startsWith('250 2.0.0')) return; // the connection broke
      this.confirmed.add(mark);
      this.#unconfirmed = undefined;
    }
  }
}

test(`${KILLS} kills, ${CLIENTS} clients each way: what was confirmed is there or gone on, whole; nothing came in twice`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postern-crash-'));
  await using far = await openMailServer();
  const start = async () => {
    const child = spawn(process.execPath, [PROGRAM, folder, String(far.endpoint.port)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const [exchange = 0, submissions = 0] = String(line).trim().split(' ').map(Number);
    return { child, exited, exchange, submissions, [Symbol.dispose]: () => void child.kill('SIGKILL') };
  };
  const many = (name: string, to: string, isUser: boolean) =>
    Array.from({ length: CLIENTS }, (_, number) => new Client(`${name}${number}`, to, isUser));
  const incoming = many('in', USER, false);
  const outgoing = many('out', 'x@there.test', true);

  const confirmedOf = (clients: readonly Client[]) => clients.reduce((sum, client) => sum + client.confirmed.size, 0);

  for (let kill = 0; kill < KILLS; kill += 1) {
    using gateway = await start();
    const { child, exited, exchange, submissions } = gateway;
    const sending = Promise.all([
      ...incoming.map((client) => client.sendUntilCut(exchange)),
      ...outgoing.map((client) => client.sendUntilCut(submissions)),
    ]);
    await Promise.all([momentOfKill(() => confirmedOf(incoming), 400), momentOfKill(() => confirmedOf(outgoing), 400)]);
    child.kill('SIGKILL');
    await sending.catch(() => {}); // a client that had no connection yet
    await exited;
  }

  using last = await start(); // what waits goes on
  const wanted = new Set(outgoing.flatMap(({ confirmed }) => [...confirmed]));
  const marksSent = () => far.mails.map(({ message }) => MARK.exec(message.toString('latin1'))?.[1] ?? '');
  await eventually(() => (wanted.difference(new Set(marksSent())).size === 0 ? true : undefined));
  last.child.kill('SIGTERM');
  await last.exited;

  const store = await openSqliteStore({ file: join(folder, 'store.db') });
  const kept: string[] = [];
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page = await store.messages.page('test/alice', { after, limit: 500 });
    for (const { id } of page.messages) {
      const chunks: Buffer[] = [];
      for await (const chunk of (await store.messages.read('test/alice', id))?.chunks ?? []) chunks.push(chunk);
      const text = Buffer.concat(chunks).toString('latin1');
      expect(text.endsWith('x\r\nend\r\n')).toBe(true);
      kept.push(MARK.exec(text)?.[1] ?? '');
    }
    after = page.next;
  }
  expect((await store.verify()).faults).toEqual([]);
  await store.close();
  await rm(folder, { recursive: true });

  const distinct = new Set(kept);
  const tried = new Set(incoming.flatMap((client) => [...client.tried]));
  const confirmed = new Set(incoming.flatMap((client) => [...client.confirmed]));
  expect(distinct.size, 'nothing came in twice').toBe(kept.length);
  expect(confirmed.difference(distinct).size, 'nothing confirmed is lost').toBe(0);
  expect(distinct.difference(tried).size, 'nothing half-written is there').toBe(0);
  expect(far.mails.every(({ message }) => message.toString('latin1').endsWith('x\r\nend\r\n'))).toBe(true);
  expect(confirmed.size).toBeGreaterThanOrEqual(KILLS);
  expect(wanted.size).toBeGreaterThanOrEqual(KILLS);
}, 120_000);
