import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { cmtpVectors, hex, type MessageVectors } from '../../test/support/cmtp.ts';
import { mailOf, users } from '../../test/support/cmtp-room.ts';
import { openTestPost, type TestPost } from '../../test/support/post.ts';
import { DAY, startOfDay } from '../base/time.ts';
import { accountsOf, mailboxOf } from './accounts.ts';
import { files } from './files.ts';
import { keep, partsOf } from './mailbox.ts';
import { quotaOf, settings as schema } from './settings.ts';

const settings = schema.parse({});
const quota = quotaOf(settings);
const vectors = cmtpVectors<MessageVectors>('messages');
const messages = vectors.messages.map(({ message }) => hex(message));

let root: string;
let stack: AsyncDisposableStack;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  root = await mkdtemp(join(tmpdir(), 'postern-files-'));
  stack.defer(() => rm(root, { recursive: true }));
  return () => stack.disposeAsync();
});

async function openPost(): Promise<TestPost> {
  return stack.use(await openTestPost());
}

function deskOf(post: TestPost) {
  return { post, settings, folder: post.folder, hostname: 'b.com' };
}

function counted() {
  const counts = { mailboxes: 0, messages: 0 };
  return {
    counts,
    mailbox() {
      counts.mailboxes += 1;
    },
    message() {
      counts.messages += 1;
    },
  };
}

/** Alice with a key of before and two messages, Bob with none, one message for the server. */
async function fill(post: TestPost): Promise<void> {
  await accountsOf(post).add('alice', users.bob, quota);
  await accountsOf(post).rotate('alice', users.alice);
  await accountsOf(post).add('bob', users.bob, quota);
  await post.store.mailboxes.create({ id: mailboxOf(''), quota });
  for (const message of messages.slice(0, 2)) await keep(post, 'alice', partsOf(message));
  await keep(post, '', partsOf(messages[2] ?? Buffer.alloc(0)));
}

// spec: cmtp 7
test('what leaves is laid out as the old server had it, and arrives elsewhere, once', async () => {
  const post = await openPost();
  await fill(post);
  const moved = counted();
  await files.export(deskOf(post), root, moved);
  expect(moved.counts).toEqual({ mailboxes: 2, messages: 3 });
  expect(await readFile(join(root, 'alice', 'public.key'))).toEqual(users.alice.publicKey);
  expect(await readFile(join(root, 'alice', 'alice.xzibit'))).toEqual(users.alice.xzibit);
  expect(await readdir(join(root, 'bob'))).toEqual(['bob.xzibit', 'public.key']);
  const names = (await readdir(join(root, 'alice'))).filter((name) => name.endsWith('=='));
  const like = vectors.mailbox_file_name_example;
  for (const name of names) expect([name.length, /^[A-Za-z0-9+_]{86}==$/.test(name)]).toEqual([like.length, true]);
  const mails = await Promise.all(names.map((name) => readFile(join(root, 'alice', name))));
  expect(mails.map((mail) => mail.toString('hex')).sort()).toEqual(
    messages
      .slice(0, 2)
      .map((mail) => mail.toString('hex'))
      .sort(),
  );
  const { mode, mtimeMs } = await stat(join(root, 'alice', names[0] ?? ''));
  expect([mode & 0o777, mtimeMs % DAY, Math.floor(mtimeMs / DAY)]).toEqual([0o600, 0, startOfDay(Date.now()) / DAY]);

  const other = await openPost();
  const arrived = counted();
  await files.import(deskOf(other), root, arrived);
  await files.import(deskOf(other), root, arrived);
  expect(arrived.counts.messages).toBe(3);
  const alice = await accountsOf(other).get('alice');
  expect(alice).toMatchObject({ publicKey: users.alice.publicKey, xzibit: users.alice.xzibit });
  expect(alice?.former).toMatchObject([{ publicKey: users.bob.publicKey, xzibit: users.bob.xzibit }]);
  expect((await mailOf(other, 'alice')).map(({ length }) => length).sort()).toEqual(
    messages
      .slice(0, 2)
      .map(({ length }) => length)
      .sort(),
  );
  expect(await mailOf(other, '')).toEqual([messages[2]]);
});

// spec: cmtp 7, 9 D15
test('a folder of the old server comes in, and what lies in it by mistake does not pass for something else', async () => {
  const post = await openPost();
  await expect(files.import(deskOf(post), root, counted())).rejects.toMatchObject({ code: 'files' });
  const alice = join(root, 'alice');
  await mkdir(alice);
  await writeFile(join(alice, 'public.key'), users.alice.publicKey);
  await writeFile(join(alice, 'alice.xzibit'), users.alice.xzibit);
  await writeFile(join(alice, vectors.mailbox_file_name_example), messages[0] ?? '');
  await symlink('/etc/hostname', join(alice, 'link'));
  await writeFile(join(root, 'public.key'), users.bob.publicKey); // the server's
  const moved = counted();
  await files.import(deskOf(post), root, moved);
  expect(moved.counts).toEqual({ mailboxes: 1, messages: 1 });
  expect(await mailOf(post, 'alice')).toEqual([messages[0]]);

  await writeFile(join(alice, 'note.txt'), 'not a message');
  await expect(files.import(deskOf(post), root, counted())).rejects.toThrow(/note\.txt is not a message/);
  await mkdir(join(root, '.hidden'));
  for (const [name, octets] of [
    ['public.key', users.bob.publicKey],
    ['.hidden.xzibit', users.bob.xzibit],
  ] as const) {
    await writeFile(join(root, '.hidden', name), octets);
  }
  await expect(files.import(deskOf(post), root, counted())).rejects.toThrow(/\.hidden is not an account/);
});
