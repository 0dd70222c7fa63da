// The client's workflows against our server in memory, over lines that break and servers that change.

import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { duplexPair, Transform } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openTestPost, type TestPost } from '../../../test/support/post.ts';
import { waitingLetters } from '../../base/outbox.ts';
import { systemRandom } from '../../base/random.ts';
import { type Clock, DAY, MINUTE, systemClock } from '../../base/time.ts';
import { Connection } from '../../net/connection.ts';
import { NetError } from '../../net/errors.ts';
import { makeDecoy } from '../openpgp/decoy.ts';
import { Room } from '../room.ts';
import { serve } from '../server.ts';
import { type SmallMailSettings, settings as schema } from '../settings.ts';
import type { Dial } from './circuits.ts';
import type { Courier } from './courier.ts';
import { deleteLetter, fetchMailbox } from './fetching.ts';
import { type Home, type OwnMailbox, openHome, readMailbox, readServer, saveServer } from './home.ts';
import { type OwnKey, openKeyPair } from './key-pair.ts';
import { sealLetter } from './letter.ts';
import { savedLetter, savedLetters } from './letters.ts';
import { openLetter } from './open-letter.ts';
import { outboxOf } from './outbox.ts';
import { carryLetter, createMailbox, postLetter } from './sending.ts';

const SERVER = { host: 'localhost', port: 1995 };
const KEY = Buffer.alloc(32, 0xab);
const defaults = schema.parse({ work_bits: 4 }) as SmallMailSettings;
/** The client's clock: what it waits for between tries is over at once. */
const hurried: Clock = { now: systemClock.now, timer: (_, wake) => systemClock.timer(0, wake) };

let post: TestPost;
let decoy: Uint8Array;
beforeAll(async () => {
  decoy = await makeDecoy();
  post = await openTestPost();
});
afterAll(() => post[Symbol.asyncDispose]());

/** A line to the server that can be told to break, and whose server can be told to have another key. */
interface Line {
  readonly dial: Dial;
  readonly dials: number;
  serverKey: Buffer;
  /** Cuts each of the next connections after so many octets from the server, or from the client when `up`. */
  readonly cuts: { after: number; up: boolean }[];
}

function openLine(settings = defaults): Line {
  const room = new Room(post, settings, decoy);
  let dials = 0;
  const line = {
    serverKey: KEY,
    cuts: [] as { after: number; up: boolean }[],
    get dials() {
      return dials;
    },
    dial: async (_: unknown, pin: Uint8Array | undefined) => {
      dials += 1;
      if (pin !== undefined && !line.serverKey.equals(pin)) throw new NetError('tls', 'another key', {});
      const [near, far] = duplexPair();
      const cut = line.cuts.shift();
      const peer = { serverKey: line.serverKey };
      const server = new Connection(far, { peer });
      void serve(server, room).then(() => server.close());
      if (cut === undefined) return new Connection(near, { peer });
      const [mine, other] = duplexPair();
      const limit = (after: number) => {
        let passed = 0;
        return new Transform({
          transform(chunk: Buffer, _encoding, done) {
            const rest = chunk.subarray(0, Math.max(0, after - passed));
            passed += chunk.length;
            done(null, rest);
            if (passed >= after) setImmediate(() => [near, far, mine, other].map((end) => end.destroy()));
          },
        });
      };
      other.pipe(limit(cut.up ? cut.after : Number.POSITIVE_INFINITY)).pipe(near);
      near.pipe(limit(cut.up ? Number.POSITIVE_INFINITY : cut.after)).pipe(other);
      for (const end of [near, far, mine, other]) end.on('error', () => {});
      return new Connection(mine, { peer });
    },
  };
  return line;
}

let folder: string;
let home: Home;
let line: Line;
let courier: Courier;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postern-client-'));
  home = await openHome(join(folder, 'home'));
  line = openLine();
  courier = { home, dial: line.dial, clock: hurried, random: systemRandom, longestDelay: 0 };
  return () => rm(folder, { recursive: true, force: true });
});

async function makeOwn(label: string): Promise<{ mailbox: OwnMailbox; own: OwnKey }> {
  const mailbox = await createMailbox(courier, { label, server: SERVER });
  return { mailbox, own: await openKeyPair(mailbox.secretKey) };
}

async function write(to: { mailbox: OwnMailbox; own: OwnKey }, text: string, size = 0): Promise<Buffer> {
  const attachments = size === 0 ? [] : [{ name: 'f', type: 'application/octet-stream', content: Buffer.alloc(size) }];
  const draft = { to: to.mailbox.address, subject: text, text, attachments, date: 0 };
  const now = systemClock.now();
  return sealLetter(draft, { recipientKey: to.own.publicKey, now, random: systemRandom });
}

