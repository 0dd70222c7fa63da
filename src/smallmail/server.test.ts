import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { makePerson, type Person } from '../../test/support/pgp.ts';
import { openTestPost, type TestPost } from '../../test/support/post.ts';
import { DAY, HOUR, MINUTE, SECOND, VirtualClock } from '../base/time.ts';
import type { Connection } from '../net/connection.ts';
import { connectionPair } from '../net/memory.ts';
import type { Post } from '../post/post.ts';
import type { Messages } from '../store/store.ts';
import { makeDecoy } from './openpgp/decoy.ts';
import { Room } from './room.ts';
import { serve } from './server.ts';
import { type SmallMailSettings, settings as schema } from './settings.ts';

const UNKNOWN = 'F'.repeat(40);
const NO_ID = '0'.repeat(32);
const defaults = schema.parse({}) as SmallMailSettings;

let house: TestPost;
let post: Post;
let clock: VirtualClock;
let decoy: Uint8Array;
let alice: Person;
let bob: Person;

beforeAll(async () => {
  [decoy, alice, bob] = await Promise.all([makeDecoy(), makePerson(), makePerson()]);
  house = await openTestPost();
  return () => house[Symbol.asyncDispose]();
});
beforeEach(async () => {
  clock = new VirtualClock(Date.now());
  post = { ...house, clock };
  for (const id of await post.store.mailboxes.list({ limit: 1000 })) await post.store.mailboxes.remove(id);
});

/** A client that types lines and reads what comes, like a person with `openssl s_client`. */
class Typist {
  readonly #connection: Connection;
  readonly ended: Promise<void>;

  constructor(room: Room) {
    const [here, there] = connectionPair({ clock });
    this.#connection = here;
    this.ended = serve(there, room).then(() => void there.close());
  }

  async type(...parts: (string | Uint8Array)[]): Promise<void> {
    for (const part of parts) await this.#connection.write(part);
  }

  async read(): Promise<string | undefined> {
    const line = await this.#connection.line(2000, DAY);
    return line === undefined ? undefined : String(line);
  }

  octets(count: number): Promise<Buffer> {
    return this.#connection.block(count, DAY);
  }

  async ask(...parts: (string | Uint8Array)[]): Promise<string | undefined> {
    await this.type(...parts);
    return this.read();
  }

  async create(person: Person): Promise<string | undefined> {
    return this.ask(`CRID ${person.key.length}\n`, person.key);
  }

  async send(person: Person, body: Uint8Array): Promise<string | undefined> {
    const answer = await this.ask(`SEND ${person.mailbox} ${body.length}\n`);
    return answer === 'ACCEPT' ? this.ask(`BODY ${body.length}\n`, body) : answer;
  }

  /** Sends a command and proves the mailbox; what comes then. */
  async prove(command: string, person: Person): Promise<string | undefined> {
    const challenge = await this.ask(command);
    expect(challenge).toMatch(/^CHAL SM1\./);
    const response = await person.sign(String(challenge).slice('CHAL '.length));
    return this.ask(`RESP ${response.length}\n`, response);
  }

  async list(person: Person, first?: string): Promise<string[]> {
    const lines: string[] = [];
    for (let line = first ?? (await this.ask(`LIST ${person.mailbox}\n`)); line !== 'LSTD'; line = await this.read()) {
      if (!line?.startsWith('MSG ')) throw new Error(`unexpected ${line}`);
      lines.push(line);
    }
    return lines;
  }

  /** Turns the clock until the server has given this client up; how long that took. */
  async forgotten(): Promise<number> {
    const start = clock.now();
    let ended = false;
    void this.ended.then(() => {
      ended = true;
    });
    await clock.advance(0);
    while (!ended) await clock.advance(MINUTE);
    return clock.now() - start;
  }

  hangUp(): void {
    this.#connection.destroy();
  }
}

