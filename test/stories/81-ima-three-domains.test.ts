// Three domains that find each other by SRV records: letters, a list, a full mailbox, a server that is away, mail from other counters.
// spec: ima 2.5, 2.6, 2.8, 2.9, 2.10, 2.13

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { DAY, HOUR, MINUTE, systemClock, VirtualClock } from '../../src/base/time.ts';
import { compose } from '../../src/ima/compose.ts';
import { fetchMailbox } from '../../src/ima/imrp/fetching.ts';
import { letterOf, wholeOf } from '../../src/ima/letter.ts';
import { toMail } from '../../src/ima/translate/to-mail.ts';
import type { Result } from '../../src/ima/wire/imdp.ts';
import { headerOf } from '../../src/ima/wire/message.ts';
import type { NameRecords } from '../../src/net/resolver.ts';
import { makeWorld, messagesIn, storedOctets, type World } from '../support/ima.ts';
import { openIma, type TestIma } from '../support/ima-office.ts';
import { sampleWith } from '../support/ima-samples.ts';

let world: World;
const names = new Map<string, NameRecords>();
let a: TestIma;
let b: TestIma;
let c: TestIma;

beforeAll(async () => {
  world = await makeWorld();
  [a, b, c] = await Promise.all([
    openIma(world, 'a.test', names),
    openIma(world, 'b.test', names, { settings: { 'server-give-recipient': { max_messages: 3 } } }),
    openIma(world, 'c.test', names),
  ]);
  await a.addUser('alice', { keepSent: true });
  await b.addUser('bob');
  await b.addUser('full');
  await c.addUser('carol');
});
afterAll(async () => {
  await Promise.all([a, b, c].map((one) => one[Symbol.asyncDispose]()));
  await world[Symbol.asyncDispose]();
});

let count = 0;
const idOf = (host: string) => {
  count += 1;
  return `018c2f6e-0000-7000-8000-${String(count).padStart(12, '0')}@${host}`;
};
const letterTo = (to: string, more: Record<string, string> = {}) =>
  letterOf(sampleWith({ id: idOf('a.test'), to, ...more }));

async function submit(at: TestIma, user: string, letter: ReturnType<typeof letterOf>) {
  const client = await at.submit(user);
  const verdict = await client.offer(letter.head);
  if (verdict.verdict === 'reject') return { verdict: verdict.reason, lines: [], final: undefined };
  const lines: Result[] = [];
  const final = await client.send(letter, (result) => void lines.push(result));
  await client.done();
  return { verdict: 'ACCEPT', lines, final };
}

const inbox = (at: TestIma, user: string) => messagesIn(join(at.mailboxes, user, 'inbox'));

test('a letter to two domains, a copy in sent, and it is read and fetched', async () => {
  const letter = letterTo('bob@b.test, carol@c.test', { bcc: 'alice@a.test' });
  const { final, lines } = await submit(a, 'alice@a.test', letter);
  expect(final).toBe('OK');
  expect(lines.map((line) => (line.kind === 'ok' ? line.address : line)).sort()).toEqual([
    'alice@a.test',
    'bob@b.test',
    'carol@c.test',
  ]);
  expect(
    [await inbox(b, 'bob'), await inbox(c, 'carol'), await inbox(a, 'alice')].map((found) => found.length),
  ).toEqual([1, 1, 1]);
  const [sent = ''] = await messagesIn(join(a.mailboxes, 'alice', 'sent'));
  expect(await storedOctets(sent)).toEqual(await wholeOf(letter));

  const reader = await b.read('bob');
  const [listed] = await reader.list('inbox');
  const fetched = await reader.fetch('inbox', listed?.id ?? '');
  expect(headerOf(fetched.head, 'bcc')).toBeUndefined();
  expect(headerOf(fetched.head, 'received')).toMatch(/^from=a\.test by=b\.test /);
  expect(await reader.part('inbox', listed?.id ?? '', 2, { offset: 1, length: 3 })).toEqual(Buffer.from([1, 2, 3]));
  await reader.flag('inbox', listed?.id ?? '', [{ sign: '+', word: 'seen' }]);
  expect(await reader.boxes()).toContainEqual({ word: 'BOX', folder: 'inbox', total: 1, unseen: 0, seq: 2 });
  const waiting = reader.wait('inbox', 2, 60);
  await submit(a, 'alice', letterTo('bob@b.test'));
  expect(await waiting).toBe(3);
  const moved = await reader.move('inbox', listed?.id ?? '', 'trash');
  expect(await reader.sync('inbox', 2)).toMatchObject({ messages: [{ seq: 3 }], gone: [listed?.id], seq: 4 });
  await reader.remove('trash', moved.id);
  await expect(reader.head('trash', moved.id)).rejects.toMatchObject({ code: 'unknown' });
  await reader.done();
});

