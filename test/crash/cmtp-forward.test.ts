// SUCCESS for mail to another domain means that it gets there: the office that carries it is killed over and over, and then what
// arrived at the other one is counted.   spec: cmtp 9 D11, D12

import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import { systemRandom } from '../../src/base/random.ts';
import { askOffice } from '../../src/cli/ask-office.ts';
import { accountsOf, mailboxOf } from '../../src/cmtp/accounts.ts';
import { CmtpSession } from '../../src/cmtp/client/session.ts';
import { seal } from '../../src/cmtp/crypto/box.ts';
import { formatMessage, parseMessage } from '../../src/cmtp/wire/message.ts';
import { sha256 } from '../../src/crypto/hash.ts';
import { dialPlain } from '../../src/net/dial.ts';
import { type CmtpOffice, openCmtpOffice } from '../support/cmtp-office.ts';
import { users } from '../support/cmtp-room.ts';
import { killsWanted, momentOfKill } from '../support/kills.ts';
import { makeDataFolder, startOffice } from '../support/office.ts';

const KILLS = killsWanted(3);
const CLIENTS = 4;
const PATIENCE = 60_000;
const reader = users.bob;

/** What the two offices' clients gave, by the body that no two messages share. */
class Sender {
  readonly confirmed = new Set<string>();
  #unconfirmed: Buffer | undefined;

  async sendUntilCut(port: number): Promise<void> {
    try {
      const session = await CmtpSession.open(await dialPlain({ to: { host: '127.0.0.1', port } }));
      for (;;) {
        this.#unconfirmed ??= newMessage();
        await session.mail({ attachments: 0, chunks: [this.#unconfirmed] });
        this.confirmed.add(nameOf(this.#unconfirmed));
        this.#unconfirmed = undefined;
      }
    } catch (error) {
      expect(error).toMatchObject({ code: expect.stringMatching(/^(cut|unreachable|closed)$/) });
    }
  }
}

function newMessage(): Buffer {
  const [to, from] = [
    { account: 'bob', domain: 'there.test' },
    { account: 'nobody', domain: 'localhost' },
  ];
  const body = seal(systemRandom.bytes(800), reader.publicKey, systemRandom);
  return formatMessage({ version: 1, to, from, log: Buffer.alloc(0), body, attachments: [] });
}

function nameOf(message: Buffer): string {
  return toHex(sha256(parseMessage(message).body));
}

async function arrived({ post }: CmtpOffice): Promise<string[]> {
  const names: string[] = [];
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page = await post.store.messages.page(mailboxOf('bob'), { after, limit: 500 });
    for (const { id } of page.messages) {
      const octets = await post.store.messages.read(mailboxOf('bob'), id);
      names.push(nameOf(Buffer.concat(octets ? await Array.fromAsync(octets.chunks) : [])));
    }
    after = page.next;
  }
  return names;
}

test(`${KILLS} kills of the office in the middle: what was confirmed arrives, once`, async () => {
  await using there = await openCmtpOffice('there.test', { mail_rate: '100000/s', mailbox_messages: 100_000 });
  await accountsOf(there.post).add('bob', reader, { bytes: 2 ** 30, messages: 100_000 });
  await using folder = await makeDataFolder(`
[cmtp]
mail_rate = "100000/s"
connections_per_address = 1000
forward_from = ["127.0.0.1"]
forward_hosts = ["there.test=127.0.0.1:${there.plain}"]
`);
  const senders = Array.from({ length: CLIENTS }, () => new Sender());
  const confirmed = () => senders.reduce((all, sender) => all.union(sender.confirmed), new Set<string>());
  for (let kill = 0; kill < KILLS; kill += 1) {
    const office = await startOffice(folder.path, '--only', 'cmtp');
    const sending = Promise.all(senders.map((sender) => sender.sendUntilCut(office.port('CMTP'))));
    await momentOfKill(() => confirmed().size, 400);
    expect(await office.end('SIGKILL')).toBe('SIGKILL');
    await sending;
  }
  const promised = confirmed();
  expect(promised.size).toBeGreaterThanOrEqual(KILLS);

  const office = await startOffice(folder.path);
  const until = Date.now() + PATIENCE;
  let names: string[] = [];
  while (Date.now() < until && promised.difference(new Set(names)).size > 0) {
    await wait(500);
    await askOffice(folder.path, 'cmtp', 'queue.retry', {}); // what met a server that was slow would wait for minutes
    names = await arrived(there);
  }
  expect(promised.difference(new Set(names)).size, 'nothing confirmed is lost').toBe(0);
  expect(new Set(names).size, 'nothing is there twice').toBe(names.length);
  expect(await office.end('SIGTERM')).toBe(0);
  console.log(`${KILLS} kills; ${promised.size} messages for another domain confirmed, none lost, none twice`);
}, 180_000);