const send = async (to: { mailbox: OwnMailbox; own: OwnKey }, text: string, size = 0) =>
  carryLetter(courier, await postLetter(courier, to.mailbox.address, await write(to, text, size), true));

describe('the way of a letter', () => {
  test('from the outbox to the server, to the folder, and away', async () => {
    const bob = await makeOwn('bob');
    await send(bob, 'one');
    await send(bob, 'two');
    expect(await waitingLetters(outboxOf(home))).toEqual([]);
    const fetched = await fetchMailbox(courier, bob.mailbox, bob.own, { remove: false });
    expect(fetched).toMatchObject({ saved: [{ number: 1 }, { number: 2 }], skipped: [], remade: false });
    const letter = await savedLetter(home, 'bob', 2);
    expect(await openLetter(letter.body, bob.own, [], systemClock.now())).toMatchObject({ text: 'two' });
    expect((await fetchMailbox(courier, bob.mailbox, bob.own, { remove: false })).saved).toEqual([]);

    await deleteLetter(courier, bob.mailbox, bob.own, letter);
    expect(await savedLetters(home, 'bob')).toHaveLength(1);
    expect((await fetchMailbox(courier, bob.mailbox, bob.own, { remove: true })).saved).toEqual([]);
    await rm((await savedLetter(home, 'bob', 1)).path);
    expect((await fetchMailbox(courier, bob.mailbox, bob.own, { remove: true })).saved).toEqual([]);
  });

  test('keeps folders and files to their owner', async () => {
    const bob = await makeOwn('bob');
    await send(bob, 'private');
    await fetchMailbox(courier, bob.mailbox, bob.own, { remove: false });
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const { mode } = await stat(join(entry.parentPath, entry.name));
      expect(mode & 0o077, entry.name).toBe(0);
    }
  });

  // spec: smallmail 2.11
  test('each letter and each mailbox has a connection of its own', async () => {
    const bob = await makeOwn('bob');
    const before = line.dials;
    await send(bob, 'one');
    await send(bob, 'two');
    await fetchMailbox(courier, bob.mailbox, bob.own, { remove: true });
    expect(line.dials - before).toBe(3);
  });
});

describe('a line that breaks', () => {
  test('a letter cut off anywhere on its way up arrives once', async () => {
    const bob = await makeOwn('bob');
    const body = await write(bob, 'once');
    for (const after of [0, 1, 60, 61, 1000, body.length + 60]) {
      line.cuts.push({ after, up: true });
      await carryLetter(courier, await postLetter(courier, bob.mailbox.address, body, true));
    }
    const { saved } = await fetchMailbox(courier, bob.mailbox, bob.own, { remove: true });
    expect(saved).toHaveLength(1);
  });

  test('a letter whose RCVD was lost is there once', async () => {
    const bob = await makeOwn('bob');
    line.cuts.push({ after: 'ACCEPT\n'.length + 2, up: false });
    await send(bob, 'once');
    const { saved } = await fetchMailbox(courier, bob.mailbox, bob.own, { remove: true });
    expect(saved).toHaveLength(1);
  });

  // spec: smallmail 2.7
  test('a fetch goes on where it stopped, also in a later run', async () => {
    const bob = await makeOwn('bob');
    await send(bob, 'large', 150_000);
    const size = 256 * 1024;
    for (const after of [60_000, 20, 20, 20, 20]) line.cuts.push({ after, up: false });
    const broken = fetchMailbox(courier, bob.mailbox, bob.own, { remove: true });
    await expect(broken).rejects.toMatchObject({ code: 'cut' });
    const [part = ''] = await readdir(join(folder, 'home/mailboxes/bob/partial'));
    expect((await stat(join(folder, 'home/mailboxes/bob/partial', part))).size).toBeGreaterThan(20_000);
    line.cuts.length = 0;
    for (let cut = 0; cut < 2; cut += 1) line.cuts.push({ after: 60_000, up: false });
    const first = await fetchMailbox(courier, bob.mailbox, bob.own, { remove: false });
    expect(first.saved).toHaveLength(1);
    const letter = await savedLetter(home, 'bob', 1);
    expect(letter.body).toHaveLength(size);
    expect((await openLetter(letter.body, bob.own, [], systemClock.now())).text).toBe('large');
    expect(await readdir(join(folder, 'home/mailboxes/bob/partial'))).toEqual([]);
  });

  test('what stays broken ends in an error, and the letter stays in the outbox', async () => {
    const bob = await makeOwn('bob');
    const waiting = await postLetter(courier, bob.mailbox.address, await write(bob, 'patience'), true);
    for (let cut = 0; cut < 4; cut += 1) line.cuts.push({ after: 10, up: true });
    await expect(carryLetter(courier, waiting)).rejects.toMatchObject({ code: 'cut' });
    const [still] = await waitingLetters(outboxOf(home));
    expect(still).toMatchObject({ id: waiting.id, tries: 1 });
    if (still) await carryLetter(courier, still);
    expect(await waitingLetters(outboxOf(home))).toEqual([]);
  });

  test('a mailbox whose making was cut off is made by trying again, with the same key', async () => {
    for (let cut = 0; cut < 4; cut += 1) line.cuts.push({ after: 100, up: true });
    await expect(makeOwn('bob')).rejects.toMatchObject({ code: 'cut' });
    const begun = await readMailbox(home, 'bob');
    expect(begun.made).toBe(false);
    const { mailbox } = await makeOwn('bob');
    expect(mailbox).toEqual({ ...begun, made: true });
    await expect(makeOwn('bob')).rejects.toMatchObject({ code: 'exists' });
  });
});

