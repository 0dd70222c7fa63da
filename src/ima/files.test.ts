// An office's accounts, mail and lists as files on which the programs work at once, and into another office.   spec: ima 2.7, 2.12

import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { messagesIn, storedOctets } from '../../test/support/ima.ts';
import { SAMPLE } from '../../test/support/ima-samples.ts';
import { openTestPost } from '../../test/support/post.ts';
import { systemRandom } from '../base/random.ts';
import { systemClock } from '../base/time.ts';
import { controls } from './controls.ts';
import { files } from './files.ts';
import { letterOf } from './letter.ts';
import { Mailbox } from './mailbox/mailbox.ts';
import { settings as schema } from './settings.ts';
import { passwordFits, readUsersFile } from './users/users.ts';

const tools = { clock: systemClock, random: systemRandom };
const PASSWORD = 'correct horse';

async function openDesk() {
  const post = await openTestPost(systemClock);
  const desk = { post, settings: schema.parse({ hostparts: ['b.test'] }), folder: post.folder, hostname: 'b.test' };
  const ask = (name: string, argument: object) => {
    const asked = controls[name];
    if (asked === undefined) throw new Error(`no control ${name}`);
    return asked.run(desk, asked.argument.parse(argument));
  };
  const mailbox = join(post.folder, 'mailboxes', 'b.test', 'bob');
  return { ...desk, desk, ask, mailbox, [Symbol.asyncDispose]: () => post[Symbol.asyncDispose]() };
}

const counted = () => {
  const moved = { mailboxes: 0, messages: 0 };
  return { moved, mailbox: () => void moved.mailboxes++, message: () => void moved.messages++ };
};

test('out of one office, read by the programs, into another, and never doubled', async () => {
  await using old = await openDesk();
  await using fresh = await openDesk();
  await old.ask('account.add', { address: 'bob@b.test', password: PASSWORD, keepSent: true, keys: ['0a'.repeat(32)] });
  await old.ask('list.add', { address: 'club@b.test', posting: 'anyone' });
  await old.ask('list.subscribe', { address: 'club@b.test', subscriber: 'bob@b.test' });
  const mailbox = new Mailbox(old.mailbox, tools);
  await mailbox.folder('inbox').deliver(letterOf(SAMPLE), { flags: ['seen'] });
  await mailbox.makeFolder('work');
  await mailbox.folder('work').deliver(letterOf(SAMPLE));

  const root = join(old.folder, 'out');
  await mkdir(root);
  const out = counted();
  await files.export(old.desk, root, out);
  expect(out.moved).toEqual({ mailboxes: 1, messages: 2 });
  const again = counted();
  await files.export(old.desk, root, again);
  expect(again.moved).toEqual({ mailboxes: 1, messages: 0 });

  const [bob] = await readUsersFile(join(root, 'users.toml'), () => 'elsewhere'); // as server-post-office does
  expect(bob).toMatchObject({ address: 'bob@b.test', auth: 'password', keys: ['0a'.repeat(32)], keepSent: true });
  expect(await passwordFits(PASSWORD, bob?.password)).toBe(true);
  const [written = ''] = await messagesIn(join(root, 'mailboxes', 'b.test', 'bob', 'work'));
  expect(await storedOctets(written)).toEqual(SAMPLE);
  const list = JSON.parse(await readFile(join(root, 'lists', 'club@b.test.json'), 'utf8'));
  expect(list).toEqual({ posting: 'anyone', subscribers: ['bob@b.test'], pending: [] });

  for (const messages of [2, 0]) {
    const into = counted();
    await files.import(fresh.desk, root, into);
    expect(into.moved).toEqual({ mailboxes: 1, messages });
  }
  expect(await fresh.ask('account.list', {})).toMatchObject([{ address: 'bob@b.test', messages: 2, unread: 0 }]);
  expect(await fresh.ask('list.show', { address: 'club@b.test' })).toMatchObject({ subscribers: ['bob@b.test'] });
  const [path = ''] = await messagesIn(join(fresh.mailbox, 'inbox'));
  expect(await storedOctets(path)).toEqual(SAMPLE);
  await expect(files.import(fresh.desk, fresh.folder, counted())).rejects.toMatchObject({ code: 'usage' });
});
