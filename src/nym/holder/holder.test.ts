// A nymholder and a nymserver over a mix of delay and loss: whatever is lost on either way is made good by itself.
// spec: mixminion-nym 5, 10

import { describe, expect, test } from 'vitest';
import { DOMAIN } from '../../../test/support/nym.ts';
import { type MixedNyms, openMixedNyms } from '../../../test/support/nym-mix.ts';
import { DAY } from '../../base/time.ts';
import type { Nymholder } from './holder.ts';
import { surbStock } from './tending.ts';

const letter = (subject: string) => ({
  to: ['bob@example.org'],
  headers: new Map([['SUBJECT', subject]]),
  body: Buffer.from('Dear Bob\n'),
});
const subjects = (holder: Nymholder) =>
  holder.mails.filter(({ state }) => state === 'here').map(({ subject }) => subject);

async function opened(mixed: MixedNyms, name = 'alice'): Promise<Nymholder> {
  const holder = await mixed.holder(name);
  for (let days = 0; days < 30 && holder.record.phase !== 'open'; days += 1) await mixed.pass(DAY);
  expect(holder.record.phase).toBe('open');
  return holder;
}

describe('a nymholder', () => {
  test('gets his nym, his mail, and sends some; what he has is deleted at the server', async () => {
    await using mixed = await openMixedNyms(1);
    const alice = await opened(mixed);
    expect(alice.address).toBe(`alice@${DOMAIN}`);
    expect(await mixed.mail('alice', 'hello')).toBe('stored');
    await alice.send(letter('good day'));
    await mixed.pass(2 * DAY);
    expect(subjects(alice)).toEqual(['hello']);
    expect((await alice.read(1)).text.toString()).toContain('Subject: hello\n');
    expect(mixed.on.mails).toMatchObject([{ from: `alice@${DOMAIN}`, to: ['bob@example.org'] }]);
    await mixed.pass(3 * DAY);
    expect((await mixed.on.post.store.mailboxes.get('nym/alice'))?.used.messages).toBe(0);
    expect(alice.record.outstanding).toEqual([]);
    expect(alice.record.policy).toHaveProperty('ShutdownPhrase');
    expect(mixed.breaches).toEqual([]);
  });

  test('has enough reply blocks at the server, week after week, though nobody writes', async () => {
    await using mixed = await openMixedNyms(2);
    const alice = await opened(mixed);
    for (let week = 0; week < 4; week += 1) {
      await mixed.pass(7 * DAY);
      expect(surbStock(alice.record, mixed.on.clock.now()).expected).toBeGreaterThan(5);
    }
    expect(mixed.packets.toServer).toBeLessThan(30);
  });

  test('changes one thing after another, and keeps old keys as long as they may be needed', async () => {
    await using mixed = await openMixedNyms(3);
    const alice = await opened(mixed);
    await expect(alice.setPolicy('SendMsgAfter', 'soon')).rejects.toThrow('decimal');
    await alice.setPolicy('SendMsgAfter', '30');
    await alice.setPolicy('HoldUntilAck', 'always');
    await alice.rotate('both');
    await alice.send(letter('signed by the old key'));
    await mixed.pass(8 * DAY);
    expect(alice.record).toMatchObject({
      policy: { SendMsgAfter: '30', HoldUntilAck: 'always' },
      changes: [],
      keys: { identity: 2, encryption: 2 },
      oldKeys: [{ encryption: 1 }],
      outstanding: [],
    });
    await mixed.mail('alice', 'to the new key');
    await alice.send(letter('signed by the new key'));
    await mixed.pass(4 * DAY);
    expect(subjects(alice)).toEqual(['to the new key']);
    expect(mixed.on.mails).toHaveLength(2);
    expect(alice.record.outstanding).toEqual([]);
  });

  test('is told that a name is taken, and that a nym is closed', async () => {
    await using mixed = await openMixedNyms(4);
    const alice = await opened(mixed);
    const other = await mixed.holder('alice', 'late');
    await mixed.pass(3 * DAY);
    expect(other.record).toMatchObject({ phase: 'refused', notes: [{ text: 'none of these names is free' }] });
    await expect(other.send(letter('no'))).rejects.toMatchObject({ code: 'nym-state' });

    await mixed.pass(3 * DAY);
    const { to, line } = alice.shutdown();
    const message = Buffer.from(`From: anybody@example.org\nSubject: \n\n${line}\n`);
    await mixed.on.server.addresses.deliver({ to, from: '', message, via: 'smtp' });
    await mixed.pass(DAY);
    expect(alice.record.phase).toBe('closed');
    const { toServer } = mixed.packets;
    await mixed.pass(7 * DAY);
    expect(mixed.packets.toServer).toBe(toServer);
  });
});

