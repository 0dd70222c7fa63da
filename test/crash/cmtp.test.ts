// SUCCESS means on the disk: the office is killed over and over while many clients hand in mail, and then everything is counted.
// spec: cmtp 9 D11

import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { askOffice } from '../../src/cli/ask-office.ts';
import { CmtpSession } from '../../src/cmtp/client/session.ts';
import { fetchMessage, listMessages, prove } from '../../src/cmtp/client/words.ts';
import { seal } from '../../src/cmtp/crypto/box.ts';
import { formatMessage } from '../../src/cmtp/wire/message.ts';
import { dialPlain } from '../../src/net/dial.ts';
import { users } from '../support/cmtp-room.ts';
import { killsWanted, momentOfKill } from '../support/kills.ts';
import { makeDataFolder, postern, startOffice } from '../support/office.ts';

const KILLS = killsWanted(4);
const CLIENTS = 8;
const DOMAIN = 'localhost';
const ONLY = ['--only', 'cmtp'];
const CONFIG = `
[cmtp]
fetch_words = true
mail_rate = "100000/s"
key_rate = "100000/s"
login_rate = "100000/s"
mailbox_messages = 100000
connections_per_address = 1000
`;
const SMALL = 700;
const LARGE = 90_000; // more than one chunk of the store
const reader = users.bob; // of all accounts: a passphrase takes long

const digest = (octets: Uint8Array) => createHash('sha256').update(octets).digest('hex');
const dialTo = (port: number) => dialPlain({ to: { host: '127.0.0.1', port } });

/** Somebody who writes to one account for as long as the office lives, and repeats what was not confirmed. */
class Sender {
  readonly account: string;
  readonly tried = new Set<string>();
  readonly confirmed = new Set<string>();
  #unconfirmed: Buffer | undefined;
  #count = 0;

  constructor(account: string) {
    this.account = account;
  }

  async sendUntilCut(port: number): Promise<void> {
    try {
      const session = await CmtpSession.open(await dialTo(port));
      for (;;) {
        const message = this.#unconfirmed ?? this.#next();
        this.#unconfirmed = message;
        this.tried.add(digest(message));
        expect(await session.mail({ attachments: 1, chunks: [message] })).toBe('stored');
        this.confirmed.add(digest(message));
        this.#unconfirmed = undefined;
      }
    } catch (error) {
      expect(error).toMatchObject({ code: expect.stringMatching(/^(cut|unreachable|closed)$/) });
    }
  }

  #next(): Buffer {
    const size = this.#count++ % 8 === 7 ? LARGE : SMALL;
    const sealed = () => seal(systemRandom.bytes(size / 2), reader.publicKey, systemRandom);
    const [to, from] = [
      { account: this.account, domain: DOMAIN },
      { account: 'nobody', domain: DOMAIN },
    ];
    return formatMessage({ version: 1, to, from, log: Buffer.alloc(0), body: sealed(), attachments: [sealed()] });
  }
}

test(`${KILLS} kills, ${CLIENTS} clients: what was confirmed is there, whole, once`, async () => {
  await using folder = await makeDataFolder(CONFIG);
  const senders = Array.from({ length: CLIENTS }, (_, number) => new Sender(`reader-${number}`));
  const confirmed = () => senders.reduce((sum, sender) => sum + sender.confirmed.size, 0);
  const first = await startOffice(folder.path, ...ONLY);
  const keys = { publicKey: reader.publicKey.toString('hex'), xzibit: reader.xzibit.toString('hex') };
  for (const { account } of senders) {
    await askOffice(folder.path, 'cmtp', 'account.add', { account, ...keys });
  }
  await first.end('SIGKILL');

  for (let kill = 0; kill < KILLS; kill += 1) {
    const office = await startOffice(folder.path, ...ONLY);
    const port = office.port('CMTP');
    const sending = Promise.all(senders.map((sender) => sender.sendUntilCut(port)));
    await momentOfKill(confirmed);
    expect(await office.end('SIGKILL')).toBe('SIGKILL');
    await sending;
  }

  expect(await postern('verify', '--data', folder.path, '--json')).toMatchObject({ code: 0 });
  const office = await startOffice(folder.path);
  for (const { account, tried, confirmed: promised } of senders) {
    const session = await CmtpSession.open(await dialTo(office.port('CMTP')));
    await prove(session, { account, domain: DOMAIN }, reader);
    const kept: string[] = [];
    for (const listed of await listMessages(session)) {
      const octets = (await fetchMessage(session, listed)) ?? Buffer.alloc(0);
      expect(octets).toHaveLength(listed.size);
      kept.push(digest(octets));
    }
    const once = new Set(kept);
    expect(once.size, 'nothing is there twice').toBe(kept.length);
    expect(once.difference(tried).size, 'nothing half-written is listed').toBe(0);
    expect(promised.difference(once).size, 'nothing confirmed is lost').toBe(0);
    await session.close();
  }
  expect(confirmed()).toBeGreaterThanOrEqual(KILLS);
  expect(await office.end('SIGTERM')).toBe(0);
  console.log(`${KILLS} kills; ${confirmed()} CMTP messages confirmed, none lost, none twice`);
}, 180_000);
