// The store's picture of mailbox directories in which other programs write: nobody tells of it, and the log may be lost.   spec: ima 2.7

import { cp, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SAMPLE } from '../../../test/support/ima-samples.ts';
import { openTestPost } from '../../../test/support/post.ts';
import { systemRandom } from '../../base/random.ts';
import { MINUTE, VirtualClock } from '../../base/time.ts';
import { letterOf } from '../letter.ts';
import { Mailbox } from '../mailbox/mailbox.ts';
import { mirrorOf } from './accounts.ts';
import { Mirror } from './mirror.ts';

const BOB = 'bob@b.test';
const QUOTA = { bytes: Number.MAX_SAFE_INTEGER, messages: Number.MAX_SAFE_INTEGER };

async function openMirror() {
  const clock = new VirtualClock(Date.now());
  const post = await openTestPost(clock);
  const path = join(post.folder, 'bob');
  const mailbox = new Mailbox(path, { clock, random: systemRandom });
  await mailbox.make();
  await post.store.mailboxes.create({ id: mirrorOf(BOB), quota: QUOTA });
  const mirror = new Mirror(post);
  const shown = async (folder = 'inbox') =>
    (await post.store.messages.page(mirrorOf(BOB), { folder, limit: 100 })).messages.length;
  return { clock, post, path, mailbox, mirror, shown, [Symbol.asyncDispose]: () => post[Symbol.asyncDispose]() };
}

/** A message by a program that knows the layout and nothing of the log. */
async function putByStranger(inbox: string, from: string, number: number): Promise<string> {
  const id = `179535299067${number}-0123456789abcde${number}`;
  await cp(from, join(inbox, 'tmp', id), { recursive: true });
  await rename(join(inbox, 'tmp', id), join(inbox, 'msg', id));
  return id;
}

test('it finds what came and went without a word', async () => {
  await using at = await openMirror();
  const [inbox, elsewhere] = [join(at.path, 'inbox'), join(at.post.folder, 'other')];
  const other = new Mailbox(elsewhere, { clock: at.clock, random: systemRandom });
  await other.make();
  const id = await other.folder('inbox').deliver(letterOf(SAMPLE));
  const message = join(elsewhere, 'inbox', 'msg', id);
  const end = new AbortController();
  at.mirror.follow(async () => [{ address: BOB, path: at.path }], end.signal);
  const look = async (folder = 'inbox') => {
    await at.clock.advance(MINUTE);
    return at.shown(folder);
  };

  await putByStranger(inbox, message, 1);
  const second = await putByStranger(inbox, message, 2);
  await expect.poll(() => look()).toBe(2);
  await rm(join(inbox, 'msg', second), { recursive: true });
  await expect.poll(() => look()).toBe(1);
  await mkdir(join(at.path, 'work', 'msg'), { recursive: true });
  await mkdir(join(at.path, 'work', 'tmp'));
  await putByStranger(join(at.path, 'work'), message, 3);
  await expect.poll(() => look('work')).toBe(1);
  end.abort();
  expect(at.clock.waiting).toBe(0);
});

test('it is right again when the log is lost', async () => {
  await using at = await openMirror();
  const inbox = at.mailbox.folder('inbox');
  const ids = [];
  for (let count = 0; count < 4; count += 1) ids.push(await inbox.deliver(letterOf(SAMPLE)));
  await at.mirror.update(BOB, at.mailbox);
  expect(await at.shown()).toBe(4);

  for (const name of ['seq', 'log']) await rm(join(inbox.path, name));
  await rm(join(inbox.path, 'msg', ids[0] ?? ''), { recursive: true });
  await at.mirror.update(BOB, new Mailbox(at.path, { clock: at.clock, random: systemRandom }));
  const { messages } = await at.post.store.messages.page(mirrorOf(BOB), { folder: 'inbox', limit: 100 });
  expect(messages.map(({ arrived }) => arrived)).toEqual(ids.slice(1).map((id) => Number(id.slice(0, 13))));
});
