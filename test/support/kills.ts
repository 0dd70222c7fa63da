// How often the crash tests kill: a few times in each run of the suite, as each start costs time, and as often as
// POSTERN_KILLS says for whoever wants to know it exactly. And when.

import { setTimeout as wait } from 'node:timers/promises';

const LOOK = 5;

/** `usual` when the environment names no number. */
export function killsWanted(usual: number): number {
  const wanted = Number(process.env['POSTERN_KILLS'] ?? usual);
  if (!Number.isInteger(wanted) || wanted < 1) throw new RangeError('POSTERN_KILLS is the number of kills, such as 30');
  return wanted;
}

/**
 * Resolves at the moment to kill: at random within `spread` ms after `confirmed()` has grown, so that each life, on however slow a
 * machine, has promised something that its death could break.
 */
export async function momentOfKill(confirmed: () => number, spread = 250): Promise<void> {
  const before = confirmed();
  while (confirmed() === before) await wait(LOOK);
  await wait(Math.random() * spread);
}
