// 273 means that the message is in the mailbox, 274 that it gets to the other domain: the office is killed over and over while
// clients send to both, and then everything is counted.   spec: immp 2.8

import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { askOffice } from '../../src/cli/ask-office.ts';
import { deliver } from '../../src/immp/client/deliver.ts';
import { type DerivedKey, logIn } from '../../src/immp/client/log-in.ts';
import { index } from '../../src/immp/client/mailbox.ts';
import { ImmpSession } from '../../src/immp/client/session.ts';
import { dialPlain } from '../../src/net/dial.ts';
import { type ImmpDomain, openImmpDomain } from '../support/immp-domains.ts';
import { killsWanted, momentOfKill } from '../support/kills.ts';
import { makeDataFolder, postern, startOffice } from '../support/office.ts';

const KILLS = killsWanted(4);
const CLIENTS = 6;
const PATIENCE = 120_000;
const PASSWORD = 'walnut gravel sunrise';
const HERE = 'here.test';
const THERE = 'there.test';
const SMALL = 700;
const LARGE = 90_000; // more than one chunk of the store

const alice = { local: 'alice', domain: HERE };
let derived: DerivedKey | undefined;

async function logInTo(port: number): Promise<ImmpSession> {
  const connection = await dialPlain({ to: { host: '127.0.0.1', port } });
  const session = await ImmpSession.open(connection, { domain: HERE });
  derived = await logIn(session, { account: alice, derived, password: async () => PASSWORD });
  return session;
}

/** Somebody who sends by turns to a mailbox here and to one elsewhere, and repeats what was not confirmed under the same id. */
class Sender {
  readonly confirmed = { here: new Set<string>(), there: new Set<string>() };
  #unconfirmed: { id: string; to: 'here' | 'there'; octets: Buffer } | undefined;
  #count = 0;

  async sendUntilCut(port: number): Promise<void> {
    try {
      const session = await logInTo(port);
      for (;;) {
        this.#unconfirmed ??= this.#next();
        const { id, to, octets } = this.#unconfirmed;
        const part = { type: 'text/plain', content: true, size: octets.length, chunks: () => [octets] };
        const recipient = to === 'here' ? { local: 'carol', domain: HERE } : { local: 'bob', domain: THERE };
        const sent = await deliver(session, { to: recipient, id, parts: [part] });
        expect(sent).toEqual({ state: to === 'here' ? 'delivered' : 'queued', id });
        this.confirmed[to].add(id);
        this.#unconfirmed = undefined;
      }
    } catch (error) {
      expect(error).toMatchObject({ code: expect.stringMatching(/^(cut|unreachable|closed)$/) });
    }
  }

  #next() {
    this.#count += 1;
    const octets = Buffer.alloc(this.#count % 8 === 7 ? LARGE : SMALL, `${this.#count} `);
    return { id: crypto.randomUUID(), to: this.#count % 4 === 0 ? 'there' : 'here', octets } as const;
  }
}

async function arrivedThere({ room }: ImmpDomain): Promise<string[]> {
  const names: string[] = [];
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page: Awaited<ReturnType<typeof room.post.store.messages.page>> = await room.post.store.messages.page(
      `immp/bob@${THERE}`,
      { after, limit: 500 },
    );
    names.push(...page.messages.map((message) => JSON.parse(message.index.toString()).envelope.uuid as string));
    after = page.next;
  }
  return names;
}

async function arrivedHere(port: number): Promise<string[]> {
  const session = await logInTo(port);
  const names: string[] = [];
  const target = { base: { local: 'carol', domain: HERE }, folders: ['inbox'] };
  for (let offset = 0; ; offset += 1000) {
    const page = await index(session, target, { limit: 1000, offset });
    names.push(...page.map(({ uuid }) => uuid));
    if (page.length < 1000) break;
  }
  await session.quit();
  return names;
}

test(`${KILLS} kills, ${CLIENTS} clients: what was confirmed is there, once, in both domains`, async () => {
  await using there = await openImmpDomain(THERE);
  await there.account('bob');
  await using folder = await makeDataFolder(`
[immp]
domain = "${HERE}"
hosts = ["${THERE}=127.0.0.1:${there.port}"]
cookie.accept_tofu = true
deliver_rate = "100000/s"
connections_per_address = 1000
connections_per_account = 1000
scrypt_n = 16384
`);
  for (const name of ['alice', 'carol'])
    await askOffice(folder.path, 'immp', 'account.add', { name, password: PASSWORD });
  await askOffice(folder.path, 'immp', 'account.link', { name: 'alice', mailbox: 'carol' });

  const senders = Array.from({ length: CLIENTS }, () => new Sender());
  const all = (to: 'here' | 'there') =>
    senders.reduce((sum, { confirmed }) => sum.union(confirmed[to]), new Set<string>());
  for (let kill = 0; kill < KILLS; kill += 1) {
    const office = await startOffice(folder.path, '--only', 'immp');
    const port = office.port('IMMP');
    await there.use({ hosts: [`${HERE}=127.0.0.1:${port}`] });
    const sending = Promise.all(senders.map((sender) => sender.sendUntilCut(port)));
    await momentOfKill(() => all('there').size, 400);
    expect(await office.end('SIGKILL')).toBe('SIGKILL');
    await sending;
  }
  expect(await postern('verify', '--data', folder.path, '--json')).toMatchObject({ code: 0 });

  const office = await startOffice(folder.path, '--only', 'immp');
  const port = office.port('IMMP');
  await there.use({ hosts: [`${HERE}=127.0.0.1:${port}`] });
  const here = await arrivedHere(port);
  expect(all('here').size).toBeGreaterThan(0);
  expect(all('here').difference(new Set(here)).size, 'nothing confirmed is lost').toBe(0);
  expect(new Set(here).size, 'nothing is there twice').toBe(here.length);

  const until = Date.now() + PATIENCE;
  let names: string[] = [];
  while (Date.now() < until && all('there').difference(new Set(names)).size > 0) {
    await wait(500);
    await askOffice(folder.path, 'immp', 'queue.retry', {}); // what met a server that was slow would wait for minutes
    names = await arrivedThere(there);
  }
  expect(all('there').size).toBeGreaterThanOrEqual(KILLS);
  expect(all('there').difference(new Set(names)).size, 'nothing queued is lost').toBe(0);
  expect(new Set(names).size, 'nothing arrives twice').toBe(names.length);
  expect(await office.end('SIGTERM')).toBe(0);
  console.log(`${KILLS} kills; ${all('here').size} delivered and ${all('there').size} queued, none lost, none twice`);
}, 900_000);
