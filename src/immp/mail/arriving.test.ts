// What happens to a message between DONE and its folder: the operator's filter, reports of spam, a user's own key.   spec: immp 2.11

import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { ImmpTypist, openImmpRoom, type TestRoom } from '../../../test/support/immp.ts';
import { openTestPost, type TestPost } from '../../../test/support/post.ts';
import { DAY, VirtualClock } from '../../base/time.ts';
import { decrypt, makeKey, readOwnKey } from '../federation/openpgp.ts';

let post: TestPost;
let clock: VirtualClock;

beforeAll(async () => {
  post = await openTestPost();
  return () => post[Symbol.asyncDispose]();
});
beforeEach(async () => {
  clock = new VirtualClock(Date.UTC(2026, 10, 22));
  for (const id of await post.store.mailboxes.list({ limit: 1000 })) await post.store.mailboxes.remove(id);
});

async function house(changes: object = {}): Promise<TestRoom> {
  const room = await openImmpRoom(post, clock, { deliver_rate: '100000/h', ...changes });
  for (const name of ['alice', 'bob', 'carol']) await room.account(name);
  return room;
}
const as = ({ room }: TestRoom, name: string) => ImmpTypist.as(room, name);
const from = ({ room }: TestRoom, domain: string) => new ImmpTypist(room, { state: 'remote', domain });
const index = async (room: TestRoom, name: string, folder: string) => {
  return (await as(room, name).json(`MBOX INDEX /${folder} +JSON`)).map(({ subject }) => subject);
};

test('a filter reads the message, and takes it, puts it aside or refuses it; one that fails is passed by', async () => {
  const program = join(post.folder, 'judge');
  const script = `#!/bin/sh
input=$(cat)
case "$input" in
  "immp-message 1"*viagra*) exit 2;;
  *lottery*) exit 1;;
  *crash*) kill -9 $$;;
esac
`;
  await writeFile(program, script);
  await chmod(program, 0o700);
  const room = await house({ filter: [program] });
  const alice = as(room, 'alice');
  expect(await alice.deliver('bob@b.com', 'cheap viagra', 'SUBJECT one')).toBe('430 Blocked');
  expect(await alice.deliver('bob@b.com', 'the lottery', 'SUBJECT two')).toMatch(/^273 /);
  expect(await alice.deliver('bob@b.com', 'hello', 'SUBJECT three')).toMatch(/^273 /);
  expect(await alice.deliver('bob@b.com', 'crash', 'SUBJECT four')).toMatch(/^273 /);
  expect(await index(room, 'bob', 'inbox')).toEqual(['three', 'four']);
  expect(await index(room, 'bob', 'junk')).toEqual(['two']);
  const without = await house({ filter: ['/no/such/program'] });
  expect(await as(without, 'alice').deliver('bob@b.com', 'hello', 'SUBJECT five')).toMatch(/^273 /);
  expect(await index(without, 'bob', 'inbox')).toHaveLength(3);
});

test('a filter that does not end is ended, and one that does not read is no trouble', async () => {
  const room = await house({ filter: ['sleep', '1000'] });
  const alice = as(room, 'alice');
  const large = 'x'.repeat(300_000);
  const delivered = alice.deliver('bob@b.com', large, 'SUBJECT one');
  for (let turns = 0; turns < 200 && (await index(room, 'bob', 'inbox')).length === 0; turns += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    await clock.advance(1000);
  }
  expect(await delivered).toMatch(/^273 /);
});

test('mail of a domain that enough users call spam goes into JUNK, until they have forgotten', async () => {
  const room = await house({ spam: { threshold: 2 } });
  const peer = from(room, 'spam.test');
  const mail = (name: string, subject: string) => peer.deliver(`${name}@b.com`, 'Buy!', `SUBJECT ${subject}`);
  for (const name of ['alice', 'bob', 'carol']) expect(await mail(name, 'first')).toMatch(/^273 /);
  const call = async (name: string) =>
    expect(await as(room, name).ask('MBOX FLAG /inbox SET spam')).toEqual(['241 1 flagged']);
  await call('alice');
  await mail('alice', 'second');
  await call('alice'); // the same user again
  expect(await mail('carol', 'third')).toMatch(/^273 /);
  expect(await index(room, 'carol', 'inbox')).toEqual(['first', 'third']);
  await call('bob');
  expect(await mail('carol', 'fourth')).toMatch(/^273 /);
  expect(await from(room, 'good.test').deliver('carol@b.com', 'Hi', 'SUBJECT fifth')).toMatch(/^273 /);
  expect(await index(room, 'carol', 'inbox')).toEqual(['first', 'third', 'fifth']);
  expect(await index(room, 'carol', 'junk')).toEqual(['fourth']);
  await clock.advance(31 * DAY);
  await from(room, 'spam.test').deliver('carol@b.com', 'Buy!', 'SUBJECT sixth');
  expect(await index(room, 'carol', 'inbox')).toContain('sixth');
});

