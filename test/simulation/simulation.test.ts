// Fifty remailers for three weeks, with everything going wrong that can.   spec: mixminion-server 1, 2
//
//   SIMULATION_SEED=7 npm test -- test/simulation        the one that was reported, or any other
//   SIMULATION_MESSAGES=20000 npm test -- test/simulation   more of it

import { describe, expect, test } from 'vitest';
import { type Outcome, simulate } from './simulate.ts';

const seed = Number(process.env['SIMULATION_SEED'] ?? 1);
const messages = Number(process.env['SIMULATION_MESSAGES'] ?? 300);

const sum = (counts: ReadonlyMap<string, number>) => [...counts.values()].reduce((a, b) => a + b, 0);
const list = (counts: ReadonlyMap<string, number>) => [...counts].map(([name, count]) => `${name} ${count}`).join(', ');

function inWords({ days, sent, arrived, crashes, copies, drops }: Outcome): string {
  return [
    `${days} days: ${sum(sent)} messages (${list(sent)}), of which ${arrived} arrived;`,
    `${crashes} crashes, ${copies} packets sent again by a stranger; dropped: ${list(drops)}`,
  ].join(' ');
}

test(`seed ${seed}: nothing is lost, nothing comes twice, everything has its reason`, async () => {
  const outcome = await simulate({ seed, remailers: 50, days: 14, messages });
  expect(outcome.breaches, `broken with SIMULATION_SEED=${seed}`).toEqual([]);
  expect(outcome.crashes).toBeGreaterThan(500);
  expect(outcome.copies).toBeGreaterThan(messages / 20);
  console.log(inWords(outcome));
}, 1_800_000);

describe('the same again', () => {
  const small = { remailers: 6, days: 4, messages: 40 };

  test('a seed tells the same story each time, another seed another', async () => {
    const [first, again, other] = [
      await simulate({ ...small, seed }),
      await simulate({ ...small, seed }),
      await simulate({ ...small, seed: seed + 1 }),
    ];
    expect(again).toEqual(first);
    expect(other.story).not.toBe(first.story);
  }, 120_000);
});
