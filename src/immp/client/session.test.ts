// The client's side of a conversation, with the server of this office and with servers that say odd things.

import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { openImmpRoom, PASSWORD, testIdentity } from '../../../test/support/immp.ts';
import { openTestPost, type TestPost } from '../../../test/support/post.ts';
import { VirtualClock } from '../../base/time.ts';
import { connectionPair } from '../../net/memory.ts';
import type { Room } from '../room.ts';
import { serve } from '../server.ts';
import { imid } from '../wire/imid.ts';
import { target } from '../wire/target.ts';
import { deliver, type OutgoingPart } from './deliver.ts';
import { ClientError } from './errors.ts';
import { type DerivedKey, logIn } from './log-in.ts';
import { changed, check, fetchMessages, fetchRaw, flag, index, watch } from './mailbox.ts';
import { ImmpSession } from './session.ts';

let post: TestPost;
let room: Room;
let ask: Awaited<ReturnType<typeof openImmpRoom>>['ask'];

beforeAll(async () => {
  post = await openTestPost();
  const clock = new VirtualClock(Date.UTC(2026, 10, 22));
  ({ room, ask } = await openImmpRoom(post, clock, { auth: ['K3', 'K2'], connections_per_account: 100 }));
  for (const name of ['alice', 'bob']) await ask('account.add', { name, password: PASSWORD });
  return () => post[Symbol.asyncDispose]();
});

const account = (name: string) => imid.read(`${name}@b.com`) ?? fail();
const at = (text: string) => target.read(text) ?? fail();
function fail(): never {
  throw new Error('not in the grammar');
}

function connect(): Promise<ImmpSession> {
  const [here, there] = connectionPair();
  void serve(there, room).finally(() => there.close());
  return ImmpSession.open(here, { domain: 'b.com', pin: room.identity.serverKey });
}

const keys = new Map<string, DerivedKey>();

async function as(name: string, password = PASSWORD): Promise<ImmpSession> {
  const session = await connect();
  const derived = await logIn(session, {
    account: account(name),
    derived: keys.get(name),
    password: async () => password,
    device: 'the "test"'.replaceAll('"', "'"),
  });
  if (derived) keys.set(name, derived);
  return session;
}

const text = (content: string, more: Partial<OutgoingPart> = {}): OutgoingPart => ({
  type: 'text/plain',
  size: Buffer.byteLength(content),
  content: true,
  chunks: () => [Buffer.from(content)],
  ...more,
});

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

