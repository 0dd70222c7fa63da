// Accepted means durable: the office is killed over and over while many clients send, and then everything is counted.

import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { dial } from '../../src/net/dial.ts';
import { SmallMailClient } from '../../src/smallmail/client.ts';
import { killsWanted, momentOfKill } from '../support/kills.ts';
import { makeDataFolder, postern, startOffice } from '../support/office.ts';
import { looksSealed, makePerson, type Person } from '../support/pgp.ts';

const KILLS = killsWanted(4);
const CLIENTS = 16;
const ONLY = ['--only', 'smallmail'];
const RATES = `
[smallmail]
create_rate = "1000/s"
send_rate = "100000/s"
mailbox_rate = "100000/s"
mailbox_messages = 100000
connections = 1000
connections_per_address = 1000
`;
const SMALL = 700;
const LARGE = 90_000; // more than one chunk of the store

const digest = (octets: Uint8Array) => createHash('sha256').update(octets).digest('hex');

/** Somebody who sends to one mailbox for as long as the office lives, and repeats what was not confirmed. */
class Sender {
  readonly person: Person;
  readonly tried = new Set<string>();
  readonly confirmed = new Set<string>();
  #unconfirmed: Buffer | undefined;
  #count = 0;

  constructor(person: Person) {
    this.person = person;
  }

  async sendUntilCut(port: number): Promise<void> {
    try {
      const client = new SmallMailClient(await dial({ to: { host: '127.0.0.1', port } }));
      for (;;) {
        const body = this.#unconfirmed ?? looksSealed(this.#count++ % 8 === 7 ? LARGE : SMALL);
        this.#unconfirmed = body;
        this.tried.add(digest(body));
        await client.send(this.person.mailbox, body);
        this.confirmed.add(digest(body));
        this.#unconfirmed = undefined;
      }
    } catch (error) {
      expect(error).toMatchObject({ code: expect.stringMatching(/^(cut|unreachable|closed)$/) });
    }
  }
}

test(`${KILLS} kills, ${CLIENTS} clients: what was confirmed is there, whole, once`, async () => {
  await using folder = await makeDataFolder(RATES);
  const senders = await Promise.all(Array.from({ length: CLIENTS }, async () => new Sender(await makePerson())));

  const confirmed = () => senders.reduce((sum, sender) => sum + sender.confirmed.size, 0);

  const first = await startOffice(folder.path, ...ONLY);
  for (const { person } of senders) {
    const client = new SmallMailClient(await dial({ to: { host: '127.0.0.1', port: first.port('SmallMail') } }));
    await client.create(person.key);
    await client.close();
  }
  await first.end('SIGKILL');

  for (let kill = 0; kill < KILLS; kill += 1) {
    const office = await startOffice(folder.path, ...ONLY);
    const port = office.port('SmallMail');
    const sending = Promise.all(senders.map((sender) => sender.sendUntilCut(port)));
    await momentOfKill(confirmed);
    expect(await office.end('SIGKILL')).toBe('SIGKILL');
    await sending;
  }

  const verified = await postern('verify', '--data', folder.path, '--json');
  expect(verified).toMatchObject({ code: 0 });

  const office = await startOffice(folder.path);
  for (const { person, tried, confirmed: promised } of senders) {
    const connection = await dial({ to: { host: '127.0.0.1', port: office.port('SmallMail') } });
    const client = new SmallMailClient(connection, { sign: (_mailbox, challenge) => person.sign(challenge) });
    const kept: string[] = [];
    for (const { id, size } of await Array.fromAsync(client.list(person.mailbox))) {
      const { chunks } = await client.receive(person.mailbox, id);
      const octets = Buffer.concat(await Array.fromAsync(chunks));
      expect(octets).toHaveLength(size);
      kept.push(digest(octets));
    }
    const once = new Set(kept);
    expect(once.size, 'nothing is there twice').toBe(kept.length);
    expect(once.difference(tried).size, 'nothing half-written is listed').toBe(0);
    expect(promised.difference(once).size, 'nothing confirmed is lost').toBe(0);
    await client.close();
  }
  expect(confirmed()).toBeGreaterThanOrEqual(KILLS);
  expect(await office.end('SIGTERM')).toBe(0);
  console.log(`${KILLS} kills; ${confirmed()} messages confirmed, none lost, none twice`);
}, 240_000);