describe('servers', () => {
  // spec: smallmail 2.2
  test('are remembered by their key, and a changed one is not talked to', async () => {
    const bob = await makeOwn('bob');
    expect((await readServer(home, SERVER)).pin).toBe('ab'.repeat(32));
    line.serverKey = Buffer.alloc(32, 1);
    await expect(fetchMailbox(courier, bob.mailbox, bob.own, { remove: false })).rejects.toMatchObject({
      code: 'tls',
      remedy: expect.stringContaining('servers forget localhost:1995'),
    });
    await expect(send(bob, 'x')).rejects.toMatchObject({ code: 'tls' });
  });

  test('a pin in an address is kept to at first sight', async () => {
    const at = { ...SERVER, pin: '01'.repeat(32) };
    await expect(createMailbox(courier, { label: 'bob', server: at })).rejects.toMatchObject({ code: 'tls' });
    expect(await readServer(home, SERVER)).toEqual({ old: false });
  });

  test('that forgot a mailbox get it again', async () => {
    const bob = await makeOwn('bob');
    await post.store.mailboxes.remove(`smallmail/${bob.mailbox.address.mailbox}`);
    const fetched = await fetchMailbox(courier, bob.mailbox, bob.own, { remove: false });
    expect(fetched).toEqual({ saved: [], skipped: [], remade: true });
    await send(bob, 'welcome back');
    expect((await fetchMailbox(courier, bob.mailbox, bob.own, { remove: false })).saved).toHaveLength(1);
  });

  test('that want work get it', async () => {
    line = openLine({ ...defaults, create_rate: { count: 0, per: MINUTE } });
    courier = { ...courier, dial: line.dial };
    expect((await makeOwn('bob')).mailbox.made).toBe(true);
  });

  test('that hand on challenges of another server get no signature', async () => {
    const bob = await makeOwn('bob');
    const dialled = line.dial;
    await saveServer(home, SERVER, { old: false });
    const posing: Dial = async (to, pin) => {
      const connection = await dialled(to, pin);
      return Object.defineProperty(connection, 'peer', {
        value: { address: undefined, serverKey: Buffer.alloc(32, 9) },
      });
    };
    const fetching = fetchMailbox({ ...courier, dial: posing }, bob.mailbox, bob.own, { remove: false });
    await expect(fetching).rejects.toMatchObject({ code: 'challenge' });
  });
});

describe('two processes', () => {
  test('do not fetch the same mailbox at once', async () => {
    const bob = await makeOwn('bob');
    await send(bob, 'one');
    const both = await Promise.allSettled([
      fetchMailbox(courier, bob.mailbox, bob.own, { remove: false }),
      fetchMailbox(courier, bob.mailbox, bob.own, { remove: false }),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await savedLetters(home, 'bob')).toHaveLength(1);
  });
});

// spec: smallmail 2.11
test('a letter for a far server waits a random while, at most ten minutes', async () => {
  const bob = await makeOwn('bob');
  const far = { ...bob.mailbox.address, host: 'mail.example' };
  const delays: number[] = [];
  for (let letter = 0; letter < 8; letter += 1) {
    const { notBefore } = await postLetter({ ...courier, longestDelay: 10 * MINUTE }, far, Buffer.from('x'), false);
    delays.push(notBefore - systemClock.now());
  }
  expect(Math.max(...delays)).toBeLessThanOrEqual(10 * MINUTE);
  expect(new Set(delays).size).toBeGreaterThan(4);
  expect(DAY).toBeGreaterThan(Math.max(...delays));
});
