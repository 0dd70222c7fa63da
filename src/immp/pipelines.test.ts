// What runs beside what on one connection, however the octets come.

import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ImmpTypist, openImmpRoom, type TestRoom } from '../../test/support/immp.ts';
import { openTestPost, type TestPost } from '../../test/support/post.ts';
import { HOUR, VirtualClock } from '../base/time.ts';

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
const stranger = () => new ImmpTypist(house.room, { state: 'unauthenticated' });

describe('pipelines', () => {
  let alice: ImmpTypist;
  beforeEach(async () => {
    await house.account('alice');
    alice = ImmpTypist.as(house.room, 'alice');
  });

  // spec: immp 2.2
  test('take several uploads of one line in turn', async () => {
    await alice.ask('DELIVER TO alice@b.com +MULTIPART');
    await alice.type(
      'AS a1 DATA NAME logo.png TYPE image/png LENGTH 3; AS a2 DATA NAME b.txt TYPE text/plain LENGTH 2 +CONTENT\n',
    );
    expect(await alice.line()).toBe('a1: 271 logo.png Saving part');
    await alice.type('abc');
    expect(await alice.line()).toBe('a1: 272 logo.png Part saved');
    expect(await alice.line()).toBe('a2: 271 b.txt Saving content part');
    await alice.type('de');
    expect(await alice.line()).toBe('a2: 272 b.txt Part saved');
    expect((await alice.ask('DONE'))[0]).toMatch(/^273 /);
  });

  // spec: immp 2.2
  test('an upload that is refused leaves its turn to the next', async () => {
    await alice.ask('DELIVER TO alice@b.com +MULTIPART');
    await alice.type('AS a1 DATA NAME a LENGTH 99999999999; AS a2 DATA NAME b LENGTH 2 +CONTENT; AS a3 DONE\n');
    expect(await alice.line()).toBe('a1: 413 Too large');
    expect(await alice.line()).toBe('a2: 271 b Saving content part');
    await alice.type('de');
    expect(await alice.line()).toBe('a2: 272 b Part saved');
    expect(await alice.line()).toMatch(/^a3: 273 /);
  });

  // spec: immp 2.2, 2.14
  test('have limits', async () => {
    const sixteen = Array.from({ length: 16 }, (_, i) => `AS p${i} MBOX WATCH /inbox`);
    await alice.type(`${sixteen.join(';')}\n`);
    for (let i = 0; i < 16; i += 1) await alice.line();
    expect(await alice.ask('AS p17 NOOP')).toEqual(['p17: 704 Too many pipelines or commands']);
    expect(await alice.ask('AS p3 NOOP')).toEqual(['p3: 705 Pipeline in use']);
    const other = ImmpTypist.as(house.room, 'alice');
    expect(await other.ask(Array.from({ length: 33 }, () => 'NOOP').join(';'))).toEqual([
      '704 Too many pipelines or commands: more than 32 commands in one line',
    ]);
  });

  // spec: immp 2.2
  test('what changes the connection stands alone', async () => {
    await alice.type('NOOP; AS x QUIT\n');
    expect([await alice.line(), await alice.line()].sort()).toEqual(['200 Ok', 'x: 701 QUIT stands alone on its line']);
    const other = stranger();
    expect(await other.ask('AS x AUTH SECRET alice@b.com; NOOP')).toEqual([
      'x: 701 AUTH SECRET stands alone on its line',
    ]);
    expect(await other.reply()).toEqual(['200 Ok']);
    expect((await other.ask('AS x AUTH SECRET alice@b.com'))[0]).toMatch(/^x: 302 /);
    await alice.type('AS w MBOX WATCH /inbox\n');
    await alice.line();
    await alice.type('AS q QUIT\n');
    expect([await alice.line(), await alice.line()]).toEqual(['w: 250 ', 'q: 205 Bye']);
  });

  // spec: immp 2.2, 2.9
  test('of random commands answer each to itself, frames and all, in the order of each', async () => {
    const uuids: string[] = [];
    for (let i = 0; i < 4; i += 1) {
      await alice.deliver('alice@b.com', `${i}`.repeat(400 * i + 10));
    }
    for (const { uuid } of await alice.json('MBOX INDEX /inbox +JSON')) uuids.push(String(uuid));
    const command = fc.oneof(
      fc.constantFrom(
        'NOOP',
        'MBOX CHECK /inbox +RECURSIVE',
        'MBOX INDEX /inbox',
        'SET',
        'MBOX CHECK /nowhere',
        'HELO',
      ),
      fc.nat(3).map((at) => `FETCH /inbox#${uuids[at]} PART 1 -READ`),
      fc.nat(3).map((at) => `FETCH /inbox#${uuids[at]} +JSON -READ`),
    );
    const schedule = fc.array(fc.record({ pipe: fc.option(fc.constantFrom('a', 'b', 'c', 'd')), command }), {
      minLength: 1,
      maxLength: 12,
    });
    const alone = new Map<string, string>();
    for (const line of fc.sample(command, 200)) if (!alone.has(line)) alone.set(line, await transcript([line]));
    await fc.assert(
      fc.asyncProperty(schedule, fc.nat(30), async (commands, cut) => {
        const lines = commands.map(({ pipe, command }) => (pipe === null ? command : `AS ${pipe} ${command}`));
        const seen = await bySection(lines, cut);
        for (const pipe of [null, 'a', 'b', 'c', 'd']) {
          const expected = commands.filter((each) => each.pipe === pipe).map((each) => alone.get(each.command) ?? '?');
          expect((seen.get(pipe ?? '') ?? '').replace(/705 Pipeline in use\n/g, '')).toBe(
            pipe === null ? expected.join('') : withoutRefused(expected, seen.get(pipe) ?? ''),
          );
        }
      }),
      { numRuns: 40 },
    );

    /** Commands that came while their pipeline ran were refused, whichever they were. */
    function withoutRefused(expected: readonly string[], got: string): string {
      const rest = got.replace(/705 Pipeline in use\n/g, '');
      let made = '';
      for (const each of expected) if (rest.startsWith(made + each)) made += each;
      return made;
    }

    async function transcript(lines: readonly string[]): Promise<string> {
      return (await bySection(lines, 1000)).get('') ?? '';
    }

    /** Types it all at once, cut anywhere, and sorts what comes by pipeline. */
    async function bySection(lines: readonly string[], cut: number): Promise<Map<string, string>> {
      const client = ImmpTypist.as(house.room, 'alice');
      const text = `${lines.join('\n')}\n`;
      void (async () => {
        for (let at = 0; at < text.length; at += cut + 1) await client.type(text.slice(at, at + cut + 1));
      })();
      const seen = new Map<string, string>();
      for (let left = lines.length; left > 0; ) {
        const line = (await client.line()) ?? '(end)';
        const [, pipe = '', rest = ''] = /^(?:([a-d]): )?(.*)$/s.exec(line) ?? [];
        const length = /^251- LENGTH (\d+)$/.exec(rest)?.[1];
        const block = length === undefined ? '' : String(await client.connection.block(Number(length), HOUR));
        seen.set(pipe, `${seen.get(pipe) ?? ''}${rest}\n${block}`);
        if (/^(\d{3})( |$)/.test(rest) && !/^(253|3)/.test(rest)) left -= 1;
      }
      client.hangUp();
      return seen;
    }
  });
});

