import { describe, expect, test } from 'vitest';
import { DOMAIN, openTestNymserver, TestHolder, type TestNymserver } from '../../../test/support/nym.ts';
import { DAY, HOUR, MINUTE } from '../../base/time.ts';
import { writeMessage } from '../../mixminion/payload/text.ts';
import type { HolderCommand } from '../messages/to-holder.ts';
import type { ServerCommand } from '../messages/to-server.ts';
import { unseal } from '../sealing.ts';
import { phraseDigest } from '../shutdown-phrase.ts';
import { readSynopses } from '../synopsis.ts';
import { nymExit } from './exit.ts';
import { approve, closeByOperator, describeNym, listNyms, nymStats } from './operator.ts';

const mail = (subject: string, length = 2000) =>
  Buffer.from(`From: bob@example.org\nTo: alice@${DOMAIN}\nSubject: ${subject}\n\nHello.\n${'x'.repeat(length)}`);

function deliver(
  on: TestNymserver,
  subject: string,
  length?: number,
): ReturnType<TestNymserver['server']['addresses']['deliver']> {
  const arrival = { to: `alice@${DOMAIN}`, from: 'bob@example.org', message: mail(subject, length), via: 'smtp' };
  return on.server.addresses.deliver(arrival);
}

const said = <Word extends HolderCommand['word']>(on: TestNymserver, word: Word) =>
  on.replies.flatMap(({ commands }) => commands).filter((command) => command.word === word) as Extract<
    HolderCommand,
    { word: Word }
  >[];

describe('a nym', () => {
  // spec: mixminion-nym 2.1, 2.2
  test('is asked for, granted with a challenge, confirmed, and open from then on', async () => {
    await using on = await openTestNymserver();
    const alice = new TestHolder(on);
    const asked = alice.message('', [
      { word: 'CREATE', candidates: ['alice', 'alice2'] },
      alice.keys(),
      { word: 'SURB', surbs: alice.surbs(3) },
    ]);
    expect(await on.server.control(asked)).toBe('done');
    await on.pass(31 * MINUTE);
    expect(said(on, 'CREATED')).toMatchObject([{ nym: 'alice', challenge: { length: 21 } }]);
    expect(said(on, 'STATUS')).toMatchObject([{ surbs: 2, messages: 0, acknowledged: [{}] }]);
    expect(await deliver(on, 'too early')).toBe('unknown');

    expect(await on.server.control(asked)).toBe('repeated'); // the answer may have been lost
    await alice.say('alice', { word: 'CREATE2', response: Buffer.of(9) });
    await on.pass(31 * MINUTE);
    expect(said(on, 'CREATED')).toHaveLength(2);
    expect(said(on, 'ERROR')).toMatchObject([{ text: 'this does not answer the challenge' }]);
    await alice.say('alice', { word: 'CREATE2', response: said(on, 'CREATED')[0]?.challenge ?? Buffer.alloc(0) });
    expect(await deliver(on, 'welcome')).toBe('stored');
    expect(await on.server.addresses.owns(`ALICE@${DOMAIN.toUpperCase()}`)).toBe(true);
    expect(await on.server.addresses.owns('alice@elsewhere.test')).toBe(false);
  });

  test('that is not confirmed lapses, and a name that is taken goes to nobody else', async () => {
    await using on = await openTestNymserver();
    const [alice, bob] = [new TestHolder(on), new TestHolder(on, 1)];
    const create = { word: 'CREATE', candidates: ['alice'] } as const;
    await alice.say('', create, alice.keys(), { word: 'SURB', surbs: alice.surbs(3) });
    expect(await bob.say('', create, bob.keys(), { word: 'SURB', surbs: bob.surbs(3) })).toBe('refused');
    expect(said(on, 'ERROR')).toMatchObject([{ text: 'none of these names is free' }]);
    await on.pass(8 * DAY);
    await on.post.store.sweep(on.clock.now());
    expect(await bob.say('', create, bob.keys(), { word: 'SURB', surbs: bob.surbs(3) })).toBe('done');
  });

  // spec: mixminion-nym 6.1
  test('answers nobody who cannot sign for it, nor what is incomplete', async () => {
    await using on = await openTestNymserver();
    const [alice, bob] = [new TestHolder(on), new TestHolder(on, 1)];
    await alice.create('alice');
    const before = on.replies.length;
    expect(await bob.say('alice', { word: 'SURB', surbs: [] })).toBe('bad-signature');
    expect(await bob.say('carol', { word: 'GET', ids: [] })).toBe('unknown-nym');
    expect(await bob.say('', { word: 'CREATE', candidates: ['bob'] }, bob.keys())).toBe('incomplete');
    expect(await bob.say('', { word: 'CREATE', candidates: ['bob'] }, alice.keys())).toBe('bad-signature');
    expect(await on.server.control(Buffer.from('nonsense'))).toBe('malformed');
    await on.pass(2 * HOUR);
    expect(on.replies).toHaveLength(before);
  });
});

