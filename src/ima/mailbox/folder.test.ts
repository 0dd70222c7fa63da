// Mailbox directories: octets, changes, strangers at work in them, crashes, quotas.   spec: ima 2.7

import { appendFile, cp, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { messagesIn, storedOctets } from '../../../test/support/ima.ts';
import { SAMPLE, sampleWith } from '../../../test/support/ima-samples.ts';
import { systemRandom } from '../../base/random.ts';
import { DAY, VirtualClock } from '../../base/time.ts';
import { letterOf, wholeOf } from '../letter.ts';
import { MailFolder } from './folder.ts';
import { Mailbox } from './mailbox.ts';

let path: string;
let folder: MailFolder;
const clock = new VirtualClock(Date.UTC(2026, 10, 22));
const tools = { clock, random: systemRandom };

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'postern-mailbox-'));
  folder = new MailFolder(join(path, 'inbox'), tools);
});
afterEach(() => rm(path, { recursive: true }));

const ids = async (one = folder) => (await one.list()).map(({ id }) => id);

test('a message lies there as the layout says, and comes back to the octet', async () => {
  const id = await folder.deliver(letterOf(SAMPLE), { flags: ['seen', 'flagged'] });
  expect(id).toMatch(/^1795305600000-[0-9a-f]{16}$/);
  const [message = ''] = await messagesIn(folder.path);
  expect((await readdir(message)).sort()).toEqual(['1.body', '2.attachment', 'flags', 'headers']);
  expect(await storedOctets(message)).toEqual(SAMPLE);
  expect(await readFile(join(message, 'flags'), 'utf8')).toBe('flagged\nseen\n');
  expect(await wholeOf(await folder.read(id))).toEqual(SAMPLE);
  expect(await readFile(join(folder.path, 'seq'), 'utf8')).toBe('1\n');
  expect(await readFile(join(folder.path, 'log'), 'utf8')).toBe(`1 + ${id}\n`);
  expect(await folder.list()).toEqual([{ id, size: 251, seq: 1, flags: ['flagged', 'seen'] }]);
  expect(await readdir(join(folder.path, 'tmp'))).toEqual([]);
});

test('any piece of the data is the piece that was sent', async () => {
  const id = await folder.deliver(letterOf(SAMPLE));
  const letter = await folder.read(id);
  await fc.assert(
    fc.asyncProperty(fc.nat(17), fc.nat(20), async (offset, length) => {
      const piece = Buffer.concat(await Array.fromAsync(letter.data(offset, length)));
      expect(piece).toEqual(SAMPLE.subarray(234 + offset, 234 + offset + length));
    }),
    { numRuns: 40 },
  );
});

test('changes are numbered; who asks again hears what came since', async () => {
  const [a, b] = [await folder.deliver(letterOf(SAMPLE)), await folder.deliver(letterOf(SAMPLE))];
  expect(await folder.changes(0)).toMatchObject({ messages: [{ id: a }, { id: b }], gone: [], seq: 2 });
  expect(await folder.flag(a, [{ sign: '+', word: 'seen' }])).toEqual(['seen']);
  expect(await folder.flag(a, [{ sign: '+', word: 'seen' }])).toEqual(['seen']);
  await folder.remove(b);
  expect(await folder.changes(2)).toEqual({
    messages: [{ id: a, size: 251, seq: 3, flags: ['seen'] }],
    gone: [b],
    seq: 4,
  });
  expect(await folder.changes(4)).toEqual({ messages: [], gone: [], seq: 4 });
  expect(await folder.changes(9)).toBeUndefined();
  await expect(folder.remove(b)).rejects.toMatchObject({ code: 'unknown' });
  await expect(folder.read('../../etc')).rejects.toMatchObject({ code: 'unknown' });
});

test('what strangers put there, take away and flag is seen, and written into the log', async () => {
  const id = await folder.deliver(letterOf(SAMPLE));
  const [message = ''] = await messagesIn(folder.path);
  const other = id.replace(/.$/, (digit) => (digit === '0' ? '1' : '0'));
  expect(await ids()).toEqual([id]);
  await cp(message, join(folder.path, 'tmp', other), { recursive: true });
  await rename(join(folder.path, 'tmp', other), join(folder.path, 'msg', other));
  expect((await ids()).sort()).toEqual([id, other].sort());
  expect((await folder.changes(1))?.messages.map((found) => found.id)).toEqual([other]);
  await clock.advance(DAY);
  await writeFile(join(message, 'flags'), 'answered\n');
  expect((await folder.changes(2))?.messages).toMatchObject([{ id, flags: ['answered'] }]);
  await rm(join(folder.path, 'msg', other), { recursive: true });
  expect((await folder.changes(3))?.gone).toEqual([other]);
  expect((await readFile(join(folder.path, 'log'), 'utf8')).split('\n').slice(1, -1)).toEqual([
    `2 + ${other}`,
    `3 f ${id}`,
    `4 - ${other}`,
  ]);
});

