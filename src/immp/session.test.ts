// Conversations: the upgrade, who one is, what runs beside what, and peers who mean no good.

import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ImmpTypist, openImmpRoom, PASSWORD, type TestRoom } from '../../test/support/immp.ts';
import { openTestPost, type TestPost } from '../../test/support/post.ts';
import { fromHex, toHex } from '../base/bytes.ts';
import { HOUR, MINUTE, SECOND, VirtualClock } from '../base/time.ts';
import { authMessage, deriveH1, deriveH2, keyK1, keyK2, proofK3, verifierOf } from './auth/keys.ts';
import { readPairs } from './wire/texts.ts';

let post: TestPost;
let clock: VirtualClock;
let house: TestRoom;

beforeAll(async () => {
  post = await openTestPost();
  return () => post[Symbol.asyncDispose]();
});
beforeEach(async () => {
  clock = new VirtualClock(Date.UTC(2026, 10, 22));
  for (const id of await post.store.mailboxes.list({ limit: 1000 })) await post.store.mailboxes.remove(id);
  house = await openImmpRoom(post, clock);
});
const plain = () => new ImmpTypist(house.room, { state: 'plain' });
const stranger = () => new ImmpTypist(house.room, { state: 'unauthenticated' });

/** Turns the clock until the server has given the client up. */
async function forgotten(client: ImmpTypist): Promise<void> {
  let ended = false;
  void client.ended.then(() => {
    ended = true;
  });
  for (let minutes = 0; !ended && minutes < 60; minutes += 1) {
    await clock.advance(MINUTE);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(ended).toBe(true);
}

async function greeting(client: ImmpTypist): Promise<string[]> {
  const lines: string[] = [];
  while (!lines.at(-1)?.startsWith('101 ')) lines.push((await client.line()) ?? '101 (end)');
  return lines;
}

async function upgraded(method = 'TLS3'): Promise<ImmpTypist> {
  const client = plain();
  await greeting(client);
  expect(await client.ask(`UPGRADE ${method}`)).toEqual([`204 Upgrading to ${method.toUpperCase()}.`]);
  await client.connection.secure({ side: 'client', host: 'b.com', pin: house.room.identity.serverKey });
  return client;
}

describe('before encryption', () => {
  // spec: immp 2.3
  test('the server says what it is, and upgrades', async () => {
    const client = plain();
    expect(await greeting(client)).toEqual([
      '100- IMMP/1.0 Server at b.com.',
      '100- Please upgrade the connection to one of the following:',
      '100 TLS2 TLS3',
      '101 p=IMMP v=1.0 d=b.com m=26214400 x=K3,WATCH,MBOX2,FRAME',
    ]);
    expect(await client.ask('upgrade tls2')).toEqual(['204 Upgrading to TLS2.']);
    await client.connection.secure({ side: 'client', host: 'b.com', maxVersion: 'TLSv1.2' });
    expect(await client.ask('NOOP')).toEqual(['200 Ok']);
    expect(await client.ask('UPGRADE TLS3')).toEqual(['405 Not in this state']);
    expect(await client.ask('MBOX CHECK /inbox')).toEqual(['401 Authenticate first']);
    expect(await client.ask('QUIT')).toEqual(['205 Bye']);
    expect(await client.line()).toBeUndefined();
  });

  // spec: immp 2.7
  test.each([
    'AUTH SECRET alice@b.com',
    'AUTH COOKIE c2a9ff172404b21391cbaffbd9aa01f3 a.com',
    'DELIVER TO bob@b.com',
    'DATA x LENGTH 3',
    'MBOX CHECK /inbox',
    'PUSH TO a@b.com FROM c@d.e/x',
    'SET',
    'KEY REQUEST b.com',
    'SUBSCRIBE',
  ])('%s is not answered', async (line) => {
    const client = plain();
    await greeting(client);
    expect(await client.ask(line)).toEqual(['720 Encrypt first']);
    expect(await client.ask('NOOP')).toEqual(['200 Ok']);
  });

  test('octets behind UPGRADE end the conversation', async () => {
    for (const rest of ['NOOP\n', '\x16\x03\x01', 'x']) {
      const client = plain();
      await greeting(client);
      await client.type(`UPGRADE TLS3\n${rest}`);
      const lines = [await client.line(), await client.line()];
      expect(lines).toEqual(['204 Upgrading to TLS3.', undefined]);
      await client.ended;
    }
  });

  test('old methods are refused, three times', async () => {
    const client = plain();
    await greeting(client);
    expect(await client.ask('UPGRADE SSLv3')).toEqual(['420 Upgrade method not available']);
    expect(await client.ask('UPGRADE TLS1')).toEqual(['420 Upgrade method not available']);
    expect(await client.ask('UPGRADE constructor')).toEqual(['711 Too many errors, closing']);
    expect(await client.line()).toBeUndefined();
  });

  test('whoever says nothing is sent away', async () => {
    const client = plain();
    await greeting(client);
    await clock.advance(31 * SECOND);
    expect(await client.line()).toBe('712 Idle for too long, closing');
    const slow = stranger();
    await slow.type('NOO');
    await clock.advance(6 * MINUTE);
    expect(await slow.line()).toBe('712 Idle for too long, closing');
  });
});

describe('a user', () => {
  const device = '"Desktop Computer (Mail Client)"';

  /** Answers the challenge with what `answer` makes of it. */
  async function logIn(
    client: ImmpTypist,
    account: string,
    answer: (line: string, pairs: ReadonlyMap<string, string>) => Promise<Buffer>,
  ): Promise<string[]> {
    const [first, challenge = ''] = await client.ask(`AUTH SECRET ${account} ${device}`);
    if (first !== '302 Shared secret authentication request initiated.') return [first ?? ''];
    const line = challenge.slice('303 '.length);
    return client.ask(`AUTH RESPONSE ${toHex(await answer(line, readPairs(line)))}`);
  }
  const h2Of = (pairs: ReadonlyMap<string, string>, password: string) =>
    deriveH2(password, fromHex(pairs.get('s') ?? '') ?? Buffer.alloc(0), { N: Number(pairs.get('N')), r: 8, p: 1 });
  const byK3 =
    (account: string, password = PASSWORD) =>
    async (line: string, pairs: ReadonlyMap<string, string>) =>
      proofK3(await h2Of(pairs, password), authMessage(account, line, house.room.identity.serverKey));

  // spec: immp 2.6
  test('shows that he knows his password, and so does the server (K3)', async () => {
    await house.ask('account.add', { name: 'Alice', password: PASSWORD });
    const client = await upgraded();
    let proof = '';
    const answers = await logIn(client, 'ALICE@B.com', async (line, pairs) => {
      const h2 = await h2Of(pairs, PASSWORD);
      const message = authMessage('alice@b.com', line, client.connection.peer.serverKey ?? Buffer.alloc(0));
      const { createHmac } = await import('node:crypto');
      proof = createHmac('sha256', verifierOf(h2).serverKey).update(message).digest('hex');
      return proofK3(h2, message);
    });
    expect(answers).toEqual([`304 v=${proof}`, '210 Authentication accepted for ALICE@B.com']);
    expect((await client.ask('MBOX CHECK /inbox'))[0]).toMatch(/^240 /);
    expect(await client.ask('AUTH SECRET alice@b.com')).toEqual(['405 Not in this state']);
  });

  // spec: immp 2.6
  test('may use K1 and K2 where they are allowed, and only there', async () => {
    const old = await openImmpRoom(post, clock, { auth: ['K2', 'K1'] });
    await old.ask('account.add', { name: 'alice', password: PASSWORD });
    const client = () => new ImmpTypist(old.room, { state: 'unauthenticated' });
    const k2 = async (_line: string, pairs: ReadonlyMap<string, string>) =>
      keyK2(await h2Of(pairs, PASSWORD), nonces(pairs));
    const k1 = async (_line: string, pairs: ReadonlyMap<string, string>) =>
      keyK1(await deriveH1(PASSWORD, 'alice@b.com'), nonces(pairs));
    const nonces = (pairs: ReadonlyMap<string, string>) => ({
      account: 'alice@b.com',
      n1: pairs.get('n1') ?? '',
      n2: pairs.get('n2') ?? '',
    });
    const accepted = ['210 Authentication accepted for alice@b.com'];
    expect(await logIn(client(), 'alice@b.com', k2)).toEqual(accepted);
    expect(await logIn(client(), 'alice@b.com', k1)).toEqual(accepted);
    // In a house of K3 alone the same account is not let in by them, whatever is stored.
    for (const answer of [k1, k2])
      expect(await logIn(stranger(), 'alice@b.com', answer)).toEqual(['410 Authentication failed']);
  });

  test('who is none gets the same questions, and the same salt each time', async () => {
    await house.ask('account.add', { name: 'alice', password: PASSWORD });
    const shape = async (account: string) => {
      const lines = await stranger().ask(`AUTH SECRET ${account}`);
      return lines.map((line) => line.replace(/n1=\S+|s=\S+/g, ''));
    };
    expect(await shape('nobody@b.com')).toEqual(await shape('alice@b.com'));
    const salt = async () => readPairs((await stranger().ask('AUTH SECRET nobody@b.com'))[1] ?? '').get('s');
    expect(await salt()).toBe(await salt());
    expect(await logIn(stranger(), 'nobody@b.com', byK3('nobody@b.com'))).toEqual(['410 Authentication failed']);
  });

  test('is stopped after three wrong answers, and his account after ten in an hour', async () => {
    await house.ask('account.add', { name: 'alice', password: PASSWORD });
    const wrong = async () => Buffer.alloc(32);
    const client = stranger();
    for (let i = 0; i < 2; i += 1)
      expect(await logIn(client, 'alice@b.com', wrong)).toEqual(['410 Authentication failed']);
    expect(await logIn(client, 'alice@b.com', wrong)).toEqual(['711 Too many errors, closing']);
    for (let i = 3; i < 10; i += 1) await logIn(stranger(), 'alice@b.com', wrong);
    expect(await logIn(stranger(), 'alice@b.com', byK3('alice@b.com'))).toEqual(['429 Too many, slow down']);
    await clock.advance(61 * MINUTE);
    expect((await logIn(stranger(), 'alice@b.com', byK3('alice@b.com'))).at(-1)).toMatch(/^210 /);
  });

  test('cannot answer twice, late, or unasked', async () => {
    await house.ask('account.add', { name: 'alice', password: PASSWORD });
    const client = stranger();
    expect(await client.ask(`AUTH RESPONSE ${'0'.repeat(64)}`)).toEqual(['405 Not in this state']);
    const late = await logIn(client, 'alice@b.com', async (line, pairs) => {
      await clock.advance(61 * SECOND);
      return byK3('alice@b.com')(line, pairs);
    });
    expect(late).toEqual(['410 Authentication failed']);
    await client.ask('AUTH SECRET alice@b.com');
    await client.ask(`AUTH RESPONSE ${'0'.repeat(64)}`);
    expect(await client.ask(`AUTH RESPONSE ${'0'.repeat(64)}`)).toEqual(['405 Not in this state']);
  });

  test('sets a new password without sending it', async () => {
    await house.ask('account.add', { name: 'alice', password: PASSWORD });
    const salt = Buffer.alloc(16, 7);
    const h2 = await deriveH2('another one', salt, { N: 16384, r: 8, p: 1 });
    const alice = ImmpTypist.as(house.room, 'alice');
    expect(await alice.ask(`SET GLOBAL SECRET=scrypt:16384:8:1:${toHex(salt)}:${toHex(h2)}`)).toEqual(['260 SECRET=']);
    expect(await alice.ask(`SET GLOBAL SECRET=scrypt:1024:8:1:${toHex(salt)}:${toHex(h2)}`)).toEqual([
      '406 Bad parameter or switch',
    ]);
    expect(await logIn(stranger(), 'alice@b.com', byK3('alice@b.com'))).toEqual(['410 Authentication failed']);
    expect((await logIn(stranger(), 'alice@b.com', byK3('alice@b.com', 'another one'))).at(-1)).toMatch(/^210 /);
    expect(await house.room.secrets.checkPassword('alice@b.com', 'another one', house.room.settings)).toBe(true);
    expect(await house.room.secrets.checkPassword('alice@b.com', PASSWORD, house.room.settings)).toBe(false);
  });

  test('has so many conversations and no more', async () => {
    await house.ask('account.add', { name: 'alice', password: PASSWORD });
    const clients = Array.from({ length: 6 }, stranger);
    const ends = [];
    for (const client of clients)
      ends.push((await logIn(client, 'alice@b.com', byK3('alice@b.com'))).at(-1)?.slice(0, 3));
    expect(ends).toEqual(['210', '210', '210', '210', '210', '429']);
    await clients[0]?.ask('QUIT');
    await clients[0]?.ended;
    expect((await logIn(stranger(), 'alice@b.com', byK3('alice@b.com'))).at(-1)).toMatch(/^210 /);
  });

  test('leaves nothing readable of his secret in the store', async () => {
    await house.ask('account.add', { name: 'alice', password: PASSWORD });
    const stored = await post.store.documents.get('immp/alice@b.com', 'secret');
    expect(String(stored?.value)).not.toContain('storedKey');
    await house.account('bob');
    await post.store.documents.put('immp/bob@b.com', 'secret', stored?.value ?? Buffer.alloc(0));
    // Another's sealed secret does not open.
    expect(await logIn(stranger(), 'bob@b.com', byK3('bob@b.com'))).toEqual(['700 Internal error, try again later']);
  });
});

describe('pipelines', () => {
  let alice: ImmpTypist;
  beforeEach(async () => {
    await house.account('alice');
    alice = ImmpTypist.as(house.room, 'alice');
  });

  // spec: immp 2.2
  test('take several uploads of one line in turn', async () => {
    await alice.ask('DELIVER TO alice@b.com +MULTIPART');
    await alice.type(
      'AS a1 DATA NAME logo.png TYPE image/png LENGTH 3; AS a2 DATA NAME b.txt TYPE text/plain LENGTH 2 +CONTENT\n',
    );
    expect(await alice.line()).toBe('a1: 271 logo.png Saving part');
    await alice.type('abc');
    expect(await alice.line()).toBe('a1: 272 logo.png Part saved');
    expect(await alice.line()).toBe('a2: 271 b.txt Saving content part');
    await alice.type('de');
    expect(await alice.line()).toBe('a2: 272 b.txt Part saved');
    expect((await alice.ask('DONE'))[0]).toMatch(/^273 /);
  });

  // spec: immp 2.2
  test('an upload that is refused leaves its turn to the next', async () => {
    await alice.ask('DELIVER TO alice@b.com +MULTIPART');
    await alice.type('AS a1 DATA NAME a LENGTH 99999999999; AS a2 DATA NAME b LENGTH 2 +CONTENT; AS a3 DONE\n');
    expect(await alice.line()).toBe('a1: 413 Too large');
    expect(await alice.line()).toBe('a2: 271 b Saving content part');
    await alice.type('de');
    expect(await alice.line()).toBe('a2: 272 b Part saved');
    expect(await alice.line()).toMatch(/^a3: 273 /);
  });

  // spec: immp 2.2, 2.14
  test('have limits', async () => {
    const sixteen = Array.from({ length: 16 }, (_, i) => `AS p${i} MBOX WATCH /inbox`);
    await alice.type(`${sixteen.join(';')}\n`);
    for (let i = 0; i < 16; i += 1) await alice.line();
    expect(await alice.ask('AS p17 NOOP')).toEqual(['p17: 704 Too many pipelines or commands']);
    expect(await alice.ask('AS p3 NOOP')).toEqual(['p3: 705 Pipeline in use']);
    const other = ImmpTypist.as(house.room, 'alice');
    expect(await other.ask(Array.from({ length: 33 }, () => 'NOOP').join(';'))).toEqual([
      '704 Too many pipelines or commands: more than 32 commands in one line',
    ]);
  });

  // spec: immp 2.2
  test('what changes the connection stands alone', async () => {
    await alice.type('NOOP; AS x QUIT\n');
    expect([await alice.line(), await alice.line()].sort()).toEqual(['200 Ok', 'x: 701 QUIT stands alone on its line']);
    const other = stranger();
    expect(await other.ask('AS x AUTH SECRET alice@b.com; NOOP')).toEqual([
      'x: 701 AUTH SECRET stands alone on its line',
    ]);
    expect(await other.reply()).toEqual(['200 Ok']);
    expect((await other.ask('AS x AUTH SECRET alice@b.com'))[0]).toMatch(/^x: 302 /);
    await alice.type('AS w MBOX WATCH /inbox\n');
    await alice.line();
    await alice.type('AS q QUIT\n');
    expect([await alice.line(), await alice.line()]).toEqual(['w: 250 ', 'q: 205 Bye']);
  });

  // spec: immp 2.2, 2.9
  test('of random commands answer each to itself, frames and all, in the order of each', async () => {
    const uuids: string[] = [];
    for (let i = 0; i < 4; i += 1) {
      await alice.deliver('alice@b.com', `${i}`.repeat(400 * i + 10));
    }
    for (const { uuid } of await alice.json('MBOX INDEX /inbox +JSON')) uuids.push(String(uuid));
    const command = fc.oneof(
      fc.constantFrom(
        'NOOP',
        'MBOX CHECK /inbox +RECURSIVE',
        'MBOX INDEX /inbox',
        'SET',
        'MBOX CHECK /nowhere',
        'HELO',
      ),
      fc.nat(3).map((at) => `FETCH /inbox#${uuids[at]} PART 1 -READ`),
      fc.nat(3).map((at) => `FETCH /inbox#${uuids[at]} +JSON -READ`),
    );
    const schedule = fc.array(fc.record({ pipe: fc.option(fc.constantFrom('a', 'b', 'c', 'd')), command }), {
      minLength: 1,
      maxLength: 12,
    });
    const alone = new Map<string, string>();
    for (const line of fc.sample(command, 200)) if (!alone.has(line)) alone.set(line, await transcript([line]));
    await fc.assert(
      fc.asyncProperty(schedule, fc.nat(30), async (commands, cut) => {
        const lines = commands.map(({ pipe, command }) => (pipe === null ? command : `AS ${pipe} ${command}`));
        const seen = await bySection(lines, cut);
        for (const pipe of [null, 'a', 'b', 'c', 'd']) {
          const expected = commands.filter((each) => each.pipe === pipe).map((each) => alone.get(each.command) ?? '?');
          expect((seen.get(pipe ?? '') ?? '').replace(/705 Pipeline in use\n/g, '')).toBe(
            pipe === null ? expected.join('') : withoutRefused(expected, seen.get(pipe) ?? ''),
          );
        }
      }),
      { numRuns: 40 },
    );

    /** Commands that came while their pipeline ran were refused, whichever they were. */
    function withoutRefused(expected: readonly string[], got: string): string {
      const rest = got.replace(/705 Pipeline in use\n/g, '');
      let made = '';
      for (const each of expected) if (rest.startsWith(made + each)) made += each;
      return made;
    }

    async function transcript(lines: readonly string[]): Promise<string> {
      return (await bySection(lines, 1000)).get('') ?? '';
    }

    /** Types it all at once, cut anywhere, and sorts what comes by pipeline. */
    async function bySection(lines: readonly string[], cut: number): Promise<Map<string, string>> {
      const client = ImmpTypist.as(house.room, 'alice');
      const text = `${lines.join('\n')}\n`;
      void (async () => {
        for (let at = 0; at < text.length; at += cut + 1) await client.type(text.slice(at, at + cut + 1));
      })();
      const seen = new Map<string, string>();
      for (let left = lines.length; left > 0; ) {
        const line = (await client.line()) ?? '(end)';
        const [, pipe = '', rest = ''] = /^(?:([a-d]): )?(.*)$/s.exec(line) ?? [];
        const length = /^251- LENGTH (\d+)$/.exec(rest)?.[1];
        const block = length === undefined ? '' : String(await client.connection.block(Number(length), HOUR));
        seen.set(pipe, `${seen.get(pipe) ?? ''}${rest}\n${block}`);
        if (/^(\d{3})( |$)/.test(rest) && !/^(253|3)/.test(rest)) left -= 1;
      }
      client.hangUp();
      return seen;
    }
  });
});

test('however the stream is cut, the answers are the same', async () => {
  await house.account('alice');
  const session = [
    'NOOP\n',
    '\n',
    'DELIVER TO alice@b.com +MULTIPART ID 33af50bc-4841-4426-b27f-793186b52171\n',
    'DATA a LENGTH 6\n',
    'a\n\n\nb\n',
    'DATA b +BASE64 +CONTENT\n',
    'aGVsbG8K\n\n\n',
    'DATA c\n',
    'text\n\n\n',
    'DONE\n',
    'MBOX CHECK /inbox\n',
    'HELO\n',
    'QUIT\n',
  ].join('');
  let whole: string | undefined;
  const run = async (pieces: readonly string[]) => {
    const client = ImmpTypist.as(house.room, 'alice');
    for (const piece of pieces) await client.type(piece);
    const lines: string[] = [];
    for (let line = await client.line(); line !== undefined; line = await client.line()) lines.push(line);
    return lines.join('\n').replace(/ q=\d+/, '');
  };
  await run([session]);
  whole = await run([session]);
  expect(whole).toContain('272 c Part saved');
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.nat(session.length), { maxLength: 8 }), async (cuts) => {
      const places = [0, ...cuts.sort((a, b) => a - b), session.length];
      const pieces = places.slice(1).map((to, at) => session.slice(places[at], to));
      expect(await run(pieces.filter((piece) => piece !== ''))).toBe(whole);
    }),
    { numRuns: 40 },
  );
});