test('a copy at home is kept in step in both directions', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postern-fetch-'));
  const tools = { clock: systemClock, random: systemRandom };
  const fetch = async (remove = false) => {
    const client = await c.read('carol');
    return fetchMailbox({ client, folder, remove, tools }).finally(() => client.done());
  };
  try {
    expect(await fetch()).toEqual({ fetched: 1, removed: 0, flagged: 0 });
    const [message = ''] = await messagesIn(join(folder, 'inbox'));
    const [there = ''] = await inbox(c, 'carol');
    expect(await storedOctets(message)).toEqual(await storedOctets(there));
    const { writeFlags, readFlags } = await import('../../src/ima/mailbox/stored.ts');
    await writeFlags(message, ['answered']);
    const reader = await c.read('carol');
    await reader.flag('inbox', there.split('/').at(-1) ?? '', [{ sign: '+', word: 'seen' }]);
    expect(await fetch()).toEqual({ fetched: 0, removed: 0, flagged: 2 });
    expect(await readFlags(message)).toEqual(['answered', 'seen']);
    expect(await readFlags(there)).toEqual(['answered', 'seen']);
    expect(await fetch()).toEqual({ fetched: 0, removed: 0, flagged: 0 });
    await fetch(true);
    expect(await inbox(c, 'carol')).toEqual([]);
    expect(await messagesIn(join(folder, 'inbox'))).toHaveLength(1);
    await reader.done();
  } finally {
    await rm(folder, { recursive: true });
  }
});

describe('what is refused', () => {
  test('another’s name at submission', async () => {
    expect((await submit(a, 'alice', letterTo('bob@b.test', { from: 'bob@a.test' }))).verdict).toBe('SENDER');
    await expect(a.submit('nobody')).rejects.toThrow('FAIL AUTH');
  });

  test('one unknown recipient, and nobody has it', async () => {
    const before = (await inbox(c, 'carol')).length;
    const { final, lines } = await submit(a, 'alice', letterTo('carol@c.test, nobody@b.test'));
    expect([final, lines]).toEqual([
      'FAIL',
      [{ kind: 'fail', address: 'nobody@b.test', text: 'NORECIPIENT nobody@b.test' }],
    ]);
    expect(await inbox(c, 'carol')).toHaveLength(before);
  });

  test('a full mailbox fails, the other recipients have it', async () => {
    for (let at = 0; at < 3; at += 1) await submit(a, 'alice', letterTo('full@b.test'));
    const { final, lines } = await submit(a, 'alice', letterTo('full@b.test, carol@c.test'));
    expect(final).toBe('PARTIAL');
    expect(lines).toContainEqual({ kind: 'note', text: 'the mailbox is full' });
    expect(lines).toContainEqual({ kind: 'fail', address: 'full@b.test', text: '' });
    expect(lines).toContainEqual({ kind: 'ok', address: 'carol@c.test' });
  });

  test('the same message again is stored once', async () => {
    const letter = letterTo('carol@c.test');
    const before = (await inbox(c, 'carol')).length;
    expect([(await submit(a, 'alice', letter)).final, (await submit(a, 'alice', letter)).final]).toEqual(['OK', 'OK']);
    expect(await inbox(c, 'carol')).toHaveLength(before + 1);
  });
});

test('a list: subscribed by two messages, posts reach all, its own mail does not go round', async () => {
  await c.ask('list.add', { address: 'club@c.test' });
  expect((await submit(a, 'alice', letterTo('club@c.test'))).final).toBe('FAIL'); // not subscribed
  const before = (await inbox(a, 'alice')).length;
  await submit(a, 'alice', letterTo('club+subscribe@c.test'));
  const questions = await inbox(a, 'alice');
  expect(questions).toHaveLength(before + 1);
  const question = letterOf(await storedOctets(questions.at(-1) ?? ''));
  expect(question.head.from).toMatch(/^club\+confirm-[0-9a-f]{32}@c\.test$/);
  expect((await submit(a, 'alice', letterTo(question.head.from))).final).toBe('OK');
  await c.ask('list.subscribe', { address: 'club@c.test', subscriber: 'bob@b.test' });
  await c.ask('list.subscribe', { address: 'club@c.test', subscriber: 'carol@c.test' });
  const bobs = (await inbox(b, 'bob')).length;
  const posted = letterTo('club@c.test', { cc: 'carol@c.test', subject: 'To all' });
  expect((await submit(a, 'alice', posted)).final).toBe('OK');
  const received = await inbox(b, 'bob');
  expect(received).toHaveLength(bobs + 1);
  const copy = letterOf(await storedOctets(received.at(-1) ?? ''));
  expect(copy.head).toMatchObject({
    id: posted.head.id,
    from: 'alice@a.test',
    mailer: 'club-bounces@c.test',
    bcc: ['bob@b.test'],
    to: [],
  });
  expect(headerOf(copy.head, 'x-list-to')).toBe('club@c.test');
  expect(headerOf(copy.head, 'x-list-cc')).toBe('carol@c.test');
  expect((await submit(a, 'alice', letterTo('club@c.test', { 'x-list-id': 'club@c.test' }))).final).toBe('FAIL');
  await submit(a, 'alice', letterTo('club+unsubscribe@c.test'));
  const asked = letterOf(await storedOctets((await inbox(a, 'alice')).at(-1) ?? ''));
  await submit(a, 'alice', letterTo(asked.head.from));
  expect(await c.ask('list.show', { address: 'club@c.test' })).toMatchObject({
    subscribers: ['bob@b.test', 'carol@c.test'],
  });
});

