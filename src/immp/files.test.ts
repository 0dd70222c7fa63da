import { appendFile, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { ImmpTypist, openImmpRoom, PASSWORD, type TestRoom } from '../../test/support/immp.ts';
import { openTestPost, type TestPost } from '../../test/support/post.ts';
import { systemClock } from '../base/time.ts';
import { files } from './files.ts';
import { type ImmpSettings, settings as schema } from './settings.ts';

const settings = schema.parse({ scrypt_n: 16384 }) as ImmpSettings;
const NODE = 'alice/news@b.com';
const READERS = [
  { reader: 'carol+news@c.com', id: '11111111-2222-4333-8444-555555555555' },
  { reader: 'dave@d.com', id: '11111111-2222-4333-8444-666666666666' },
];

let root: string;
let stack: AsyncDisposableStack;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  root = await mkdtemp(join(tmpdir(), 'postern-files-'));
  stack.defer(() => rm(root, { recursive: true }));
  return () => stack.disposeAsync();
});

async function openHouse(): Promise<TestRoom & { readonly post: TestPost }> {
  const post = stack.use(await openTestPost());
  return { post, ...(await openImmpRoom(post, systemClock)) };
}

function deskOf(post: TestPost) {
  return { post, settings, folder: post.folder, hostname: 'b.com' };
}

function counted() {
  const counts = { mailboxes: 0, messages: 0 };
  const count = (what: keyof typeof counts) => () => {
    counts[what] += 1;
  };
  return { counts, mailbox: count('mailboxes'), message: count('messages') };
}

/** Alice with a password, folders, mail, a node and a subscription; a shared mailbox with her in it. */
async function fill({ room, ask }: TestRoom): Promise<void> {
  await ask('account.add', { name: 'alice', password: PASSWORD, quota: 5_000_000 });
  await ask('shared.add', { name: 'helpdesk', owner: 'alice' });
  await ask('member.add', { group: 'helpdesk', member: 'al', account: 'alice' });
  const alice = ImmpTypist.as(room, 'alice');
  await alice.ask('MBOX CREATE "/inbox/Love Letters"');
  await alice.deliver('alice@b.com', 'One.\n', 'SUBJECT One');
  await alice.deliver('alice@b.com', `${'long '.repeat(50_000)}\n`, 'SUBJECT Two +IMPORTANT');
  await alice.deliver('helpdesk@b.com', 'Help!\n');
  await alice.ask('MBOX FLAG /inbox SET flagged');
  await alice.ask('MBOX COPY /inbox TO "/inbox/Love Letters"');
  await alice.ask('SET GLOBAL BLOCK+=@spam.example');
  await alice.ask(`PUBLISH NODE ${NODE} TITLE "News of Alice"`);
  for (const { reader, id } of READERS) await room.push.nodes.subscribe(NODE, reader, id);
  await room.push.subscriptions.begin('alice@b.com', 'x/y@c.com', READERS[0]?.id ?? '', 1000);
  await room.push.subscriptions.confirm('alice@b.com', READERS[0]?.id ?? '', 'The Y');
  alice.hangUp();
}

/** All that its owner can see, but when it was stored. */
async function seen({ room }: TestRoom) {
  const alice = ImmpTypist.as(room, 'alice');
  const messages = await alice.json('MBOX FETCH / +JSON -READ');
  const index = (await alice.json('MBOX INDEX / +JSON')).map(({ q: _, ...entry }) => entry);
  const folders = (await alice.ask('MBOX CHECK / +RECURSIVE')).map((line) => line.replace(/ q=\d+/, ''));
  const settings = (await alice.ask('SET GLOBAL')).filter((line) => /BLOCK|QUOTA|USED/.test(line));
  const group = (await alice.json('MBOX INDEX helpdesk@b.com/inbox +JSON')).length;
  const list = await alice.ask('SUBSCRIBE LIST +FULL');
  alice.hangUp();
  const subscribers = await Promise.all(
    ['c.com', 'd.com'].map((domain) => Array.fromAsync(room.push.nodes.subscribers(NODE, domain))),
  );
  const readers = subscribers.flat().map(({ reader, id }) => ({ reader, id }));
  return { messages, index, folders, settings, group, list, readers, title: await room.push.nodes.title(NODE) };
}