describe('mail to a nym', () => {
  // spec: mixminion-nym 4.5
  test('is sent by itself after some hours, several in one packet, and only its holder can read it', async () => {
    await using on = await openTestNymserver();
    const alice = new TestHolder(on);
    await alice.create('alice');
    for (const subject of ['one', 'two', 'three']) expect(await deliver(on, subject)).toBe('stored');
    const before = on.replies.length;
    await on.pass(7 * HOUR);
    expect(on.replies).toHaveLength(before + 1);
    expect(on.replies.at(-1)?.surbs).toHaveLength(1);
    const letters = said(on, 'MSG').map(({ sealed }) => unseal(alice.encryption, sealed).toString());
    expect(letters.map((letter) => /Subject: (.*)/.exec(letter)?.[1])).toEqual(['one', 'two', 'three']);
    await on.pass(2 * DAY);
    expect(said(on, 'MSG')).toHaveLength(3); // once is enough
  });

  // spec: mixminion-nym 2.6, 2.7, 2.8
  test('is summed up when there is more of it than reply blocks, and fetched by name', async () => {
    await using on = await openTestNymserver();
    const alice = new TestHolder(on);
    await alice.create('alice', 9);
    for (let index = 0; index < 10; index += 1) await deliver(on, `letter ${index}`, 20_000 + index);
    await alice.say('alice', { word: 'POLICY', option: 'SendMsgAfter', value: Buffer.from('-1') });
    await on.pass(26 * HOUR);
    expect(said(on, 'MSG')).toEqual([]);
    const sets = said(on, 'SUMMARY');
    expect(sets.map(({ valid }) => valid)).toEqual([0b11_1111_1111]);
    const synopses = sets.flatMap(({ sealed }) => readSynopses(unseal(alice.encryption, sealed)));
    expect(synopses.map(({ text }) => /letter \d/.exec(text.toString())?.[0])).toEqual(
      Array.from({ length: 10 }, (_, index) => `letter ${index}`),
    );

    const ids = synopses.slice(0, 2).map(({ id }) => id);
    await alice.say(
      'alice',
      { word: 'GET', ids: [...ids, Buffer.alloc(20, 1)] },
      { word: 'SURB', surbs: alice.surbs(3) },
    );
    await on.pass(31 * MINUTE);
    expect(said(on, 'MSG').map(({ id }) => id)).toEqual(ids);
    expect(said(on, 'DROPPED').flatMap(({ ids: gone }) => gone)).toEqual([Buffer.alloc(20, 1)]);

    await alice.say('alice', { word: 'DELETE', ids }, { word: 'SURB', surbs: alice.surbs(3) });
    await alice.say('alice', { word: 'SUMMARIZE', most: 16, after: Buffer.alloc(20) });
    await on.pass(31 * MINUTE);
    expect(said(on, 'SUMMARY').at(-1)?.valid).toBe(0b11_1111_1100);
    expect(said(on, 'DROPPED').flatMap(({ ids: gone }) => gone)).toEqual([Buffer.alloc(20, 1), ...ids]);
    expect(said(on, 'STATUS').at(-1)).toMatchObject({ messages: 8 });
  });

  // spec: mixminion-nym 4.1
  test('is refused when the quota is used up, discarded when the filter says so, and a repeated one is one', async () => {
    await using on = await openTestNymserver({ quota: { bytes: 40_000, messages: 100 } });
    const alice = new TestHolder(on);
    await alice.create('alice');
    await alice.say('alice', {
      word: 'POLICY',
      option: 'Filtering',
      value: Buffer.from('if header :contains "subject" "spam" { discard; }'),
    });
    expect(await deliver(on, 'spam', 100)).toBe('stored');
    const message = mail('random');
    const arrival = { to: `alice@${DOMAIN}`, from: '', message, via: 'smtp', once: Buffer.from('one') };
    expect(await on.server.addresses.deliver(arrival)).toBe('stored');
    expect(await on.server.addresses.deliver(arrival)).toBe('duplicate');
    expect(
      await on.server.addresses.deliver({ ...arrival, once: Buffer.from('2'), message: Buffer.alloc(600_000) }),
    ).toBe('too-large');
    const noise = on.post.random.bytes(30_000).toString('base64');
    expect(
      await on.server.addresses.deliver({ ...arrival, once: Buffer.from('3'), message: Buffer.from(`\n${noise}`) }),
    ).toBe('stored');
    expect(
      await on.server.addresses.deliver({ ...arrival, once: Buffer.from('4'), message: Buffer.from(`\n${noise}`) }),
    ).toBe('full');
    await on.pass(7 * HOUR);
    expect(said(on, 'MSG')).toHaveLength(2);
    // What was sent makes room for what comes.
    expect(
      await on.server.addresses.deliver({ ...arrival, once: Buffer.from('5'), message: Buffer.from(`\n${noise}`) }),
    ).toBe('stored');
    await on.pass(7 * HOUR);
    expect(said(on, 'DROPPED').flatMap(({ ids }) => ids).length).toBeGreaterThan(0);
  });

  test('waits when there are no reply blocks, and goes when some come', async () => {
    await using on = await openTestNymserver();
    const alice = new TestHolder(on);
    await alice.create('alice', 3);
    expect(await on.server.desk.stock.spend('nym/alice', 1)).toHaveLength(1); // the last
    await deliver(on, 'patience');
    await on.pass(3 * DAY);
    expect(said(on, 'MSG')).toEqual([]);
    await alice.say('alice', { word: 'SURB', surbs: alice.surbs(20) });
    await on.pass(HOUR);
    expect(said(on, 'MSG')).toHaveLength(1);
  });

  // spec: mixminion-nym 4.5, 6.2
  test('rides along with an answer, and what is acknowledged slowly with what goes sooner', async () => {
    await using on = await openTestNymserver();
    const alice = new TestHolder(on);
    await alice.create('alice', 10);
    const before = on.replies.length;
    await alice.say('alice', { word: 'POLICY', option: 'HoldSURBs', value: Buffer.from('3') });
    await on.pass(2 * HOUR);
    expect(on.replies).toHaveLength(before); // it can wait for a day
    await deliver(on, 'just come');
    await alice.say('alice', { word: 'SUMMARIZE', most: 0, after: Buffer.alloc(20) });
    await on.pass(31 * MINUTE);
    expect(on.replies).toHaveLength(before + 1);
    expect(on.replies.at(-1)?.commands).toMatchObject([{ word: 'MSG' }, { word: 'STATUS', acknowledged: [{}, {}] }]);
    await alice.say('alice', { word: 'POLICY', option: 'HoldSURBs', value: Buffer.from('2') });
    await on.pass(23 * HOUR);
    expect(on.replies).toHaveLength(before + 1);
    await on.pass(2 * HOUR);
    expect(on.replies).toHaveLength(before + 2);
  });

  test('leaves no plaintext behind, nor its synopsis when that is sealed', async () => {
    await using on = await openTestNymserver();
    const alice = new TestHolder(on);
    await alice.create('alice');
    await deliver(on, 'a-secret-subject');
    await on.pass(2 * HOUR);
    const { documents } = on.post.store;
    const names = await documents.list('nym/alice');
    expect(names.filter((name) => name.startsWith('synopsis/'))).toEqual([]);
    for (const name of names) {
      expect((await documents.get('nym/alice', name))?.value.includes('a-secret-subject')).toBe(false);
    }
  });
});

