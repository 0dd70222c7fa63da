import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sideBySide } from './side-by-side.ts';

test('results come in the order of the items, however long each takes, and never more run than may', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: 5 })), fc.integer({ min: 1, max: 4 }), async (turns, limit) => {
      let [now, most] = [0, 0];
      const results = await sideBySide(turns.entries(), limit, async ([at, count]) => {
        now += 1;
        most = Math.max(most, now);
        for (let turn = 0; turn < count; turn += 1) await Promise.resolve();
        now -= 1;
        return at;
      });
      expect(results).toEqual([...turns.keys()]);
      expect(most).toBeLessThanOrEqual(limit);
    }),
  );
});

test('after a failure nothing more is begun, and it is thrown when the others have ended', async () => {
  const begun: number[] = [];
  const ended: number[] = [];
  const gate = Promise.withResolvers<void>();
  const all = sideBySide([0, 1, 2, 3], 2, async (item) => {
    begun.push(item);
    if (item === 1) throw new Error('broken');
    await gate.promise;
    ended.push(item);
  });
  setTimeout(gate.resolve, 5);
  await expect(all).rejects.toThrow('broken');
  expect([begun, ended]).toEqual([[0, 1], [0]]);
});