function openRoom(changes: Partial<SmallMailSettings> = {}): Room {
  return new Room(post, { ...defaults, ...changes }, decoy);
}
const open = (changes: Partial<SmallMailSettings> = {}) => new Typist(openRoom(changes));

// spec: smallmail 1.3, 2.7
test('a mailbox is made, gets a message, lists it, gives it out whole and in part, and deletes it', async () => {
  const client = open();
  expect(await client.create(alice)).toBe(`IDCR ${alice.mailbox}`);
  const body = await alice.seal('Hello, Alice.');
  expect(await client.send(alice, body)).toBe('RCVD');
  const first = await client.prove(`LIST ${alice.mailbox}\n`, alice);
  expect(first).toMatch(new RegExp(`^MSG [0-9a-f]{32} ${body.length}$`));
  expect(await client.read()).toBe('LSTD');
  const id = String(first).split(' ')[1];

  expect(await client.ask(`RECV ${alice.mailbox} ${id}\n`)).toBe(`BODY ${body.length}`);
  const received = await client.octets(body.length);
  expect(received).toEqual(body);
  expect(String(await alice.unseal(received))).toBe('Hello, Alice.');

  expect(await client.ask(`RPRT ${alice.mailbox} ${id} 10 END\n`)).toBe(`PART 10 ${body.length - 10}`);
  expect(await client.octets(body.length - 10)).toEqual(body.subarray(10));
  expect(await client.ask(`RPRT ${alice.mailbox} ${id} 3 4\n`)).toBe('PART 3 4');
  expect(await client.octets(4)).toEqual(body.subarray(3, 7));
  expect(await client.ask(`RPRT ${alice.mailbox} ${id} ${body.length - 2} 999\n`)).toBe(`PART ${body.length - 2} 2`);
  await client.octets(2);
  expect(await client.ask(`RPRT ${alice.mailbox} ${id} ${body.length} END\n`)).toBe(`PART ${body.length} 0`);
  expect(await client.ask(`RPRT ${alice.mailbox} ${id} ${body.length + 1} END\n`)).toBe('ERR BadParam');

  expect(await client.ask(`DELE ${alice.mailbox} ${id}\n`)).toBe('DLTD');
  expect(await client.ask(`DELE ${alice.mailbox} ${id}\n`)).toBe('ERR NoMessage');
  expect(await client.ask(`RECV ${alice.mailbox} ${id}\n`)).toBe('ERR NoMessage');
  expect(await client.list(alice)).toEqual([]);
  await client.type('QUIT\n');
  await client.ended;
});

// spec: smallmail 2.7
test('where octets cannot be read to their end, the conversation ends without a word', async () => {
  const body = await alice.seal('half of it');
  const half = async function* () {
    yield body.subarray(0, 100);
    throw new Error('the disk says no');
  };
  const { store } = post;
  const messages = new Proxy(store.messages, {
    get: (whole, name: keyof Messages) =>
      name === 'read' ? async () => ({ length: body.length, chunks: half() }) : whole[name].bind(whole),
  });
  post = {
    ...post,
    store: new Proxy(store, {
      get: (whole, name: keyof typeof store) => (name === 'messages' ? messages : whole[name]),
    }),
  };
  const client = open();
  await client.create(alice);
  await client.send(alice, body);
  const [line = ''] = await client.list(alice, await client.prove(`LIST ${alice.mailbox}\n`, alice));
  expect(await client.ask(`RECV ${alice.mailbox} ${line.split(' ')[1]}\n`)).toBe(`BODY ${body.length}`);
  expect(await client.octets(100)).toEqual(body.subarray(0, 100));
  expect(await client.read()).toBeUndefined();
});

