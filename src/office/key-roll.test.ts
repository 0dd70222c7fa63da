import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { echo } from '../../test/support/echo-counter.ts';
import { DAY, VirtualClock } from '../base/time.ts';
import { dataFolderAt } from './data-folder.ts';
import { cancelKey, type KeyRollPlace, planKey, showKeys, switchKey } from './key-roll.ts';
import { type Settings, settingsSchema } from './settings.ts';

let clock: VirtualClock;
let read: number;
let tls: object;
let place: KeyRollPlace;

beforeEach(async () => {
  const path = await mkdtemp(join(tmpdir(), 'postern-keys-'));
  const folder = dataFolderAt(path);
  await mkdir(folder.keys);
  clock = new VirtualClock(Date.parse('2026-01-01T12:00:00Z'));
  [read, tls] = [0, {}];
  const schema = settingsSchema([echo]);
  const settings = () => schema.parse({ tls }) as Settings;
  const changed = async () => {
    read += 1;
  };
  place = { folder, clock, settings, changed };
  return () => rm(path, { recursive: true });
});

// spec: immp 2.4
test('a key is announced for two weeks and shown then; each step is for the office to read', async () => {
  const { key } = await showKeys(place);
  const { next } = await planKey(place);
  expect(await showKeys(place)).toEqual({ key, next });
  expect(next).toMatchObject({ since: clock.now(), due: clock.now() + 14 * DAY });
  expect((await stat(join(place.folder.keys, 'tls-next.key'))).mode & 0o777).toBe(0o600);
  await expect(planKey(place)).rejects.toMatchObject({ code: 'key-roll' });
  await clock.advance(14 * DAY - 1000);
  await expect(switchKey(place, false)).rejects.toMatchObject({
    code: 'key-roll',
    remedy: expect.stringMatching('2026-01-15'),
  });
  await clock.advance(1000);
  expect(await switchKey(place, false)).toEqual({ key: next?.key });
  expect(read).toBe(2);
  for (const step of [() => switchKey(place, true), () => cancelKey(place)]) {
    await expect(step()).rejects.toMatchObject({ code: 'key-roll' });
  }
});

test('one that was taken back is forgotten', async () => {
  const { key } = await planKey(place);
  expect(await cancelKey(place)).toEqual({ key });
  expect((await planKey(place)).next?.key).not.toBe(key);
});

test('a certificate of an authority is not thrown away, and without a place there is no next key', async () => {
  await planKey(place);
  tls = { certificate: 'keys/tls.crt', key: 'keys/tls.key' };
  const before = await readFile(place.folder.tlsKey);
  await expect(switchKey(place, true)).rejects.toMatchObject({ remedy: expect.stringContaining('[tls]') });
  expect(await readFile(place.folder.tlsKey)).toEqual(before);
  tls = { next_key: '' };
  await expect(planKey(place)).rejects.toMatchObject({ remedy: expect.stringContaining('tls.next_key') });
});