// spec: immp 2.12
test('what leaves arrives elsewhere as it was, with the password that opens it, and once', async () => {
  const here = await openHouse();
  await fill(here);
  const moved = counted();
  await files.export(deskOf(here.post), root, moved);
  expect(moved.counts).toEqual({ mailboxes: 3, messages: 5 });
  expect(await readdir(join(root, 'accounts'))).toEqual(['alice@b.com', 'helpdesk:al@b.com', 'helpdesk@b.com']);
  const folder = join(root, 'accounts', 'alice@b.com');
  expect((await stat(join(folder, 'account.json'))).mode & 0o777).toBe(0o600);
  expect(await readFile(join(folder, 'account.json'), 'utf8')).not.toContain(PASSWORD);
  const [first = ''] = (await readdir(folder)).filter((name) => name.endsWith('.immp'));
  expect(await readFile(join(folder, first), 'utf8')).toMatch(/^immp-message 1\n\{/);

  const there = await openHouse();
  const arrived = counted();
  for (let times = 0; times < 2; times += 1) await files.import(deskOf(there.post), root, arrived);
  expect(arrived.counts.messages).toBe(5);
  const [before, after] = [await seen(here), await seen(there)];
  expect(after).toEqual(before);
  expect(after).toMatchObject({ readers: READERS, title: 'News of Alice', group: 1 });
  expect(after.index).toHaveLength(4);
  expect(await there.room.secrets.checkPassword('alice@b.com', PASSWORD, settings)).toBe(true);
  expect(await there.room.secrets.checkPassword('alice@b.com', 'another', settings)).toBe(false);
});

test('what is here stays as it is, and what lies there by mistake or damaged is named', async () => {
  const here = await openHouse();
  await fill(here);
  await files.export(deskOf(here.post), root, counted());
  const there = await openHouse();
  await there.ask('account.add', { name: 'alice', password: 'of this office' });
  const desk = deskOf(there.post);
  const folder = join(root, 'accounts', 'alice@b.com');
  const [file = ''] = (await readdir(folder)).filter((name) => name.endsWith('.immp'));
  const octets = await readFile(join(folder, file));
  const refused = async (says: string, code = 'files') =>
    expect(files.import(desk, root, counted())).rejects.toMatchObject({
      code,
      message: expect.stringContaining(says),
    });
  await writeFile(join(folder, file), octets.with(-1, 0));
  await refused('is damaged');
  await writeFile(join(folder, file), octets.subarray(0, -1));
  await refused('is damaged');
  await writeFile(join(folder, file), 'nonsense');
  await refused('is not a message');
  await rm(join(folder, file));
  await refused('cannot be read');
  await writeFile(join(folder, file), octets);
  const list = await readFile(join(folder, 'messages.jsonl'));
  await appendFile(join(folder, 'messages.jsonl'), '{"file":"../../x.immp"}\n');
  await refused('says nothing');
  await writeFile(join(folder, 'messages.jsonl'), list);

  // What came before it broke off is not doubled.
  await files.import(desk, root, counted());
  expect((await seen(there)).messages).toEqual((await seen(here)).messages);
  expect(await there.room.secrets.checkPassword('alice@b.com', 'of this office', settings)).toBe(true);
  expect((await there.room.accounts.get('alice@b.com'))?.block).toEqual([]);

  await writeFile(join(folder, 'account.json'), '{}');
  await refused('account.json does not hold');
  await rename(folder, join(root, 'accounts', 'alice@elsewhere.com'));
  await refused('elsewhere.com', 'account');
  await rm(join(root, 'accounts'), { recursive: true });
  await refused('holds no accounts');
});