describe('identification', () => {
  // spec: smallmail 2.6
  test('is asked for once in ten minutes, for each mailbox and each connection', async () => {
    const client = open();
    await client.create(alice);
    await client.create(bob);
    expect(await client.prove(`LIST ${alice.mailbox}\n`, alice)).toBe('LSTD');
    expect(await client.ask(`LIST ${alice.mailbox}\n`)).toBe('LSTD');
    expect(await client.prove(`LIST ${bob.mailbox}\n`, bob)).toBe('LSTD');
    for (let minute = 0; minute < 10; minute += 4) {
      await clock.advance(4 * MINUTE);
      if (minute < 8) expect(await client.ask(`LIST ${alice.mailbox}\n`)).toBe('LSTD');
    }
    expect(await client.ask(`LIST ${alice.mailbox}\n`)).toMatch(/^CHAL /);
  });

  test('may be asked for at each command', async () => {
    const client = open({ identification: 0 });
    await client.create(alice);
    for (let time = 0; time < 3; time += 1) expect(await client.prove(`LIST ${alice.mailbox}\n`, alice)).toBe('LSTD');
  });

  test('looks the same for a wrong key and for a mailbox that does not exist', async () => {
    const room = openRoom();
    await new Typist(room).create(alice);
    const transcripts: unknown[] = [];
    for (const mailbox of [alice.mailbox, UNKNOWN]) {
      const client = new Typist(room);
      const answer = await client.prove(`RECV ${mailbox} ${NO_ID}\n`, bob);
      transcripts.push([answer, await client.read()]);
    }
    expect(transcripts[0]).toEqual(['REJECT', undefined]);
    expect(transcripts[1]).toEqual(transcripts[0]);
  });

  test('a response serves once', async () => {
    const client = open({ identification: 0 });
    await client.create(alice);
    const challenge = String(await client.ask(`LIST ${alice.mailbox}\n`)).slice(5);
    const response = await alice.sign(challenge);
    expect(await client.ask(`RESP ${response.length}\n`, response)).toBe('LSTD');
    await client.ask(`LIST ${alice.mailbox}\n`);
    expect(await client.ask(`RESP ${response.length}\n`, response)).toBe('REJECT');
  });

  test.each([
    ['another command', 'QUIT\n', 'ERR ProtocolError'],
    ['an empty response', 'RESP 0\n', 'ERR BadParam'],
    ['a huge response', 'RESP 8193\n', 'ERR BadParam'],
    ['no number', 'RESP x\n', 'ERR BadParam'],
  ])('%s after CHAL: %s', async (_what, line, answer) => {
    const client = open();
    await client.ask(`LIST ${UNKNOWN}\n`);
    expect(await client.ask(line)).toBe(answer);
    expect(await client.read()).toBeUndefined();
  });
});

describe('CRID', () => {
  // spec: smallmail 2.4
  test('can be repeated', async () => {
    const client = open();
    for (let time = 0; time < 3; time += 1) expect(await client.create(alice)).toBe(`IDCR ${alice.mailbox}`);
  });

  test('a broken key is bad, and the conversation goes on', async () => {
    const client = open();
    expect(await client.ask('CRID 4\n', 'junk')).toBe('ERR BadParam');
    expect(await client.create(alice)).toBe(`IDCR ${alice.mailbox}`);
  });

  // spec: smallmail 2.3
  test('a key that is not wanted is refused, and the conversation goes on', async () => {
    const client = open();
    const unborn = await makePerson(new Date(Date.now() + 3 * DAY));
    expect(await client.create(unborn)).toBe('REJECT');
    expect(await client.create(alice)).toBe(`IDCR ${alice.mailbox}`);
    expect(await client.prove(`LIST ${alice.mailbox.toLowerCase()}\n`, alice)).toBe('LSTD');
  });

  test.each(['CRID 0\n', 'CRID 65537\n', 'CRID many\n'])('%j ends the conversation', async (line) => {
    const client = open();
    expect(await client.ask(line)).toBe('ERR BadParam');
    expect(await client.read()).toBeUndefined();
  });
});

