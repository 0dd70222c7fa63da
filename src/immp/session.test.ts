// Conversations from their beginning: the upgrade, and who one is.

import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ImmpTypist, openImmpRoom, PASSWORD, type TestRoom } from '../../test/support/immp.ts';
import { openTestPost, type TestPost } from '../../test/support/post.ts';
import { fromHex, toHex } from '../base/bytes.ts';
import { MINUTE, SECOND, VirtualClock } from '../base/time.ts';
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
      '101 p=IMMP v=1.0 d=b.com m=26214400 x=K3,KEY,NEXT,WATCH,MBOX2,FRAME',
    ]);
    expect(await client.ask('upgrade tls2')).toEqual(['204 Upgrading to TLS2.']);
    await client.connection.secure({ side: 'client', host: 'b.com', maxVersion: 'TLSv1.2' });
    expect(await client.ask('NOOP')).toEqual(['200 Ok']);
    expect(await client.ask('UPGRADE TLS3')).toEqual(['405 Not in this state']);
    expect(await client.ask('MBOX CHECK /inbox')).toEqual(['401 Authenticate first']);
    expect(await client.ask('QUIT')).toEqual(['205 Bye']);
    expect(await client.line()).toBeUndefined();
  });

  // spec: immp 1.3, 2.7
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
