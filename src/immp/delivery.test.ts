// DELIVER, DATA and DONE, and what arrives of them.

import { randomBytes } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ImmpTypist, openImmpRoom, type TestRoom } from '../../test/support/immp.ts';
import { openTestPost, type TestPost } from '../../test/support/post.ts';
import { DAY, VirtualClock } from '../base/time.ts';
import { parseReply } from './wire/reply.ts';
import { frame } from './wire/texts.ts';

const UUID = '33af50bc-4841-4426-b27f-793186b52171';
const ANY_UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';

let post: TestPost;
let clock: VirtualClock;
let house: TestRoom;
let alice: ImmpTypist;

beforeAll(async () => {
  post = await openTestPost();
  return () => post[Symbol.asyncDispose]();
});
beforeEach(async () => {
  clock = new VirtualClock(Date.UTC(2026, 10, 22));
  for (const id of await post.store.mailboxes.list({ limit: 1000 })) await post.store.mailboxes.remove(id);
  house = await openImmpRoom(post, clock);
  await house.account('alice');
  await house.account('bob');
  alice = ImmpTypist.as(house.room, 'alice');
});
const open = (name: string) => ImmpTypist.as(house.room, name);

describe('a delivery', () => {
  // spec: immp 2.8
  test('is the session of the draft, made complete', async () => {
    await house.account('noccy');
    const noccy = open('noccy');
    await noccy.ask('MBOX CREATE /inbox/Analytics');
    expect(await alice.ask('DELIVER TO noccy+analytics@b.com +IMPORTANT +MULTIPART')).toEqual([
      '270 Ok, ready to deliver. Give me your DATA.',
    ]);
    expect(await alice.ask('DATA logo.jpg TYPE image/jpg +BASE64')).toEqual(['271 logo.jpg Saving part']);
    await alice.type('aGVsbG8K\n\n\n');
    expect(await alice.line()).toBe('272 logo.jpg Part saved');
    expect(await alice.ask('DATA index.html TYPE text/html LENGTH 14 +CONTENT')).toEqual([
      '271 index.html Saving content part',
    ]);
    await alice.type('<p>Hi Bob</p>\n');
    expect(await alice.line()).toBe('272 index.html Part saved');
    expect((await alice.ask('DONE'))[0]).toMatch(new RegExp(`^273 ${ANY_UUID} Delivered$`));

    const [entry] = await noccy.json('MBOX INDEX /inbox/analytics +JSON');
    expect(entry).toMatchObject({
      from: 'alice@b.com',
      origin: 'b.com',
      to: 'noccy+analytics@b.com',
      flags: ['important'],
      received: '2026-11-22T00:00:00Z',
      parts: [
        { id: '1', class: 'attachment', type: 'image/jpg', name: 'logo.jpg', length: 6 },
        { id: '2', class: 'content', type: 'text/html', name: 'index.html', length: 14 },
      ],
    });
    expect(await noccy.raw(`FETCH /inbox/analytics#${entry?.['uuid']} PART 1`)).toEqual([Buffer.from('hello\n')]);
    const [message] = await noccy.json(`FETCH noccy@b.com/INBOX/Analytics#${entry?.['uuid']} +JSON`);
    expect(message?.['parts']).toMatchObject([
      { name: 'logo.jpg', encoding: 'base64', data: 'aGVsbG8K' },
      { name: 'index.html', encoding: 'utf8', data: '<p>Hi Bob</p>\n' },
    ]);
  });

  // spec: immp 2.8
  test.each([
    ['TYPE text/plain +BASE64', 'aGVsbG8K\n\n\n', 'hello\n'],
    ['TYPE text/plain +BASE64', 'aGVs\n\nbG8\nK\n\n\n', 'hello\n'],
    ['TYPE image/x LENGTH 6 +BASE64', 'aGVsbG8K\n\n\n', 'hello\n'],
    ['+BASE64', '\n\n', ''],
    ['LENGTH 0', '', ''],
    ['LENGTH 4', 'a\n\n\n', 'a\n\n\n'],
    ['', 'one\n\ntwo\n\n\n', 'one\n\ntwo\n'],
    ['TYPE text/markdown', '\n\n', ''],
  ])('of a block with %j %j is %j', async (form, block, content) => {
    await alice.ask(`DELIVER TO bob@b.com ID ${UUID}`);
    expect(await alice.data(`DATA a ${form}`, block)).toBe('272 a Part saved');
    expect(await alice.ask('DONE')).toEqual([`273 ${UUID} Delivered`]);
    expect(Buffer.concat(await open('bob').raw(`FETCH /inbox#${UUID} PART a`)).toString()).toBe(content);
  });

  test.each([
    ['+BASE64', 'a*bc\n\n\n', '471'],
    ['+BASE64', 'aGVsbG8\n\n\n', '471'],
    ['+BASE64', 'aGU=aGU=\n\n\n', '471'],
    ['LENGTH 5 +BASE64', 'aGVsbG8K\n\n\n', '471'],
  ])('with a bad block %j %j is answered %s, and goes on without it', async (form, block, code) => {
    await alice.ask('DELIVER TO bob@b.com');
    expect(await alice.data(`DATA a ${form}`, block)).toMatch(new RegExp(`^${code} `));
    expect(await alice.ask('DONE')).toEqual(['472 No content part']);
    expect(await alice.ask('DONE')).toEqual(['470 No delivery is open']);
  });

  test('is stored once, for each recipient, in a week', async () => {
    for (let round = 0; round < 2; round += 1)
      for (const to of ['bob@b.com', 'alice@b.com'])
        expect(await alice.deliver(to, 'x', `ID ${UUID}`)).toBe(`273 ${UUID} Delivered`);
    expect(await open('bob').json('MBOX INDEX /inbox +JSON')).toHaveLength(1);
    // Another sender's message of the same id is another message.
    await open('bob').deliver('bob@b.com', 'y', `ID ${UUID}`);
    expect(await open('bob').json('MBOX INDEX /inbox +JSON')).toHaveLength(2);
    await clock.advance(8 * DAY);
    await post.store.sweep(clock.now());
    await open('alice').deliver('bob@b.com', 'x', `ID ${UUID}`);
    expect(await open('bob').json('MBOX INDEX /inbox +JSON')).toHaveLength(3);
  });

  test('that cannot be is refused', async () => {
    const refused = async (line: string) => (await alice.ask(line))[0]?.slice(0, 3);
    expect(await refused('DATA x LENGTH 1')).toBe('470');
    expect(await refused('DONE')).toBe('470');
    expect(await refused('DELIVER TO nobody@b.com')).toBe('450');
    expect(await refused('DELIVER TO bob@b.com FROM bob@b.com')).toBe('403');
    expect(await refused('DELIVER TO bob@b.com FROM alice@c.com')).toBe('403');
    expect(await refused('DELIVER TO bob@c.com')).toBe('422');
    expect(await refused('DELIVER TO bob@b.com +SHINY')).toBe('406');
    expect(await refused('DELIVER TO bob@b.com +IMPORTANT -IMPORTANT')).toBe('406');
    expect(await refused('DELIVER TO bob@b.com')).toBe('270');
    expect(await refused('DELIVER TO bob@b.com')).toBe('409');
    expect(await refused('DATA a/b LENGTH 1')).toBe('406');
    expect(await refused('DATA TYPE image/png')).toBe('406');
    expect(await refused('DATA a LENGTH 99999999999')).toBe('413');
    expect(await alice.data('DATA a LENGTH 1', 'x')).toBe('272 a Part saved');
    expect(await refused('DATA b LENGTH 1')).toBe('409');
    expect(await refused('RESET')).toBe('200');
    expect(await refused('DONE')).toBe('470');
  });

  test('may keep its sender to itself', async () => {
    await alice.deliver('bob@b.com', 'x', '-FROM');
    expect(await open('bob').json('MBOX INDEX /inbox +JSON')).toMatchObject([{ from: null, origin: 'b.com' }]);
    const strict = await openImmpRoom(post, clock, { anonymous_senders: false });
    expect(await ImmpTypist.as(strict.room, 'alice').ask('DELIVER TO bob@b.com -FROM')).toEqual(['403 Not allowed']);
  });

  test('beyond size or quota is refused, whether its length is told or not', async () => {
    await house.account('small', 3000);
    const tight = await openImmpRoom(post, clock, { message_size: '4 KiB' });
    const client = ImmpTypist.as(tight.room, 'alice');
    await client.ask('DELIVER TO small@b.com +MULTIPART');
    expect(await client.ask('DATA a LENGTH 4096')).toEqual(['413 Too large']);
    expect(await client.ask('DATA a LENGTH 2500')).toEqual(['441 Over quota']);
    expect(
      await client.data('DATA a +BASE64', `${Buffer.alloc(4096).toString('base64').replace(/.{76}/g, '$&\n')}\n\n\n`),
    ).toBe('413 Too large');
    expect(
      await client.data(
        'DATA a +CONTENT +BASE64',
        `${Buffer.alloc(2900).toString('base64').replace(/.{76}/g, '$&\n')}\n\n\n`,
      ),
    ).toBe('272 a Part saved');
    expect(await client.ask('DONE')).toEqual(['441 Over quota']);
  });

  test('of a large part goes through the disk and comes back whole, also compressed', async () => {
    const big = Buffer.alloc(700_000, 'All work and no play. ');
    await alice.ask(`DELIVER TO bob@b.com ID ${UUID} +MULTIPART`);
    await alice.data('DATA text LENGTH 5 +CONTENT', 'hello');
    await alice.data(`DATA big LENGTH ${big.length}`, big);
    await alice.ask('DONE');
    const bob = open('bob');
    expect(Buffer.concat(await bob.raw(`FETCH /inbox#${UUID} PART 2`)).equals(big)).toBe(true);
    const [plain = Buffer.alloc(0)] = await bob.raw(`FETCH /inbox#${UUID}`);
    expect(await bob.ask('SET COMPRESSION=GZIP')).toEqual(['260 COMPRESSION=GZIP']);
    const [squeezed] = await bob.raw(`FETCH /inbox#${UUID}`, true);
    expect(squeezed?.equals(plain)).toBe(true);
    const [json] = await bob.json(`FETCH /inbox#${UUID} +JSON`);
    expect(json?.['parts']).toMatchObject([{ data: 'hello' }, { name: 'big', length: 700_000, data: null }]);
  });

  // spec: immp 2.11
  test('that comes compressed tells by its length nothing of the one before', async () => {
    const bob = open('bob');
    await bob.ask('SET COMPRESSION=GZIP');
    const squeezed = async (line: string) => {
      await bob.type(`${line}\n`);
      for (let octets = 0; ; ) {
        const read = frame.read(parseReply(Buffer.from((await bob.line()) ?? '')).text);
        if (read === undefined || read.kind === 'total') return octets;
        if (read.kind === 'length') octets += (await bob.connection.block(read.octets, DAY)).length;
      }
    };
    const secret = randomBytes(8000).toString('hex');
    await alice.deliver('bob@b.com', secret);
    const alone = await squeezed('FETCH /inbox');
    await alice.deliver('bob@b.com', secret);
    expect(await squeezed('FETCH /inbox')).toBeGreaterThan(1.9 * alone);
  });

  test('has an envelope of its own, which may not name another sender', async () => {
    const said = { subject: 'Lunch', cc: ['c@d.e'], from: 'alice@b.com', date: '2026-11-21T10:00:00+01:00' };
    const envelope = JSON.stringify(said);
    const line = `DATA envelope TYPE application/vnd.immp.envelope+json LENGTH ${envelope.length}`;
    await alice.ask(`DELIVER TO bob@b.com ID ${UUID}`);
    await alice.data(line, envelope);
    await alice.data('DATA text LENGTH 5', 'hello');
    await alice.ask('DONE');
    expect(await open('bob').json(`FETCH /inbox#${UUID} +JSON`)).toMatchObject([
      {
        envelope: { subject: 'Lunch', cc: ['c@d.e'], from: 'alice@b.com', date: said.date },
        parts: [{ name: 'text' }],
      },
    ]);
    await alice.ask('DELIVER TO bob@b.com -FROM');
    await alice.data(line, envelope);
    await alice.data('DATA text LENGTH 5', 'hello');
    expect((await alice.ask('DONE'))[0]).toMatch(/^403 /);
  });

  test('from somebody who is blocked is refused', async () => {
    const bob = open('bob');
    expect(await bob.ask('SET GLOBAL BLOCK+=alice@b.com')).toEqual(['260 BLOCK=alice@b.com']);
    expect(await alice.deliver('bob@b.com', 'x')).toBe('430 Blocked');
    expect(await bob.ask('SET GLOBAL BLOCK-=alice@b.com')).toEqual(['260 BLOCK=']);
    expect(await alice.deliver('bob@b.com', 'x')).toMatch(/^273 /);
  });

  test('is sent on where its reader wants it, once', async () => {
    await open('bob').ask('SET GLOBAL FORWARD=alice@b.com');
    await alice.ask('SET GLOBAL FORWARD=bob@b.com');
    await alice.deliver('bob@b.com', 'x', `ID ${UUID}`);
    expect(await open('bob').json('MBOX INDEX /inbox +JSON')).toHaveLength(1);
    expect(await alice.json('MBOX INDEX /inbox +JSON')).toHaveLength(1);
  });

  // spec: immp 2.8
  test.each([
    ['bob@b.com', 'inbox'],
    ['bob+lists@b.com', 'inbox/Lists'],
    ['bob+work@b.com', 'Work'],
    ['bob+work.urgent@b.com', 'Work/Urgent'],
    ['bob+junk@b.com', 'inbox'],
    ['bob+nothing@b.com', 'inbox'],
  ])('to %s goes to %s', async (to, folder) => {
    const bob = open('bob');
    for (const path of ['/inbox/Lists', '/Work/Urgent', '/lists']) await bob.ask(`MBOX CREATE ${path}`);
    await alice.deliver(to, 'x');
    expect(await bob.json(`MBOX INDEX /${folder} +JSON`)).toMatchObject([{ to }]);
  });
});

test('mail of the old kind comes in by the office', async () => {
  const { addressOwner } = await import('./mail/from-mail.ts');
  const owner = addressOwner(house.room);
  expect([await owner.owns('bob+x@b.com'), await owner.owns('bob@c.com'), await owner.owns('no@b.com')]).toEqual([
    true,
    false,
    false,
  ]);
  const message = Buffer.from('Subject: Hello\r\nFrom: x@y.z\r\nMessage-ID: <1@y.z>\r\n\r\nText.\r\n');
  const arrival = { to: 'bob@b.com', from: 'x@y.z', message, via: 'smtp', once: Buffer.from('key') };
  expect([await owner.deliver(arrival), await owner.deliver(arrival)]).toEqual(['stored', 'duplicate']);
  expect(await owner.deliver({ ...arrival, to: 'no@b.com' })).toBe('unknown');
  const [json] = await open('bob').json('FETCH /inbox +JSON');
  expect(json).toMatchObject({
    envelope: { from: 'x@y.z', origin: 'y.z', subject: 'Hello' },
    parts: [{ data: 'Text.\n' }],
  });
});
