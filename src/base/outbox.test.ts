import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { carry, drop, type Outbox, post, replaceBody, trials, waitingLetters } from './outbox.ts';
import { systemRandom } from './random.ts';

const hex = z.codec(z.string(), z.custom<Buffer>(), {
  decode: (text) => Buffer.from(text, 'hex'),
  encode: (octets) => octets.toString('hex'),
});
const shape = z.object({ to: hex, ...trials });

let outbox: Outbox<z.infer<typeof shape>>;
beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postern-outbox-'));
  outbox = { folder, ending: 'letter', shape };
  return () => rm(folder, { recursive: true });
});

const put = (text: string, notBefore = 0) =>
  post(outbox, { to: Buffer.from('a1', 'hex'), notBefore, tries: 0 }, Buffer.from(text), systemRandom);

test('what waits is listed in the order in which it may leave, and belongs to its owner', async () => {
  await put('late', 2);
  const early = await put('early', 1);
  const waiting = await waitingLetters(outbox);
  expect(waiting.map(({ notBefore }) => notBefore)).toEqual([1, 2]);
  expect(waiting[0]).toEqual(early);
  for (const name of await readdir(outbox.folder)) {
    expect((await stat(join(outbox.folder, name))).mode & 0o077, name).toBe(0);
  }
});

test('a letter is gone once it was sent, and stays with the reason when it was not', async () => {
  const waiting = await put('hello');
  const fail = () => Promise.reject(new Error('nobody at home'));
  await expect(carry(outbox, waiting, fail)).rejects.toThrow('nobody at home');
  await expect(carry(outbox, waiting, fail)).rejects.toThrow('nobody at home');
  expect(await waitingLetters(outbox)).toEqual([{ ...waiting, tries: 2, failure: 'nobody at home' }]);
  expect(await carry(outbox, waiting, async (body) => body.toString())).toBe('hello');
  expect(await carry(outbox, waiting, fail)).toBeUndefined();
  expect(await readdir(outbox.folder)).toEqual([]);
});

test('what a try makes of a letter is what the next one sends', async () => {
  const waiting = await put('draft');
  const seal = async () => {
    await replaceBody(outbox, waiting, Buffer.from('sealed'));
    throw new Error('cut');
  };
  await expect(carry(outbox, waiting, seal)).rejects.toThrow('cut');
  expect(await carry(outbox, waiting, async (body) => body.toString())).toBe('sealed');
});

test('one at a time sends it', async () => {
  const waiting = await put('hello');
  await carry(outbox, waiting, async () => {
    await expect(carry(outbox, waiting, async () => {})).rejects.toMatchObject({ code: 'busy' });
  });
});

test('a letter that is taken out is gone; octets without a document, and other files, are no letter', async () => {
  const waiting = await put('hello');
  await writeFile(join(outbox.folder, `${'0'.repeat(16)}.letter`), 'left by a crash');
  await writeFile(join(outbox.folder, 'notes.txt'), '');
  expect(await waitingLetters(outbox)).toHaveLength(1);
  await drop(outbox, waiting);
  expect(await waitingLetters(outbox)).toEqual([]);
});

test('a damaged document is said to be one', async () => {
  const { id } = await put('hello');
  await writeFile(join(outbox.folder, `${id}.json`), '{"to":1}');
  await expect(waitingLetters(outbox)).rejects.toMatchObject({ code: 'home' });
});