// spec: mixminion-nym 10
test('two nyms of one person never say a word of each other', async () => {
  await using mixed = await openMixedNyms(5);
  const nyms = [await mixed.holder('nightingale'), await mixed.holder('persephone')] as const;
  await mixed.pass(3 * DAY);
  for (const nym of nyms) {
    expect(nym.record.phase).toBe('open');
    expect(await mixed.mail(nym.record.nym ?? '', 'hello')).toBe('stored');
    await nym.send(letter('good day'));
    await nym.fetchSummaries();
  }
  await mixed.pass(4 * DAY);
  expect(nyms.map(subjects)).toEqual([['hello'], ['hello']]);
  expect(mixed.on.mails).toHaveLength(2);
  expect(mixed.breaches).toEqual([]);
});

test('the first message of each kind is lost, either way, and all heals', async () => {
  await using mixed = await openMixedNyms(21, { recipientsPerDay: 1 });
  mixed.losesFirst = true;
  const alice = await opened(mixed);
  await mixed.mail('alice', 'small');
  await mixed.mail('alice', 'large', 200_000);
  await alice.send(letter('one'));
  await alice.send({ ...letter('too many'), to: ['a@example.org', 'b@example.org'] });
  await alice.setPolicy('SendMsgAfter', '60');
  await alice.rotate('both');
  await alice.fetchSummaries();
  for (let days = 0; days < 40 && subjects(alice).length < 2; days += 1) {
    await mixed.pass(DAY);
    await alice.fetch(alice.mails.filter(({ state }) => state === 'synopsis').map(({ number }) => number));
  }
  await mixed.pass(14 * DAY);
  expect(subjects(alice).toSorted()).toEqual(['large', 'small']);
  expect(alice.record).toMatchObject({ outstanding: [], changes: [], keys: { identity: 2, encryption: 2 } });
  expect((await mixed.on.post.store.mailboxes.get('nym/alice'))?.used.messages).toBe(0);
  expect(mixed.on.mails).toHaveLength(1);
  expect(alice.record.notes.map(({ text }) => text)).toContain('the mails that a nym may send a day are used up');
  const lost = [...mixed.kindsLost].join(' ').split(' ');
  const toServer = ['CREATE', 'CREATE2', 'SURB', 'NEWPK', 'RELAY', 'GET', 'SUMMARIZE', 'DELETE', 'POLICY'];
  const toHolder = ['CREATED', 'STATUS', 'SUMMARY', 'MSG', 'DROPPED', 'ERROR'];
  expect([...toServer, ...toHolder].filter((word) => !lost.includes(word))).toEqual([]);
  expect(mixed.breaches).toEqual([]);
}, 60_000);

test.each([11, 12])(
  'one packet in five is lost, either way, and all heals (%i)',
  async (seed) => {
    await using mixed = await openMixedNyms(seed);
    mixed.loss = 0.2;
    const alice = await opened(mixed);
    const written: string[] = [];
    for (let day = 0; day < 12; day += 1) {
      written.push(`letter ${day}`);
      expect(await mixed.mail('alice', `letter ${day}`)).toBe('stored');
      if (day % 3 === 0) await alice.send(letter(`answer ${day}`));
      if (day === 5) await alice.setPolicy('SendMsgAfter', '60');
      if (day === 6) await alice.rotate('both');
      await mixed.pass(DAY);
    }
    await mixed.pass(21 * DAY);
    expect(subjects(alice).toSorted()).toEqual(written.toSorted());
    expect(mixed.on.mails).toHaveLength(4);
    expect(alice.record).toMatchObject({ outstanding: [], changes: [], keys: { identity: 2, encryption: 2 } });
    expect((await mixed.on.post.store.mailboxes.get('nym/alice'))?.used.messages).toBe(0);
    expect(mixed.packets.lost).toBeGreaterThan(5);
    expect(mixed.breaches).toEqual([]);
  },
  60_000,
);
