import { expect, test } from 'vitest';
import { Turns } from './turns.ts';

test('what is asked for under one key is done in turn, under different keys at once', async () => {
  const turns = new Turns();
  const said: string[] = [];
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const first = turns.take('a', async () => {
    await gates[0]?.promise;
    said.push('a1');
    throw new Error('broken');
  });
  const second = turns.take('a', async () => said.push('a2'));
  await turns.take('b', async () => said.push('b1'));
  gates[0]?.resolve();
  await expect(first).rejects.toThrow('broken');
  await second;
  expect(said).toEqual(['b1', 'a1', 'a2']);
  await turns.idle();
  expect(await turns.take('a', async () => 'later')).toBe('later');
});