describe('SEND', () => {
  // spec: smallmail 2.5
  test('a message sent again after a lost RCVD is kept once, for a week', async () => {
    const client = open();
    await client.create(alice);
    const body = await alice.seal('once');
    expect(await client.send(alice, body)).toBe('RCVD');
    expect(await client.send(alice, body)).toBe('RCVD');
    expect(await client.list(alice, await client.prove(`LIST ${alice.mailbox}\n`, alice))).toHaveLength(1);
    await clock.advance(9 * DAY);
    await post.store.sweep(clock.now());
    expect(await open().send(alice, body)).toBe('RCVD');
    expect(await post.store.usage()).toMatchObject({ messages: 2 });
  });

  test('what is not encrypted to the mailbox is read to its end and not kept', async () => {
    const client = open();
    await client.create(alice);
    for (const body of [Buffer.from('plain text'), Buffer.alloc(200_000)])
      expect(await client.send(alice, body)).toBe('ERR BadParam');
    expect(await client.list(alice, await client.prove(`LIST ${alice.mailbox}\n`, alice))).toEqual([]);
  });

  test('a large message streams through', async () => {
    const client = open();
    await client.create(alice);
    const text = Buffer.alloc(3_000_000, 'postern ');
    const { randomBytes } = await import('node:crypto');
    const body = await alice.seal(Buffer.concat([randomBytes(2_000_000), text]));
    expect(await client.send(alice, body)).toBe('RCVD');
    const [line = ''] = await client.list(alice, await client.prove(`LIST ${alice.mailbox}\n`, alice));
    await client.ask(`RECV ${alice.mailbox} ${line.split(' ')[1]}\n`);
    expect((await client.octets(body.length)).equals(body)).toBe(true);
  });

  test('one answer for every refusal', async () => {
    const client = open({ message_size: 5000, mailbox_size: 6000 });
    await client.create(alice);
    expect(await client.ask(`SEND ${UNKNOWN} 300\n`)).toBe('REJECT');
    expect(await client.ask(`SEND ${alice.mailbox} 5001\n`)).toBe('REJECT');
    expect(await client.ask(`SEND ${alice.mailbox} 0\n`)).toBe('REJECT');
    const body = await alice.seal(Buffer.alloc(4000, 'x').map((_, place) => (place * 7919) >> 3));
    expect(await client.send(alice, body)).toBe('RCVD');
    expect(await client.ask(`SEND ${alice.mailbox} ${6000 - body.length + 1}\n`)).toBe('REJECT');
  });

  test('an ACCEPT sets nothing aside; the quota is looked at again when the octets are there', async () => {
    const room = openRoom({ mailbox_messages: 1 });
    const [first, second] = [new Typist(room), new Typist(room)];
    await first.create(alice);
    const bodies = [await alice.seal('one'), await alice.seal('two')] as const;
    expect(await first.ask(`SEND ${alice.mailbox} ${bodies[0].length}\n`)).toBe('ACCEPT');
    expect(await second.ask(`SEND ${alice.mailbox} ${bodies[1].length}\n`)).toBe('ACCEPT');
    expect(await second.ask(`BODY ${bodies[1].length}\n`, bodies[1])).toBe('RCVD');
    expect(await first.ask(`BODY ${bodies[0].length}\n`, bodies[0])).toBe('ERR ServerError');
    expect(await first.read()).toBeUndefined();
  });

  test.each([
    ['another size', 'BODY 299\n', 'ERR BadParam'],
    ['no size', 'BODY\n', 'ERR BadParam'],
    ['another command', `LIST ${UNKNOWN}\n`, 'ERR ProtocolError'],
    ['an unknown word', 'HELLO\n', 'ERR BadCommand'],
  ])('%s after ACCEPT', async (_what, line, answer) => {
    const client = open();
    await client.create(alice);
    expect(await client.ask(`SEND ${alice.mailbox} 300\n`)).toBe('ACCEPT');
    expect(await client.ask(line)).toBe(answer);
    if (answer !== 'ERR BadCommand') expect(await client.read()).toBeUndefined();
  });

  test('cut after any octet, nothing is kept', async () => {
    const room = openRoom();
    await new Typist(room).create(alice);
    const body = await alice.seal('to be cut');
    const wire = Buffer.concat([Buffer.from(`SEND ${alice.mailbox} ${body.length}\nBODY ${body.length}\n`), body]);
    for (let length = 0; length < wire.length; length += 1) {
      const client = new Typist(new Room(post, defaults, decoy)); // fresh rates
      void client.type(wire.subarray(0, length)).catch(() => {});
      await new Promise(setImmediate);
      client.hangUp();
      await client.forgotten();
    }
    expect(await post.store.usage()).toMatchObject({ messages: 0, bytes: 0 });
    const client = new Typist(room);
    await client.type(wire);
    expect([await client.read(), await client.read()]).toEqual(['ACCEPT', 'RCVD']);
  }, 60_000);
});

