import { chmod, mkdir, mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { echo } from '../../test/support/echo-counter.ts';
import { DAY, systemClock, VirtualClock } from '../base/time.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import type { Store } from '../store/store.ts';
import { backUp } from './backup.ts';
import { measureCrypto } from './crypto-speed.ts';
import { type DataFolder, dataFolderAt } from './data-folder.ts';
import { examine } from './doctor.ts';
import { makeOffice, type Office, openOffice } from './office.ts';
import { verifyOffice } from './verify.ts';

const BODY = Buffer.alloc(200_000, 'letter ');

let home: string;
let folder: DataFolder;
let store: Store;
let office: Office;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'postern-backup-'));
  folder = dataFolderAt(join(home, 'data'));
  await makeOffice(folder, [echo]);
  await writeFile(folder.config, '[health]\nlisten = ["127.0.0.1:0"]\n[log]\nlevel = "error"\n');
  office = await openOffice({
    folder,
    counters: [echo],
    openStore: async (file) => (store = await openSqliteStore({ file })),
  });
  await store.mailboxes.create({ id: 'echo/a', quota: { bytes: 10 ** 7, messages: 100 } });
});

afterEach(async () => {
  await office.close();
  await rm(home, { recursive: true });
});

/** Puts one more letter into the running office. */
async function deliver(): Promise<void> {
  const chunks = (async function* () {
    yield BODY;
  })();
  const body = await store.messages.receive('echo/a', chunks);
  expect(await store.messages.append('echo/a', { body, arrived: 1 })).toMatchObject({ status: 'stored' });
}

const verify = (of: DataFolder) => verifyOffice(of, [echo], () => {});

describe('a backup', () => {
  test('of a working office is whole, and is an office of its own', async () => {
    await deliver();
    const making = backUp(folder, join(home, 'copy'));
    await deliver(); // goes on meanwhile
    const report = await making;
    expect(report.files).toEqual(['keys/tls.crt', 'keys/tls.key', 'mail.sqlite', 'postern.toml']);
    expect(report.bytes).toBeGreaterThan(BODY.length);
    const copy = dataFolderAt(report.folder);
    expect((await stat(copy.path)).mode & 0o777).toBe(0o700);
    for (const file of report.files) expect((await stat(join(copy.path, file))).mode & 0o777, file).toBe(0o600);
    const found = await verify(copy);
    expect(found).toMatchObject({ ok: true, mailboxes: 1, faults: [] });
    expect(found.messages).toBeGreaterThanOrEqual(1);

    const restored = await openOffice({
      folder: copy,
      counters: [echo],
      openStore: (file) => openSqliteStore({ file }),
    });
    expect(restored.identity.serverKey).toEqual(office.identity.serverKey);
    await restored.close();
  });

  test('never takes the place of anything, nor lies inside the data folder', async () => {
    await mkdir(join(home, 'there'));
    await expect(backUp(folder, join(home, 'there'))).rejects.toMatchObject({ code: 'backup' });
    await expect(backUp(folder, join(folder.path, 'copy'))).rejects.toMatchObject({ code: 'backup' });
    await expect(backUp(folder, folder.path)).rejects.toMatchObject({ code: 'backup' });
    await expect(backUp(folder, join(home, 'no', 'parent'))).rejects.toMatchObject({ code: 'backup' });
  });

  test('that fails leaves nothing behind', async () => {
    await office.close();
    await rm(folder.database);
    await expect(backUp(folder, join(home, 'copy'))).rejects.toMatchObject({ name: 'StoreError' });
    expect(await readdir(home)).toEqual(['data']);
  });
});

describe('verifying', () => {
  test('finds a changed octet of a message, a foreign key, and an open file', async () => {
    await deliver();
    expect(await verify(folder)).toMatchObject({ ok: true, messages: 1, bytes: BODY.length });
    const copy = dataFolderAt((await backUp(folder, join(home, 'copy'))).folder);
    const octets = await readFile(copy.database);
    const at = octets.indexOf(BODY.subarray(0, 70));
    const file = await open(copy.database, 'r+');
    await file.write(Buffer.from('X'), 0, 1, at + 20);
    await file.close();
    expect((await verify(copy)).faults).toEqual([expect.stringContaining('does not fit its digest')]);

    await writeFile(copy.tlsCertificate, 'nonsense');
    await chmod(copy.tlsKey, 0o640);
    const { ok, faults } = await verify(copy);
    expect(ok).toBe(false);
    expect(faults).toEqual([
      'TLS key and certificate: the TLS certificate and key cannot be used',
      `others on this machine may look into ${copy.tlsKey}`,
      expect.stringContaining('does not fit its digest'),
    ]);
  });
});

describe('the doctor', () => {
  const states = async (clock = systemClock) =>
    Object.fromEntries((await examine(folder, [echo], clock)).map(({ name, state }) => [name, state]));

  test('finds a running office well', async () => {
    const at = `${office.health?.host}:${office.health?.port}`;
    await writeFile(folder.config, `[health]\nlisten = ["${at}"]\n`);
    const findings = await examine(folder, [echo], systemClock);
    const names = findings.map(({ name }) => name);
    expect(names).toEqual(['data folder', 'configuration', 'certificate', 'office', 'disk', 'clock']);
    const bad = findings.filter(({ name, state }) => state !== 'ok' && name !== 'disk'); // this machine's may be full
    expect(bad).toEqual([]);
    expect(findings[3]?.says).toMatch(/^runs; Echo on 127\.0\.0\.1:\d+ \(TLS\)$/);
  });

  test('tells what is wrong', async () => {
    const at = `${office.health?.host}:${office.health?.port}`;
    await writeFile(folder.config, `[health]\nlisten = ["${at}"]\n`);
    await store.close();
    expect(await states()).toMatchObject({ office: 'fault' });
    await office.close().catch(() => {});
    expect(await states()).toMatchObject({ office: 'warning' });
    await writeFile(folder.config, '[echo]\nlisten = ["0.0.0.0:0"]\n');
    expect(await states()).toMatchObject({ configuration: 'fault' });
    await chmod(folder.path, 0o755);
    expect(await states()).toMatchObject({ 'data folder': 'fault' });
  });

  test('knows a wrong clock and an old certificate', async () => {
    expect(await states(new VirtualClock(0))).toMatchObject({ clock: 'fault' });
    const late = new VirtualClock(office.identity.validUntil + DAY);
    expect(await states(late)).toMatchObject({ certificate: 'fault', clock: 'warning' });
  });

  test('measures what cryptography costs here', () => {
    for (const { value } of measureCrypto()) expect(value).toBeGreaterThan(0);
  });
});