describe('with our server', () => {
  test('greeting, upgrade, K3, and what is known of the key later', async () => {
    const session = await as('alice');
    expect(session.greeting).toMatchObject({ domain: 'b.com', methods: ['TLS2', 'TLS3'], maxMessage: 26214400 });
    expect(session.serverKey.equals(room.identity.serverKey)).toBe(true);
    await session.quit();
    const again = await connect();
    await logIn(again, { account: account('alice'), derived: keys.get('alice'), password: async () => fail() });
    expect(await again.ask({ word: 'NOOP' })).toMatchObject([{ code: '200' }]);
    await again.quit();
  });

  test('a wrong password, and a key that is not the known one', async () => {
    const session = await connect();
    const wrong = logIn(session, { account: account('bob'), password: async () => 'nobody knows' });
    await expect(wrong).rejects.toMatchObject({ code: 'password' });
    const [here, there] = connectionPair();
    void serve(there, room).finally(() => there.close());
    await expect(ImmpSession.open(here, { domain: 'b.com', pin: Buffer.alloc(32) })).rejects.toMatchObject({
      code: 'tls',
    });
  });

  test('a message with attachments goes out, is listed, read in two forms, changed and deleted', async () => {
    const session = await as('alice');
    const big = Buffer.alloc(300_000, 'octets\n');
    let progress = 0;
    const sent = await deliver(
      session,
      {
        to: account('bob'),
        subject: 'Zwölf; "?"'.replaceAll('"', "'"),
        importance: 'important',
        parts: [
          text('Hello Bob.\n'),
          { name: 'a b.bin', size: big.length, chunks: () => [big.subarray(0, 7), big.subarray(7)] },
          text('', { name: 'empty', content: false }),
        ],
      },
      (octets) => {
        progress += octets;
      },
    );
    expect([sent.state, progress]).toEqual(['delivered', big.length + 11]);

    const reader = await as('bob');
    expect(await check(reader, at('/'), true)).toHaveLength(5);
    const [entry] = await index(reader, at('/inbox::unread'));
    expect(entry).toMatchObject({ from: 'alice@b.com', subject: "Zwölf; '?'", flags: ['important'] });
    const one = at(`/inbox#${entry?.uuid}`);
    const [message] = await all(fetchMessages(reader, one, { markRead: false }));
    expect(message?.parts.map(({ data }) => data?.length ?? null)).toEqual([11, null, 0]);
    const pieces = await all(fetchRaw(reader, one, { part: '2' }));
    expect(Buffer.concat(pieces.filter((piece) => typeof piece !== 'string')).equals(big)).toBe(true);
    const mail = await all(fetchRaw(reader, one));
    expect(mail[0]).toBe(entry?.uuid);

    expect(await flag(reader, one, { set: ['flagged'], clear: ['read'] })).toBe(1);
    await changed(reader, { word: 'MBOX CREATE', target: at('/inbox/Kept') });
    expect(await changed(reader, { word: 'MBOX MOVE', target: one, to: at('/inbox/kept') })).toBe(1);
    expect(await changed(reader, { word: 'MBOX DELETE', target: at('/inbox/kept::*') })).toBe(1);
    await expect(index(reader, at('/nowhere'))).rejects.toMatchObject({ code: 'refused', reply: { code: '440' } });
    await session.quit();
    await reader.quit();
  });

  test('what is refused leaves the conversation as it was', async () => {
    const session = await as('alice');
    const nobody = deliver(session, { to: account('nobody'), parts: [text('x')] });
    await expect(nobody).rejects.toMatchObject({ reply: { code: '450' } });
    const huge = { size: 27e6, chunks: () => fail() };
    const tooLarge = deliver(session, { to: account('bob'), parts: [text('x'), huge, text('y', { name: 'y' })] });
    await expect(tooLarge).rejects.toMatchObject({ reply: { code: '413' } });
    expect(await deliver(session, { to: account('bob'), parts: [text('x')] })).toMatchObject({ state: 'delivered' });
    const short = deliver(session, { to: account('bob'), parts: [text('x', { size: 5 })] });
    await expect(short).rejects.toMatchObject({ code: 'unsendable' });
    await expect(session.ask({ word: 'NOOP' })).rejects.toThrow();
    const reader = await as('bob');
    expect(await changed(reader, { word: 'MBOX DELETE', target: at('/inbox::*') })).toBe(1);
    await reader.quit();
  });

  test('downloads in several pipelines, beside a watch that ends when it is told to', async () => {
    const session = await as('alice');
    const bodies = [1, 2, 3].map((number) => Buffer.alloc(150_000 * number, number));
    const ends = new AbortController();
    const events: unknown[] = [];
    const watcher = await as('alice');
    const watching = (async () => {
      for await (const { event } of watch(watcher, [at('/inbox')], ends.signal)) {
        events.push(event);
        if (events.length === 4) ends.abort();
      }
    })();
    while (events.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    for (const body of bodies) {
      await deliver(session, {
        to: account('alice'),
        parts: [{ type: 'application/octet-stream', size: body.length, content: true, chunks: () => [body] }],
      });
    }
    await watching;
    expect(events).toEqual(['watching', 'new', 'new', 'new']);
    expect(await watcher.ask({ word: 'NOOP' })).toMatchObject([{ code: '200' }]);

    const found = await index(watcher, at('/inbox'));
    const got = await Promise.all(
      found.map(async ({ uuid }) => {
        const pieces = await all(fetchRaw(watcher, at(`/inbox#${uuid}`), { part: '1' }));
        return Buffer.concat(pieces.filter((piece) => typeof piece !== 'string'));
      }),
    );
    expect(got.map((octets, place) => octets.equals(bodies[place] ?? Buffer.alloc(0)))).toEqual([true, true, true]);
    await watcher.quit();
    await session.quit();
  });
});

describe('with servers that say odd things', () => {
  const GREETING = '100- Hi\n100 TLS3\n101 p=IMMP v=1.0 d=b.com\n';

  /** A server that says `words` after the upgrade, whatever it is asked, and then leaves if it `leaves`. */
  async function strange(words: string, leaves = false): Promise<ImmpSession> {
    const [here, there] = connectionPair();
    const server = (async () => {
      await there.write(GREETING);
      await there.line(100, 5000);
      await there.write('204 Upgrading to TLS3.\n');
      await there.secure({ side: 'server', identity: await testIdentity() });
      await there.line(4096, 5000);
      await there.write(words);
      if (leaves) await there.close();
    })();
    const session = await ImmpSession.open(here, { domain: 'b.com' });
    void server.catch(() => {});
    return session;
  }

  test.each([
    ['100 TLS3\n101 p=IMAP v=1.0\n', 'protocol'],
    ['100 SSLv3 TLS1\n101 p=IMMP v=1.0\n', 'protocol'],
    ['710 Shutting down\n', 'not-now'],
    ['HTTP/1.1 400 Bad Request\r\n', '701'],
    [`${GREETING}204 Upgrading\nNOOP`, 'injected'],
    [`${GREETING}420 Never\n`, 'refused'],
    ['', 'closed'],
    ['100- Hi\n'.repeat(100), 'protocol'],
  ])('it greets: %j', async (words, code) => {
    const [here, there] = connectionPair();
    void there
      .write(words)
      .then(() => there.close())
      .catch(() => {});
    await expect(ImmpSession.open(here, { domain: 'b.com' })).rejects.toMatchObject({ code });
  });

  // spec: immp 1.7, 1.10
  test('it names its methods in a 102 line, as later texts do', async () => {
    const [here, there] = connectionPair();
    const opening = ImmpSession.open(here, { domain: 'b.com' });
    await there.write('100- Hi\n100- Upgrade to one of the following:\n102 TLS2 SSL3\n101 p=IMMP v=1.0 d=b.com\n');
    expect(String(await there.line(100, 5000))).toBe('UPGRADE TLS2');
    await there.write('420 Never\n');
    await expect(opening).rejects.toMatchObject({ code: 'refused' });
  });

  test.each([
    ['200 Ok\n', undefined],
    ['429 Slow\n', 'not-now'],
    ['x: 200 Ok\n', 'protocol'],
    ['junk\n', '701'],
    ['250- half', 'cut'],
    ['251- LENGTH 5\nab', 'cut'],
    ['', 'closed'],
  ])('it answers %j', async (words, code) => {
    const session = await strange(words, code === 'cut' || code === 'closed');
    const asked = session.ask({ word: 'NOOP' });
    if (code === undefined) await expect(asked).resolves.toHaveLength(1);
    else await expect(asked).rejects.toMatchObject({ code });
  });

  test('frames and lines of several pipelines find their commands', async () => {
    const digest = (octets: string) => createHash('sha256').update(octets).digest('hex');
    const session = await strange(
      `p2: 251- LENGTH 3\nabcp1: 251- LENGTH 2\nxyp2: 251- LENGTH 1\n\np1: 251 TOTAL 2 SHA256 ${digest('xy')}\n` +
        `200 Ok\np2: 251 TOTAL 4 SHA256 ${digest('abc\n')}\n`,
    );
    const one = all(fetchRaw(session, at('/inbox#33af50bc-4841-4426-b27f-793186b52171')));
    const two = all(fetchRaw(session, at('/inbox#33af50bc-4841-4426-b27f-793186b52172')));
    await session.ask({ word: 'NOOP' });
    expect(String(Buffer.concat((await two) as Buffer[]))).toBe('abc\n');
    expect(String(Buffer.concat((await one) as Buffer[]))).toBe('xy');
  });

  test('octets that are not those announced are noticed', async () => {
    const session = await strange(`p1: 251- LENGTH 2\nxyp1: 251 TOTAL 2 SHA256 ${'0'.repeat(64)}\n`);
    const fetched = all(fetchRaw(session, at('/inbox')));
    await expect(fetched).rejects.toMatchObject({ code: 'protocol' });
  });

  const QUESTION = `303 n1=24c17bb6-11ef-4cfa-8c5c-440ceadc8431 n2=1 h=scrypt s=${'00'.repeat(16)} r=8 p=1`;

  test.each([
    [
      `302 x\n${QUESTION} N=16384 k=K3\n304 v=${'00'.repeat(32)}\n210 Authentication accepted for a@b.com\n`,
      'protocol',
    ],
    [`302 x\n${QUESTION} N=16384 k=K3\n210 Authentication accepted for a@b.com\n`, 'protocol'],
    [`302 x\n${QUESTION} N=1024 k=K3\n`, 'protocol'],
    [`302 x\n${QUESTION} N=16777216 k=K2\n`, 'protocol'],
    [`302 x\n303 n1=24c17bb6-11ef-4cfa-8c5c-440ceadc8431 n2=1381978910\n`, 'weak'],
    ['410 Authentication failed\n', 'refused'],
  ])('it asks for a secret: %s', async (words, code) => {
    const session = await strange(words);
    const tried = logIn(session, { account: account('a'), password: async () => 'whatever it is' });
    await expect(tried).rejects.toMatchObject({ code });
    await expect(tried).rejects.toBeInstanceOf(ClientError);
  });
});