test('two programs at one folder share the numbers', async () => {
  const other = new MailFolder(folder.path, tools);
  const made = await Promise.all([folder, other, folder, other].map((one) => one.deliver(letterOf(SAMPLE))));
  const seen = await folder.list();
  expect(seen.map(({ seq }) => seq).sort()).toEqual([1, 2, 3, 4]);
  expect((await ids(other)).sort()).toEqual([...made].sort());
  expect(await folder.seq()).toBe(4);
});

test('a crash may leave half a line and an old counter', async () => {
  const a = await folder.deliver(letterOf(SAMPLE));
  await appendFile(join(folder.path, 'log'), '2 + 17630');
  await rm(join(folder.path, 'seq'));
  const again = new MailFolder(folder.path, tools);
  const b = await again.deliver(letterOf(SAMPLE));
  expect((await again.changes(1))?.messages.map(({ id }) => id)).toEqual([b]);
  expect((await ids(again)).sort()).toEqual([a, b].sort());
});

test('a long log forgets removals, and says so', async () => {
  const kept = await folder.deliver(letterOf(SAMPLE));
  const gone = kept.replace(/^./, '0');
  const lines = Array.from({ length: 20_010 }, (_, at) => `${at + 2} ${at % 2 === 0 ? '+' : '-'} ${gone}\n`);
  await appendFile(join(folder.path, 'log'), lines.join(''));
  const again = new MailFolder(folder.path, tools);
  const id = await again.deliver(letterOf(SAMPLE));
  expect(await again.changes(1)).toBeUndefined();
  const seq = await again.seq();
  const reread = new MailFolder(folder.path, tools);
  expect((await ids(reread)).sort()).toEqual([kept, id].sort());
  expect(await reread.seq()).toBe(seq);
  expect((await readFile(join(folder.path, 'log'), 'utf8')).split('\n').length).toBeLessThan(10_100);
});

test('a full folder takes nothing more, until something goes', async () => {
  const room = { bytes: 600, messages: 5 };
  const a = await folder.deliver(letterOf(SAMPLE), { room });
  await folder.deliver(letterOf(SAMPLE), { room });
  await expect(folder.deliver(letterOf(SAMPLE), { room })).rejects.toMatchObject({ code: 'full' });
  await folder.remove(a);
  await folder.deliver(letterOf(SAMPLE), { room });
  expect(await folder.used()).toEqual({ bytes: 502, messages: 2 });
  const one = { bytes: Number.POSITIVE_INFINITY, messages: 2 };
  await expect(new MailFolder(folder.path, tools).deliver(letterOf(SAMPLE), { room: one })).rejects.toMatchObject({
    code: 'full',
  });
});

test('folders of a mailbox: made, moved between, removed when empty', async () => {
  const mailbox = new Mailbox(path, tools);
  await mailbox.make();
  expect(await readFile(join(path, 'ima-mailbox'), 'utf8')).toBe('1\n');
  expect(await mailbox.folders()).toEqual(['drafts', 'inbox', 'sent', 'trash']);
  await mailbox.makeFolder('work');
  await expect(mailbox.makeFolder('work')).rejects.toMatchObject({ code: 'exists' });
  const [inbox, work] = [mailbox.folder('inbox'), mailbox.folder('work')];
  const id = await inbox.deliver(letterOf(sampleWith({ subject: 'moved' })));
  const moved = await inbox.moveTo(id, work);
  expect([await ids(inbox), await ids(work)]).toEqual([[], [moved]]);
  expect((await inbox.changes(1))?.gone).toEqual([id]);
  await expect(mailbox.removeFolder('work')).rejects.toMatchObject({ code: 'usage' });
  await work.remove(moved);
  await mailbox.removeFolder('work');
  expect(() => mailbox.folder('work')).toThrow();
  await expect(mailbox.removeFolder('inbox')).rejects.toMatchObject({ code: 'usage' });
  await writeFile(join(path, 'ima-mailbox'), '2\n');
  await expect(mailbox.make()).rejects.toMatchObject({ code: 'mailbox' });
});
