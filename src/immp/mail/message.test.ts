// spec: immp 2.12

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemRandom } from '../../base/random.ts';
import { spool, spooled } from '../../immp/spool.ts';
import { readMime } from '../../mail/read-mime.ts';
import { type Envelope, messageFile, type Part, readHead } from './message.ts';
import { mimeOf } from './mime.ts';

const envelope: Envelope = {
  uuid: '33af50bc-4841-4426-b27f-793186b52171',
  from: 'alice@a.com',
  origin: 'a.com',
  to: 'bob@b.com',
  received: '2026-11-22T00:00:00Z',
  subject: 'Grüße\r\nBcc: all@example.net',
};

async function whole(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

const part = (kind: Part['class'], name: string, type: string, text: string): Part => ({
  class: kind,
  name,
  type,
  data: spooled(Buffer.from(text)),
});

test('a message file is written and read', async () => {
  const file = messageFile(envelope, [
    part('content', 'a', 'text/plain', 'one'),
    part('inline', 'b', 'image/png', '\n\n'),
  ]);
  const octets = await whole(file.chunks());
  expect(octets.length).toBe(file.size);
  expect(octets.toString().split('\n').slice(0, 2)).toEqual(['immp-message 1', JSON.stringify(file.head)]);
  const { head, start } = readHead(octets);
  expect([head, octets.subarray(start).toString()]).toEqual([file.head, 'one\n\n']);
  for (const bad of ['', 'immp-message 2\n{}\n', 'immp-message 1\n{}\n', 'immp-message 1\n{', 'immp-message 1\n'])
    expect(() => readHead(Buffer.from(bad))).toThrow('no message');
});

test('as MIME it says the same, and no field breaks out of its line', async () => {
  const parts = [
    part('content', 'text', 'text/plain; charset=utf-8', 'Hello,\nBob.'),
    part('content', 'html', 'text/html; charset=utf-8', '<p>Hello</p>'),
    part('attachment', 'größe "1".txt', 'text/x-size', 'x'.repeat(50_000)),
  ];
  const { head } = messageFile(envelope, parts);
  const mime = await whole(
    mimeOf(head, (info) => parts[Number(info.id) - 1]?.data.chunks() ?? spooled(Buffer.alloc(0)).chunks()),
  );
  expect(
    Math.max(
      ...mime
        .toString()
        .split('\r\n')
        .map((line) => line.length),
    ),
  ).toBeLessThan(200);
  const mail = await readMime(mime);
  expect([mail.subject, mail.text.trimEnd(), mail.field('bcc')]).toEqual([
    'Grüße Bcc: all@example.net',
    'Hello,\nBob.',
    '',
  ]);
  expect(mail.files.map(({ type, content }) => [type, content.length])).toEqual([
    ['text/html', 12],
    ['text/x-size', 50_000],
  ]);
  const [only] = parts;
  const single = messageFile({ ...envelope, from: null }, only ? [only] : []);
  const alone = await readMime(await whole(mimeOf(single.head, () => spooled(Buffer.from('text')).chunks())));
  expect([alone.text.trimEnd(), alone.field('from')]).toEqual(['text', '"" <mailer-daemon@a.com>']);
});

test('what is spooled comes back, from memory or from a file without a name', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postern-spool-'));
  const place = { folder: join(folder, 'work'), random: systemRandom };
  async function* pieces(count: number) {
    for (let at = 0; at < count; at += 1) yield Buffer.alloc(1000, at);
  }
  for (const count of [0, 1, 300]) {
    const kept = await spool(pieces(count), 1e6, place);
    expect(kept?.size).toBe(count * 1000);
    for (let twice = 0; twice < 2; twice += 1) {
      if (kept) expect((await whole(kept.chunks())).equals(await whole(pieces(count)))).toBe(true);
    }
    await kept?.discard();
  }
  expect(await spool(pieces(300), 100_000, place)).toBeUndefined();
  expect(await readdir(place.folder)).toEqual([]);
  await rm(folder, { recursive: true });
});