describe('a peer who means no good', () => {
  test('is not read beyond a line’s limit', async () => {
    const client = stranger();
    await client.type('x'.repeat(5000));
    expect([await client.line(), await client.line()]).toEqual(['703 Line too long', undefined]);
  });

  test('has patience only for so much nonsense', async () => {
    const client = stranger();
    const lines: (string | undefined)[] = [];
    for (let i = 0; i < 20; i += 1) lines.push((await client.ask(i % 2 ? 'HELO' : 'NOOP "'))[0]);
    expect(new Set(lines.map((line) => line?.slice(0, 3)))).toEqual(new Set(['702', '701']));
    expect([await client.line(), await client.line()]).toEqual(['711 Too many errors, closing', undefined]);
  });

  test('who floods without reading is not read either', async () => {
    await house.account('alice');
    const client = ImmpTypist.as(house.room, 'alice');
    const flood = `${Array.from({ length: 32 }, () => 'NOOP').join(';')}\n`;
    let typed = 0;
    void (async () => {
      for (;;) {
        await client.type(flood);
        typed += 1;
      }
    })().catch(() => {});
    for (let turn = 0; turn < 300; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(typed).toBeLessThan(2000);
    client.hangUp();
    await forgotten(client);
  });

  test('who sends a block too slowly, or goes away in it, leaves nothing', async () => {
    await house.account('alice');
    for (const way of ['slow', 'gone']) {
      const client = ImmpTypist.as(house.room, 'alice');
      await client.ask('DELIVER TO alice@b.com');
      await client.ask('DATA a LENGTH 100000');
      await client.type('x'.repeat(70_000));
      if (way === 'gone') client.hangUp();
      await forgotten(client);
      expect(client.session?.open).toBeUndefined();
    }
    expect((await ImmpTypist.as(house.room, 'alice').ask('MBOX CHECK /inbox'))[0]).toMatch(/t=0/);
  });

  test('who writes base64 lines without end is cut off', async () => {
    await house.account('alice');
    const client = ImmpTypist.as(house.room, 'alice');
    await client.ask('DELIVER TO alice@b.com');
    await client.ask('DATA a +BASE64');
    await client.type('A'.repeat(2000));
    expect([await client.line(), await client.line()]).toEqual(['703 Line too long', undefined]);
  });

  // spec: immp 2.7
  test('from another domain has no mailbox here', async () => {
    await house.account('alice');
    const client = new ImmpTypist(house.room, { state: 'remote', domain: 'a.com' });
    for (const line of ['MBOX CHECK /inbox', 'SET', 'SET GLOBAL', 'PUBLISH REMOVE a@b.c/d', 'SUBSCRIBE'])
      expect(await client.ask(line)).toEqual(['403 Not allowed']);
    expect(await client.ask('AUTH SECRET alice@b.com')).toEqual(['405 Not in this state']);
    expect(await client.ask('DELIVER TO alice@b.com FROM bob@b.com')).toEqual(['403 Not allowed']);
    expect(await client.ask('DELIVER TO x@c.com')).toEqual(['422 No relay, or a loop']);
    expect(await client.deliver('alice@b.com', 'x', 'FROM bob@a.com')).toMatch(/^273 /);
  });

  test('delivers so often and no more', async () => {
    const strict = await openImmpRoom(post, clock, { deliver_rate: '2/h' });
    await strict.account('alice');
    const client = ImmpTypist.as(strict.room, 'alice');
    for (const code of ['273', '273', '429'])
      expect(await client.deliver('alice@b.com', 'x')).toMatch(new RegExp(`^${code} `));
  });
});

test('an office that closes says so, and lets an upload end', async () => {
  await house.account('alice');
  const client = ImmpTypist.as(house.room, 'alice');
  await client.ask('DELIVER TO alice@b.com');
  await client.ask('DATA a LENGTH 4');
  client.session?.connection.leave();
  await client.type('text');
  expect(await client.line()).toBe('272 a Part saved');
  await client.ended;
  const stays = await upgraded();
  expect(await stays.ask('NOOP')).toEqual(['200 Ok']);
});
