// The operator of a nymserver: what he sees with the office closed and open, what he decides, and that none of it tells him anything
// by which a nymholder could be found, or two nyms be known for one person's.   spec: mixminion-nym 6.4

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import { systemRandom } from '../../src/base/random.ts';
import { systemClock } from '../../src/base/time.ts';
import { surbDigest } from '../../src/mixminion/packet/surb.ts';
import { changePolicy, DEFAULT_POLICY } from '../../src/nym/policy.ts';
import { Curtain } from '../../src/nym/server/curtain.ts';
import { type NymRecord, newRecord } from '../../src/nym/server/record.ts';
import { SurbStock } from '../../src/nym/server/surb-stock.ts';
import { Vault } from '../../src/nym/server/vault.ts';
import { dataFolderAt } from '../../src/office/data-folder.ts';
import { openSqliteStore } from '../../src/store/sqlite/open.ts';
import { TestHolder } from '../support/nym.ts';
import { runHere } from '../support/nym-command.ts';
import { makeDataFolder, startOffice } from '../support/office.ts';

const QUOTA = { bytes: 1024 * 1024, messages: 100 };

test('an operator sees names, sizes and counts, and decides; no word of his says who holds a nym', async () => {
  await using folder = await makeDataFolder('[nym]\ndomain = "nym.test"\napproval = true\n');
  const office = await startOffice(folder.path, '--only', 'nym');
  await office.end('SIGTERM');

  // One holder of two nyms: the same keys, mail, options, reply blocks and SEQNOs in both, for whoever could see them.
  const alice = new TestHolder({ clock: systemClock });
  const surbs = alice.surbs(3);
  const seqno = systemRandom.bytes(20);
  const filter = 'if header :contains "subject" "from-my-cousin" { keep; }';
  const now = systemClock.now();
  const record = (state: NymRecord['state']): NymRecord => ({
    ...newRecord({
      state,
      made: now,
      challenge: Buffer.alloc(0),
      identities: [alice.identity.publicKey],
      encryption: alice.encryption.publicKey,
    }),
    policy: changePolicy(DEFAULT_POLICY, 'Filtering', Buffer.from(filter)),
    unacknowledged: [toHex(seqno)],
    errors: [{ nonce: toHex(seqno), text: 'an-error-of-hers' }],
  });
  const store = await openSqliteStore({ file: dataFolderAt(folder.path).database });
  const curtain = await Curtain.open(join(folder.path, 'nym', 'work', 'curtain'), systemRandom, now);
  const post = { store, random: systemRandom, clock: systemClock };
  const [vault, stock] = [new Vault(post, curtain), new SurbStock(post)];
  const sealed = systemRandom.bytes(1280);
  const mail = { sealed, synopsis: Buffer.from('Subject: a-secret\n\n'), received: now, once: Buffer.from('1') };
  for (const [nym, state] of [
    ['anna', 'open'],
    ['zoe', 'waiting'],
    ['rex', 'reserved'],
  ] as const) {
    expect(await vault.create(nym, record(state), QUOTA)).toBe(true);
  }
  for (const nym of ['anna', 'zoe']) await stock.add(vault.idOf(nym), surbs);
  expect(await vault.add('anna', { ...mail, until: now + 1_000_000 })).toBe('stored');
  const [held] = await vault.waiting('anna');
  await store.close();

  let said = '';
  const ask = async (...args: string[]) => {
    const { code, out, err } = await runHere('nymserver', ...args, '--data', folder.path);
    said += out + err;
    return { code, text: out + err };
  };
  expect((await ask('list')).text).toMatch(
    /anna +open +\S+ +1 +1\.3 KiB +3\n.*rex +reserved .* 0 +0 B +0\n.*zoe +waiting/s,
  );
  expect((await ask('show', 'anna')).text).toMatch(/mails +1 of 100\n.*reply blocks +3/s);
  expect((await ask('stats')).text).toMatch(
    /open +1\n.*wait for approval +1\n.*not confirmed yet +1\n.*reply blocks +6/s,
  );
  expect(await ask('show', 'nina')).toMatchObject({
    code: 1,
    text: expect.stringContaining('there is no nym nina'),
  });
  expect(await ask('approve', 'zoe')).toMatchObject({ code: 1 }); // the office is closed

  const again = await startOffice(folder.path, '--only', 'nym');
  expect((await ask('approve', 'zoe')).text).toBe('zoe is open\n');
  expect((await ask('refuse', 'rex')).text).toBe('rex is refused\n');
  expect(await ask('refuse', 'anna')).toMatchObject({ code: 1 });
  expect((await ask('close', 'anna', '--yes')).text).toBe('anna is closed for ever\n');
  expect(await ask('close', 'anna', '--yes')).toMatchObject({ code: 1 });
  for (const command of [['list'], ['show', 'zoe'], ['stats']]) await ask(...command, '--json');
  expect(JSON.parse((await ask('list', '--json')).text)).toMatchObject([{ nym: 'zoe', state: 'open' }]);
  expect(await again.end('SIGTERM')).toBe(0);
  said += again.log();

  const keys = [alice.identity, alice.encryption].map(({ publicKey }) => publicKey);
  const secrets = {
    keys: keys.flatMap((key) => [key.fingerprint, key.toDer().toString('base64').slice(20, 60)]),
    surbs: surbs.flatMap((surb) => [surbDigest(surb), Buffer.from(surb.routingInfo).toString('latin1'), 'mix.test']),
    seqnos: [toHex(seqno), seqno.toString('base64')],
    mail: ['a-secret', toHex(held?.id ?? sealed), createHash('sha256').update(sealed).digest('hex')],
    options: ['from-my-cousin', 'an-error-of-hers'],
  };
  for (const [what, words] of Object.entries(secrets)) {
    for (const word of words) expect(said.toLowerCase().includes(word.toLowerCase()), what).toBe(false);
  }
}, 60_000);