test('however the stream is cut, the answers are the same', async () => {
  await house.account('alice');
  const session = [
    'NOOP\n',
    '\n',
    'DELIVER TO alice@b.com +MULTIPART ID 33af50bc-4841-4426-b27f-793186b52171\n',
    'DATA a LENGTH 6\n',
    'a\n\n\nb\n',
    'DATA b +BASE64 +CONTENT\n',
    'aGVsbG8K\n\n\n',
    'DATA c\n',
    'text\n\n\n',
    'DONE\n',
    'MBOX CHECK /inbox\n',
    'HELO\n',
    'QUIT\n',
  ].join('');
  let whole: string | undefined;
  const run = async (pieces: readonly string[]) => {
    const client = ImmpTypist.as(house.room, 'alice');
    for (const piece of pieces) await client.type(piece);
    const lines: string[] = [];
    for (let line = await client.line(); line !== undefined; line = await client.line()) lines.push(line);
    return lines.join('\n').replace(/ q=\d+/, '');
  };
  await run([session]);
  whole = await run([session]);
  expect(whole).toContain('272 c Part saved');
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.nat(session.length), { maxLength: 8 }), async (cuts) => {
      const places = [0, ...cuts.sort((a, b) => a - b), session.length];
      const pieces = places.slice(1).map((to, at) => session.slice(places[at], to));
      expect(await run(pieces.filter((piece) => piece !== ''))).toBe(whole);
    }),
    { numRuns: 40 },
  );
});