// spec: smallmail 2.8
describe('a table of bad input and its answers', () => {
  const table: [what: string, lines: string | Uint8Array, answers: (string | undefined)[]][] = [
    [
      'unknown words',
      'EHLO a\nEHLO b\nEHLO c\nLIST\n',
      ['ERR BadCommand', 'ERR BadCommand', 'ERR BadCommand', undefined],
    ],
    [
      'unknown words with a known one between',
      'X\nX\nWORK 1\nX\nX\n',
      Array(5).fill('ERR BadCommand').with(2, 'ERR BadParam'),
    ],
    ['an empty line', '\n', ['ERR BadCommand']],
    ['HTTP', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', ['ERR BadCommand', 'ERR BadCommand', 'ERR BadCommand', undefined]],
    ['BODY without ACCEPT', 'BODY 3\nabc', ['ERR ProtocolError', undefined]],
    ['RESP without CHAL', 'RESP 3\nabc', ['ERR ProtocolError', undefined]],
    ['an oversized number', 'CRID 99999999999999999999\n', ['ERR BadParam', undefined]],
    ['a negative number', `SEND ${UNKNOWN} -1\n`, ['ERR BadParam']],
    ['a line without an end', 'A'.repeat(1024), ['ERR ProtocolError', undefined]],
    ['the longest line', `${'A'.repeat(1023)}\n`, ['ERR BadCommand']],
    ['a NUL', 'LIST\0\n', ['ERR ProtocolError', undefined]],
    ['octets above ASCII', Buffer.from([0xff, 0xfe, 0x0a]), ['ERR ProtocolError', undefined]],
    ['a path for an id', `RECV ${UNKNOWN} ../../x\n`, ['ERR BadParam']],
    ['a TLS record inside TLS', Buffer.from('1603010005010000010a', 'hex'), ['ERR ProtocolError', undefined]],
    ['WORK with a token of nobody', `WORK ${NO_ID} 0\n`, ['REJECT']],
    ['QUIT', 'QUIT\n', [undefined]],
  ];
  test.each(table)('%s', async (_what, lines, answers) => {
    const client = open();
    await client.type(lines);
    for (const answer of answers) expect(await client.read()).toBe(answer);
  });

  test('silence, and a letter at a time, end in silence', async () => {
    expect(await open().forgotten()).toBeLessThanOrEqual(6 * MINUTE);
    const slow = open();
    for (let second = 0; second < 70; second += 1) {
      void slow.type('X').catch(() => {}); // nobody takes it any more after a minute
      await clock.advance(SECOND);
    }
    expect(await slow.forgotten()).toBe(0);
    const half = open();
    await half.create(alice);
    expect(await half.ask(`SEND ${alice.mailbox} 1000\n`)).toBe('ACCEPT');
    await half.type('BODY 1000\n', 'half');
    expect(await half.forgotten()).toBeLessThanOrEqual(12 * MINUTE);
  });
});

// spec: smallmail 2.10
describe('rates and work', () => {
  test('an hour allows so many mailboxes, and work allows one more', async () => {
    const room = openRoom({ create_rate: { count: 1, per: HOUR }, work_bits: 4 });
    const client = new Typist(room);
    expect(await client.create(alice)).toBe(`IDCR ${alice.mailbox}`);
    expect(await client.create(bob)).toBe('REJECT');
    await work(client);
    expect(await client.create(bob)).toBe(`IDCR ${bob.mailbox}`);
    expect(await client.create(await makePerson())).toBe('REJECT');
    await clock.advance(HOUR);
    const later = new Typist(room);
    expect(await later.create(await makePerson())).toMatch(/^IDCR/);
  });

  test('a flood without work does not shut out those who worked', async () => {
    const room = openRoom({ mailbox_rate: { count: 2, per: HOUR }, work_bits: 4 });
    const flood = new Typist(room);
    await flood.create(alice);
    for (const text of ['1', '2']) expect(await flood.send(alice, await alice.seal(text))).toBe('RCVD');
    const body = await alice.seal('worked for');
    expect(await flood.ask(`SEND ${alice.mailbox} 300\n`)).toBe('REJECT');
    const other = new Typist(room);
    expect(await other.send(alice, body)).toBe('REJECT');
    await work(other);
    expect(await other.send(alice, body)).toBe('RCVD');
  });

  test('switched off, it is not implemented', async () => {
    expect(await open({ work_bits: 0 }).ask('WORK\n')).toBe('ERR NotImplemented');
  });

  test('a token serves once and not for long', async () => {
    const client = open({ work_bits: 0 + 1 });
    const [token, nonce] = await work(client);
    expect(await client.ask(`WORK ${token} ${nonce}\n`)).toBe('REJECT');
    const [, , fresh = ''] = String(await client.ask('WORK\n')).split(' ');
    for (let minute = 0; minute < 12; minute += 4) {
      await clock.advance(4 * MINUTE);
      await client.ask('LIST x\n');
    }
    const { findWork } = await import('./work.ts');
    expect(await client.ask(`WORK ${fresh} ${await findWork(fresh, 1)}\n`)).toBe('REJECT');
  });

  async function work(client: Typist): Promise<[string, string]> {
    const { findWork } = await import('./work.ts');
    const [word, bits, token = ''] = String(await client.ask('WORK\n')).split(' ');
    expect(word).toBe('WORK');
    const nonce = await findWork(token, Number(bits));
    expect(await client.ask(`WORK ${token} ${nonce}\n`)).toBe('WRKD');
    return [token, nonce];
  }
});

// spec: smallmail 2.9
test('messages, unused mailboxes and forgotten ones disappear in their time', async () => {
  const room = openRoom();
  const client = new Typist(room);
  await client.create(alice);
  await client.create(bob);
  await client.send(alice, await alice.seal('old news'));
  await client.prove(`LIST ${alice.mailbox}\n`, alice);
  await clock.advance(9 * DAY);
  await post.store.sweep(clock.now());
  expect(await post.store.mailboxes.list({ limit: 10 })).toEqual([`smallmail/${alice.mailbox}`]);
  expect(await post.store.usage()).toMatchObject({ messages: 1 });
  await clock.advance(83 * DAY);
  await post.store.sweep(clock.now());
  expect(await post.store.usage()).toMatchObject({ mailboxes: 1, messages: 0 });
  await clock.advance(100 * DAY);
  await post.store.sweep(clock.now());
  expect(await post.store.usage()).toMatchObject({ mailboxes: 0 });
});

test('only the day of arrival is kept', async () => {
  const client = open();
  await client.create(alice);
  await client.send(alice, await alice.seal('when?'));
  const { messages } = await post.store.messages.page(`smallmail/${alice.mailbox}`, { limit: 1 });
  expect((messages[0]?.arrived ?? 1) % DAY).toBe(0);
});
