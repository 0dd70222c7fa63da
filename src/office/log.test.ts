import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openLog } from './log.ts';

let home: string;
const place = (name: string) => join(home, name);
const text = (name: string) => readFile(place(name), 'utf8');

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'postern-log-'));
});

afterEach(() => rm(home, { recursive: true }));

test('JSON lines have the level, the time and the event; what lies below the level is not told', async () => {
  const log = openLog({ level: 'warn', format: 'json', file: 'a' }, place);
  log.info('quiet');
  log.warn('sweep.slow', { messages: 3 });
  log.close();
  const lines = (await text('a')).trim().split('\n');
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? '')).toEqual({
    level: 'warn',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    event: 'sweep.slow',
    messages: 3,
  });
});

test('text is one short line an event', async () => {
  const log = openLog({ level: 'debug', format: 'text', file: 'a' }, place);
  log.error('sweep.failed', { code: 'io' });
  log.debug('plain');
  log.close();
  expect(await text('a')).toMatch(/^\d\d:\d\d:\d\d error sweep\.failed code=io\n\d\d:\d\d:\d\d debug plain\n$/);
});

test('a file that was moved away is opened anew, and one that cannot be had changes nothing', async () => {
  const settings = { level: 'info', format: 'json', file: 'a' } as const;
  const log = openLog(settings, place);
  log.info('one');
  await rename(place('a'), place('a.1'));
  log.use(settings);
  log.info('two');
  expect(() => log.use({ ...settings, file: 'no/where' })).toThrow(/cannot be opened/);
  log.info('three');
  log.close();
  expect(await text('a.1')).toMatch(/"event":"one"/);
  expect((await text('a')).match(/"event":"\w+"/g)).toEqual(['"event":"two"', '"event":"three"']);
});