describe('mail from a nym', () => {
  // spec: mixminion-nym 2.5, 6.4
  test('is ordinary mail, and is sent once however often its message comes', async () => {
    await using on = await openTestNymserver({ relaysPerDay: 2 });
    const alice = new TestHolder(on);
    await alice.create('alice');
    const relay = {
      word: 'RELAY',
      recipients: ['bob@example.org'],
      headers: new Map([
        ['FROM', 'Alice'],
        ['SUBJECT', 'Hello'],
      ]),
      body: Buffer.from('Grüße\n'),
    } as const;
    const message = alice.message('alice', [relay]);
    expect(await on.server.control(message)).toBe('done');
    expect(await on.server.control(message)).toBe('repeated');
    expect(on.mails).toMatchObject([{ from: `alice@${DOMAIN}`, to: ['bob@example.org'] }]);
    const text = Buffer.from(on.mails[0]?.message ?? []).toString();
    expect(text).toContain(`From: "Alice" <alice@${DOMAIN}>\nTo: bob@example.org\nSubject: Hello\n`);
    expect(text).toContain('Content-Transfer-Encoding: 8bit\n\nGrüße\n');

    await alice.say('alice', relay, relay);
    await on.pass(25 * HOUR);
    expect(on.mails).toHaveLength(2);
    expect(said(on, 'ERROR')).toMatchObject([{ text: 'the mails that a nym may send a day are used up' }]);
  });
});

