// Kills an office while mail comes in over IMDP, and finds in the mailbox directory what was answered OK: all of it, once, and whole.
// spec: ima 2.3, 2.7

import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { systemClock } from '../../src/base/time.ts';
import { askOffice } from '../../src/cli/ask-office.ts';
import { compose } from '../../src/ima/compose.ts';
import { letterOf } from '../../src/ima/letter.ts';
import { clientAs, makeWorld, messagesIn, storedOctets, type World } from '../support/ima.ts';
import { killsWanted } from '../support/kills.ts';
import { makeDataFolder, startOffice } from '../support/office.ts';

const KILLS = killsWanted(3);
const SENDERS = 3;

test('killed while mail comes in: what was answered OK is there, once and whole', async () => {
  await using world = await makeWorld();
  const { cert, key } = await world.files('b.test');
  const trust = `cert = ${JSON.stringify(cert)}\nkey = ${JSON.stringify(key)}\nextra_ca = [${JSON.stringify(world.rootFile)}]\nonly_extra_ca = true\n`;
  await using folder = await makeDataFolder(`[office]\ncounters = ["ima"]\n[ima]\nhostparts = ["b.test"]\n${trust}`);
  await askOffice(folder.path, 'ima', 'account.add', { address: 'bob@b.test', keys: ['00'.repeat(32)] });
  const confirmed = new Set<string>();
  const tried = new Set<string>();
  for (let kill = 0; kill < KILLS; kill += 1) {
    const office = await startOffice(folder.path);
    const port = office.ports('IMA')['IMDP'] ?? 0;
    const before = confirmed.size;
    const sending = Promise.all(Array.from({ length: SENDERS }, () => sendUntilCut(world, port, tried, confirmed)));
    while (confirmed.size === before) await wait(5);
    await wait(randomInt(250));
    expect(await office.end('SIGKILL')).toBe('SIGKILL');
    await sending;
  }
  const inbox = join(folder.path, 'ima', 'mailboxes', 'b.test', 'bob', 'inbox');
  const kept = await Promise.all(
    (await messagesIn(inbox)).map(async (path) => letterOf(await storedOctets(path)).head.id),
  );
  const once = new Set(kept);
  expect(once.size, 'nothing is there twice').toBe(kept.length);
  expect(once.difference(tried).size, 'nothing else is there').toBe(0);
  expect(confirmed.difference(once).size, 'nothing confirmed is lost').toBe(0);
  expect(confirmed.size).toBeGreaterThanOrEqual(KILLS);
}, 120_000);

async function sendUntilCut(world: World, port: number, tried: Set<string>, confirmed: Set<string>): Promise<void> {
  try {
    const client = await clientAs(world, { host: 'b.test', port, as: 'a.test' });
    for (;;) {
      const letter = compose(
        {
          from: 'alice@a.test',
          to: ['bob@b.test'],
          parts: [{ role: 'body', type: 'text/plain', content: systemRandom.bytes(2000) }],
        },
        { clock: systemClock, random: systemRandom },
      );
      tried.add(letter.head.id);
      await client.offer(letter.head);
      if ((await client.send(letter, () => {})) === 'OK') confirmed.add(letter.head.id);
    }
  } catch {} // the office is gone, as it should be
}