test('mail from other counters becomes IMA, once, and goes back as it was', async () => {
  const message = Buffer.from(
    'From: =?utf-8?B?SsO2cmc=?= <jorg@mail.test>\r\nTo: carol@c.test\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nDate: Sun, 22 Nov 2026 05:00:00 +0000\r\nMessage-ID: <1@mail.test>\r\nX-Mood: calm\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nSch=F6n.\r\n',
  );
  const arrival = { to: 'carol@c.test', from: 'jorg@mail.test', message, via: 'smtp', once: Buffer.from('once') };
  expect(await c.post.local.owns('carol@c.test')).toBe(true);
  expect(await c.post.local.owns('nobody@c.test')).toBe(false);
  expect([await c.post.local.deliver(arrival), await c.post.local.deliver(arrival)]).toEqual(['stored', 'duplicate']);
  const letter = letterOf(await storedOctets((await inbox(c, 'carol')).at(-1) ?? ''));
  expect(letter.head).toMatchObject({ from: 'jorg@mail.test', mailer: 'smtp-gateway@c.test', to: ['carol@c.test'] });
  expect(headerOf(letter.head, 'from-name')).toBe('Jörg');
  expect(headerOf(letter.head, 'subject')).toBe('Grüße');
  expect(headerOf(letter.head, 'x-smtp-x-mood')).toBe('calm');
  expect((await wholeOf(letter)).toString()).toContain('\n\nSchön.\n');
  const back = (await toMail(letter)).toString();
  expect(back).toContain('Message-ID: <1@mail.test>');
  expect(back).toContain('X-Mood: calm');
  expect(await c.post.local.checkPassword('carol@c.test', 'correct horse')).toBe(true);
  expect(await c.post.local.checkPassword('carol@c.test', 'wrong horse')).toBe(false);
});

test('the store mirrors what stands in the directories', async () => {
  const reader = await c.read('carol');
  const [first] = await reader.list('inbox');
  await reader.flag('inbox', first?.id ?? '', [{ sign: '+', word: 'seen' }]);
  const total = (await reader.list('inbox')).length;
  await reader.done();
  await expect
    .poll(async () => (await c.post.store.mailboxes.folders('ima/carol@c.test')).find(({ name }) => name === 'inbox'))
    .toMatchObject({ messages: total, unread: total - 1 });
});

test('a server that is away gets its mail when it is back; after five days the writer is told', async () => {
  const clock = new VirtualClock(Date.now());
  const settings = { 'server-send-mail': { queue: true } };
  await using d = await openIma(world, 'd.test', names, { settings, clock });
  await d.addUser('dora');
  const away = { from: 'dora@d.test', id: idOf('d.test') };
  const reach = names.get('_imdp._tcp.c.test') ?? {};
  names.set('_imdp._tcp.c.test', { fails: true });
  const before = (await inbox(c, 'carol')).length;
  expect(await submit(d, 'dora', letterTo('carol@c.test', away))).toMatchObject({
    final: 'OK',
    lines: [{ kind: 'note' }],
  });
  expect(await d.post.store.queues.count('ima/send')).toBe(1);
  names.set('_imdp._tcp.c.test', reach);
  const passing = async (time: number, until: () => Promise<boolean>) => {
    for (let steps = 0; steps < 200 && !(await until()); steps += 1) {
      await clock.advance(time);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  };
  await passing(MINUTE, async () => (await d.post.store.queues.count('ima/send')) === 0);
  expect(await inbox(c, 'carol')).toHaveLength(before + 1);

  names.set('_imdp._tcp.c.test', { fails: true });
  await submit(d, 'dora', letterTo('carol@c.test', { from: 'dora@d.test', id: idOf('d.test') }));
  await passing(4 * HOUR, async () => (await inbox(d, 'dora')).length > 0);
  names.set('_imdp._tcp.c.test', reach);
  const [notice = ''] = await inbox(d, 'dora');
  const bounce = letterOf(await storedOctets(notice));
  expect(bounce.head.from).toBe('postmaster@d.test');
  expect(headerOf(bounce.head, 'x-ima-report')).toBe('failed carol@c.test the name service does not answer');
  expect(clock.now() - Date.now()).toBeGreaterThan(4 * DAY);
});

test('a draft that cannot be a message is refused before it is one', () => {
  const draft = { from: 'alice', to: ['carol@c.test'], parts: [] };
  expect(() => compose(draft, { clock: systemClock, random: systemRandom })).toThrow();
});
