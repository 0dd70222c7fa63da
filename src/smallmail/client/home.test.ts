// The client's folder: names, locks, damage, contacts.

import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { openGpg } from '../../../test/support/gpg.ts';
import { judgedBy } from '../../../test/support/judges.ts';
import { HOUR } from '../../base/time.ts';
import { withLock } from '../../base/user-folder.ts';
import type { Address } from './address.ts';
import { addContact, armourKey, findContact, formatFingerprint, signContact, vouchersOf } from './contacts.ts';
import { type Home, openHome, readMailbox, saveMailbox } from './home.ts';
import { makeKeyPair, openKeyPair } from './key-pair.ts';

const NOW = Date.UTC(2026, 10, 22, 12);
let folder: string;
let home: Home;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postern-home-'));
  home = await openHome(join(folder, 'home'));
  return () => rm(folder, { recursive: true, force: true });
});

const at = (mailbox: string): Address => ({ mailbox, host: 'mail.example', port: 1995 });

describe('the folder', () => {
  test('is for its owner alone, and gives back what was saved', async () => {
    const { mailbox, secretKey } = await makeKeyPair(NOW);
    const saved = { label: 'alice', address: at(mailbox), made: true, secretKey };
    await saveMailbox(home, saved);
    expect(await readMailbox(home, 'alice')).toEqual(saved);
    expect((await stat(home.folder)).mode & 0o777).toBe(0o700);
    await expect(readMailbox(home, 'bob')).rejects.toMatchObject({
      code: 'unknown',
      remedy: expect.stringContaining('alice'),
    });
  });

  test.each(['', '..', 'a/b', '.hidden', 'x'.repeat(33), 'ü'])('%j cannot be a name', async (label) => {
    await expect(readMailbox(home, label)).rejects.toMatchObject({ code: 'unknown' });
  });

  test('says which file is damaged', async () => {
    const { mailbox, secretKey } = await makeKeyPair(NOW);
    await saveMailbox(home, { label: 'alice', address: at(mailbox), made: true, secretKey });
    await writeFile(join(home.folder, 'mailboxes', 'alice', 'mailbox.json'), '{"address": "nowhere"}');
    const damaged = expect.objectContaining({ code: 'home', message: expect.stringContaining('mailbox.json') });
    await expect(readMailbox(home, 'alice')).rejects.toEqual(damaged);
  });

  // What a process runs that takes the lock and is killed in the middle.
  const LOCK_MODULE = join(import.meta.dirname, '../../base/user-folder.ts');
  const KILLED_WITH_LOCK = `import(process.argv[1]).then(({ withLock }) =>
    withLock(process.argv[2], async () => process.kill(process.pid, 'SIGKILL')))`;

  test('a lock keeps others out, and one that a crash left does not', async () => {
    const path = join(folder, 'thing');
    await withLock(path, async () => {
      await expect(withLock(path, async () => 1)).rejects.toMatchObject({ code: 'busy' });
    });
    expect(await withLock(path, async () => 2)).toBe(2);
    const killed = spawnSync(process.execPath, ['-e', KILLED_WITH_LOCK, LOCK_MODULE, path]);
    expect(killed.signal).toBe('SIGKILL');
    expect(await withLock(path, async () => 3)).toBe(3);
    await expect(withLock(path, () => Promise.reject(new Error('work')))).rejects.toThrow('work');
    expect(await withLock(path, async () => 4)).toBe(4);
  });
});

// spec: smallmail 2.11
describe('contacts', () => {
  test('are kept with the signatures on their keys, and gain more', judgedBy('gpg'), async () => {
    const [bob, carol] = await Promise.all([makeKeyPair(NOW), makeKeyPair(NOW)]);
    const signer = await openKeyPair(carol.secretKey);
    await addContact(home, { label: 'bob', address: at(bob.mailbox), keyFile: bob.publicKey }, NOW);
    await signContact(home, 'bob', signer, NOW);
    const signed = (await findContact(home, 'bob'))?.key ?? Buffer.alloc(0);
    const [voucher] = await vouchersOf(signed, [carol.publicKey], NOW + HOUR);
    expect(voucher).toMatchObject({ state: 'good', by: carol.mailbox });

    await addContact(home, { label: 'bob', address: at(bob.mailbox), keyFile: bob.publicKey }, NOW);
    expect(await vouchersOf((await findContact(home, 'bob'))?.key ?? signed, [], NOW)).toHaveLength(1);

    const gpg = openGpg(NOW + HOUR);
    try {
      gpg.run(['--import'], carol.publicKey);
      gpg.run(['--import'], await armourKey(signed));
      const listing = gpg.run(['--with-colons', '--check-signatures', bob.mailbox]).toString();
      expect(listing).toContain(`sig:!::22:${carol.mailbox.slice(-16)}`);
    } finally {
      gpg.close();
    }
  });

  test(
    'are not taken with a key that is not theirs, secret, expired, revoked or no key at all',
    judgedBy('gpg'),
    async () => {
      const gpg = openGpg(NOW);
      try {
        const brief = gpg.makeKey('brief', 'rsa2048', 'cert,sign,encr', '1d');
        const add = (keyFile: Uint8Array, mailbox = brief, now = NOW) =>
          addContact(home, { label: 'brief', address: at(mailbox), keyFile }, now);
        await expect(add(gpg.export(brief), 'A'.repeat(40))).rejects.toMatchObject({ code: 'key' });
        await expect(add(gpg.run(['--export-secret-keys', brief]))).rejects.toMatchObject({ code: 'key' });
        await expect(add(gpg.export(brief), brief, NOW + 48 * HOUR)).rejects.toMatchObject({ code: 'key' });
        await expect(add(Buffer.from('hello'))).rejects.toMatchObject({ code: 'key' });
        await expect(add(Buffer.alloc(300_000, 0x99))).rejects.toMatchObject({ code: 'key' });
        const revocation = gpg.run(['--no-batch', '--command-fd', '0', '--gen-revoke', brief], 'y\n0\n\ny\n');
        const revoked = Buffer.concat([gpg.export(brief), gpg.run(['--dearmor'], revocation)]);
        await expect(add(revoked)).rejects.toMatchObject({ code: 'key' });
        expect(await findContact(home, 'brief')).toBeUndefined();
        expect(await add(gpg.export(brief))).toMatchObject({ label: 'brief' });
        const other = await makeKeyPair(NOW);
        await expect(add(other.publicKey, other.mailbox)).rejects.toMatchObject({ code: 'exists' });
      } finally {
        gpg.close();
      }
    },
  );

  test('show fingerprints as people read them aloud', () => {
    expect(formatFingerprint('6A5A7A8A650F0C12961ED8F74278AF1D067C0E57')).toBe(
      '6A5A 7A8A 650F 0C12 961E\nD8F7 4278 AF1D 067C 0E57',
    );
  });
});