test('for a user with a key all is sealed that arrives readable, and the mailbox shows what he allows', async () => {
  const room = await house();
  const own = await readOwnKey(await makeKey('bob@b.com', clock.now()));
  const pubkey = Buffer.from(own.toPublic().armor()).toString('base64');
  const bob = as(room, 'bob');
  expect(await bob.ask('SET GLOBAL PUBKEY=bm8ga2V5')).toEqual(['406 Bad parameter or switch']);
  expect(await bob.ask(`SET GLOBAL PUBKEY=${pubkey}`)).toEqual([`260 PUBKEY=${pubkey}`]);
  const alice = as(room, 'alice');
  expect(await alice.deliver('bob@b.com', 'At nine.', 'SUBJECT Tonight')).toMatch(/^273 /);
  const [row] = await bob.json('MBOX INDEX /inbox +JSON');
  expect(row).toMatchObject({
    from: null,
    origin: 'b.com',
    subject: '',
    parts: [{ type: 'application/pgp-encrypted' }],
  });
  expect(JSON.stringify(row)).not.toMatch(/alice|Tonight/);

  const [sealed] = await bob.raw(`MBOX FETCH /#${String(row?.['uuid'])} PART 1`);
  const octets = async function* () {
    yield sealed ?? Buffer.alloc(0);
  };
  const opened = Buffer.concat(await Array.fromAsync(decrypt(octets(), own, 1e6))).toString();
  expect(opened).toMatch(/^immp-message 1\n.*"subject":"Tonight".*"from":"alice@b\.com".*\nAt nine\.$/s);

  expect(await bob.ask('SET GLOBAL SHOW="from, subject"')).toEqual(['260 SHOW=from subject']);
  expect(await bob.ask('SET GLOBAL SHOW=size')).toEqual(['406 Bad parameter or switch']);
  await alice.deliver('bob@b.com', 'At ten.', 'SUBJECT Tomorrow');
  const [, second] = await bob.json('MBOX INDEX /inbox +JSON');
  expect(second).toMatchObject({ from: 'alice@b.com', subject: 'Tomorrow' });

  // What its sender has sealed stays as it is.
  await alice.ask('DELIVER TO bob@b.com SUBJECT Sealed');
  await alice.data('DATA TYPE application/pgp-encrypted LENGTH 5', 'abcde');
  await alice.ask('DONE');
  await alice.deliver('bob@b.com', '-----BEGIN PGP MESSAGE-----\n\nabc\n', 'SUBJECT Armoured');
  const all = await bob.json('MBOX INDEX /inbox +JSON');
  expect(all.map(({ subject }) => subject)).toEqual(['', 'Tomorrow', 'Sealed', 'Armoured']);
});

// spec: immp 2.11
test('a copy for another mailbox here is sealed as well, does not come from who is blocked there, and waits for a key that is good', async () => {
  const room = await house();
  const own = await readOwnKey(await makeKey('bob@b.com', clock.now()));
  const pubkey = Buffer.from(own.toPublic().armor()).toString('base64');
  await room.room.accounts.change('bob@b.com', () => ({ pubkey, forward: 'carol@b.com' }));
  expect(await as(room, 'alice').deliver('bob@b.com', 'At nine.', 'SUBJECT Tonight')).toMatch(/^273 /);
  const [row, ...more] = await as(room, 'carol').json('MBOX INDEX /inbox +JSON');
  expect(more).toEqual([]);
  expect(row).toMatchObject({ from: null, subject: '', parts: [{ type: 'application/pgp-encrypted' }] });

  await as(room, 'carol').ask('SET GLOBAL BLOCK+=alice@b.com');
  expect(await as(room, 'alice').deliver('bob@b.com', 'At ten.')).toMatch(/^273 /);
  await as(room, 'carol').ask('SET GLOBAL BLOCK-=alice@b.com');
  await room.room.accounts.change('bob@b.com', () => ({ pubkey: 'bm8ga2V5' }));
  expect(await as(room, 'alice').deliver('bob@b.com', 'At eleven.')).toMatch(/^451 /);
  expect(await index(room, 'carol', 'inbox')).toHaveLength(1);
});
