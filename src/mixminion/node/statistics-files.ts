// The figures of a remailer as files: those of the period so far, so that a restart goes on with them, and a block for each
// period that is over.   spec: mixminion-server 6, 7

import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere, replaceFile } from '../../base/files.ts';
import { type PendingStatistics, Statistics } from './statistics.ts';

const OWNER_ONLY = 0o600;
const PENDING = 'stats.json';
const BLOCKS = 'stats';

/** Goes on with what an earlier run had counted; with nothing when its file cannot be used. */
export async function openStatistics(folder: string, interval: number, now: number): Promise<Statistics> {
  const kept = await readIfThere(join(folder, PENDING));
  return new Statistics(interval, now, kept && parsePending(kept.toString()));
}

/** Keeps what is counted; a period that is over becomes a block, which is written only if `asBlocks`. */
export async function saveStatistics(
  statistics: Statistics,
  folder: string,
  { now, asBlocks }: { readonly now: number; readonly asBlocks: boolean },
): Promise<void> {
  const block = statistics.rotate(now);
  if (block !== undefined && asBlocks) await appendFile(join(folder, BLOCKS), block, { mode: OWNER_ONLY });
  await replaceFile(join(folder, PENDING), JSON.stringify(statistics.pending(now)));
}

function parsePending(text: string): PendingStatistics | undefined {
  const counts = z.record(z.string(), z.int().nonnegative());
  const kept = z.object({ since: z.number(), present: z.number(), counts });
  try {
    return kept.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