// spec: mixminion-nym 7
describe('a nym is closed', () => {
  const closing = (text: string, subject = 'please') => ({
    to: `nym-shutdown@${DOMAIN}`,
    from: 'anybody@example.org',
    message: Buffer.from(`From: anybody@example.org\nSubject: ${subject}\n\n${text}\n`),
    via: 'smtp',
  });
  const phrase = 'seven geese over the mill';
  const open = async (on: TestNymserver) => {
    const alice = new TestHolder(on);
    await alice.create('alice');
    await alice.say('alice', { word: 'POLICY', option: 'ShutdownPhrase', value: phraseDigest(phrase) });
    return alice;
  };

  test('by its phrase in ordinary mail, for ever, and nothing of it is left', async () => {
    await using on = await openTestNymserver();
    const alice = await open(on);
    await deliver(on, 'lost');
    expect(JSON.stringify((await on.post.store.documents.get('nym/alice', 'record'))?.value.toString())).not.toContain(
      phraseDigest(phrase).toString('base64'),
    );
    expect(
      await on.server.addresses.deliver(closing(`Hello,\n  shutdown Alice  seven geese   over the mill \nBye`)),
    ).toBe('stored');
    expect(said(on, 'ERROR').at(-1)).toMatchObject({ text: 'this nym was closed by its shutdown phrase' });
    expect(await deliver(on, 'nobody home')).toBe('unknown');
    expect(await on.post.store.documents.list('nym/alice')).toEqual([]);
    const create: ServerCommand = { word: 'CREATE', candidates: ['alice'] };
    expect(await alice.say('', create, alice.keys(), { word: 'SURB', surbs: alice.surbs(3) })).toBe('refused');
  });

  test('not by another phrase, and after five wrong ones not by the right one that day', async () => {
    await using on = await openTestNymserver();
    await open(on);
    for (let wrong = 0; wrong < 5; wrong += 1) {
      expect(await on.server.addresses.deliver(closing('SHUTDOWN alice Seven Geese Over The Mill'))).toBe('stored');
    }
    await on.server.addresses.deliver(closing('', `SHUTDOWN alice ${phrase}`));
    expect(await deliver(on, 'still here')).toBe('stored');
    await on.pass(DAY);
    await on.server.addresses.deliver(closing('', `SHUTDOWN alice ${phrase}`));
    expect(await deliver(on, 'gone')).toBe('unknown');
  });
});

