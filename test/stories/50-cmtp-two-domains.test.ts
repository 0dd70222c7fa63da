// Alice and Bob have accounts at two offices. She writes to him: her office fetches his key from his, and carries the message on.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually, openTwoDomains } from '../support/cmtp-office.ts';

interface Row {
  readonly number: number;
  readonly from: string;
  readonly subject: string;
  readonly signed: boolean;
  readonly attached: number;
}
interface Opened {
  readonly text: string;
  readonly from: string;
  readonly signature: string;
  readonly log: readonly string[];
}

// spec: cmtp 9 D8, D9, D12, D13, D17, D20
test('a signed message with files crosses from one domain to the other, and the answer comes back', async () => {
  await using stack = new AsyncDisposableStack();
  const [here, there] = await openTwoDomains(stack);
  const alice = await here.enrol('alice');
  const bob = await there.enrol('bob');

  const map = await alice.file('map.png', Buffer.alloc(300_000, 7));
  const sent = await alice.ask('send', 'bob@there.test', 'At nine.', '--subject', 'Tonight', '--attach', map, '--sign');
  expect(sent).toMatchObject([{ to: 'bob@there.test', confirmed: true }]);

  const [row] = await eventually(async () => {
    const rows = await bob.ask<Row[]>('list');
    return rows.length > 0 ? rows : undefined;
  });
  expect(row).toMatchObject({ number: 1, from: 'alice@here.test', subject: 'Tonight', signed: true, attached: 1 });
  const opened = await bob.ask<Opened>('read', '1');
  expect(opened).toMatchObject({ text: 'At nine.', from: 'alice@here.test', signature: 'good' });
  expect(opened.log).toEqual([expect.stringMatching(/^\d+ here\.test forwarded$/)]);
  expect(await bob.run('read', '1', '--log')).toContain('(signed by this account)');

  await bob.run('save', '1', '--to', join(bob.home, 'saved'));
  expect(await readFile(join(bob.home, 'saved', 'map.png'))).toEqual(Buffer.alloc(300_000, 7));
  expect(await bob.fails('save', '1', '--to', join(bob.home, 'saved'))).toContain('not overwritten');

  // What the servers kept tells them nothing of the text.
  await bob.run('delete', '1');
  expect(await bob.ask('list')).toEqual([]);
  expect((await there.post.store.usage()).messages).toBe(0);
  expect(await eventually(async () => ((await here.post.store.usage()).messages === 0 ? true : undefined))).toBe(true);

  await bob.run('send', 'alice@here.test', 'I shall be there.');
  const answer = await eventually(async () => (await alice.ask<Row[]>('list'))[0]);
  expect(answer).toMatchObject({ from: 'bob@there.test', signed: false, subject: 'I shall be there.' });
  expect(await alice.run('read', '1')).toContain('unverified');
});

test('a message that somebody else signed, or that nobody signed, is not taken for his', async () => {
  await using stack = new AsyncDisposableStack();
  const [here] = await openTwoDomains(stack);
  const alice = await here.enrol('alice');
  await alice.run('send', 'alice@here.test', 'To myself.', '--sign');
  expect(await alice.ask<Row[]>('list')).toHaveLength(1);
  expect((await alice.ask<Opened>('read', '1', '--offline')).signature).toBe('unknown');
  expect((await alice.ask<Opened>('read', '1')).signature).toBe('good');
  await alice.run('key', 'rotate');
  expect((await alice.ask<Opened>('read', '1')).signature).toBe('bad');
});