describe('the operator', () => {
  test('looks at new nyms first when he wants to, and sees names, sizes and counts', async () => {
    await using on = await openTestNymserver({ approval: true });
    const alice = new TestHolder(on);
    await alice.create('alice', 10);
    const { desk } = on.server;
    expect(await deliver(on, 'too early')).toBe('unknown');
    expect(await listNyms(desk)).toMatchObject([{ nym: 'alice', state: 'waiting' }]);
    await approve(desk, 'Alice');
    expect(await deliver(on, 'welcome')).toBe('stored');
    expect(await describeNym(desk, 'alice')).toMatchObject({ state: 'open', used: { messages: 1 } });
    expect(await nymStats(desk)).toMatchObject({ nyms: { open: 1, waiting: 0 }, messages: 1 });
    await expect(approve(desk, 'alice')).rejects.toMatchObject({ code: 'nym' });
    await closeByOperator(desk, 'alice');
    expect(await deliver(on, 'gone')).toBe('unknown');
    await expect(closeByOperator(desk, 'alice')).rejects.toMatchObject({ code: 'nym' });
    expect(await listNyms(desk)).toEqual([]);
  });
});

// spec: mixminion-nym 9
test('control messages come by the exit type of nymservers, and by mbox from clients that do not know it', async () => {
  await using on = await openTestNymserver();
  const alice = new TestHolder(on);
  await alice.create('alice');
  const exit = nymExit(on.server);
  const arrives = (body: Buffer, address = DOMAIN) =>
    exit.deliver(
      {
        id: Buffer.alloc(20),
        tag: Buffer.alloc(20),
        address: Buffer.from(address),
        delivery: { kind: 'plain', headers: new Map(), body },
      },
      new AbortController().signal,
    );
  const message = alice.message('alice', [{ word: 'SURB', surbs: [] }]);
  expect(await arrives(message)).toEqual({ result: 'done', reason: 'done' });
  expect(await arrives(message)).toEqual({ result: 'done', reason: 'repeated' });
  expect(await arrives(message, 'other.test')).toEqual({ result: 'drop', reason: 'other-domain' });
  expect(await arrives(Buffer.from('?'))).toEqual({ result: 'drop', reason: 'malformed' });

  const relay: ServerCommand = {
    word: 'RELAY',
    recipients: ['bob@example.org'],
    headers: new Map(),
    body: Buffer.from('Hi\n'),
  };
  const text = Buffer.concat([
    Buffer.from(`To: nymserver@${DOMAIN}\n\n`),
    writeMessage({ type: 'binary', contents: alice.message('alice', [relay]) }),
  ]);
  const arrival = { to: `nymserver@${DOMAIN}`, from: '', message: text, via: 'mix' };
  expect(await on.server.addresses.deliver({ ...arrival, via: 'smtp' })).toBe('refused');
  expect(on.mails).toEqual([]);
  expect(await on.server.addresses.deliver(arrival)).toBe('stored');
  expect(on.mails).toHaveLength(1);
});

// spec: mixminion-nym 2.4
test('a new key is taken from the old one, and then the old one counts no more', async () => {
  await using on = await openTestNymserver();
  const [alice, later] = [new TestHolder(on), new TestHolder(on, 1)];
  await alice.create('alice');
  await deliver(on, 'before');
  expect(await alice.say('alice', later.keys())).toBe('done');
  await deliver(on, 'after');
  expect(await alice.say('alice')).toBe('done');
  expect(await later.say('alice')).toBe('done');
  expect(await alice.say('alice')).toBe('bad-signature');
  await on.pass(7 * HOUR);
  const [before, after] = said(on, 'MSG');
  expect(unseal(alice.encryption, before?.sealed ?? Buffer.alloc(0)).toString()).toContain('before');
  expect(unseal(later.encryption, after?.sealed ?? Buffer.alloc(0)).toString()).toContain('after');
});

// spec: mixminion-nym 2.3, 5
test('no reply block is used twice, and those that expire first go first', async () => {
  await using on = await openTestNymserver();
  const alice = new TestHolder(on);
  await alice.create('alice', 5);
  await alice.say('alice', {
    word: 'SURB',
    surbs: [...alice.surbs(5, 20 * DAY), ...alice.surbs(5, 10 * DAY), ...alice.surbs(1, HOUR)],
  });
  for (let day = 0; day < 9; day += 1) {
    await deliver(on, `day ${day}`);
    await on.pass(DAY);
  }
  const used = on.replies.flatMap(({ surbs }) => surbs);
  expect(new Set(used).size).toBe(used.length);
  expect(said(on, 'ERROR')).toMatchObject([{ text: 'reply blocks were not taken: expires' }]);
});
