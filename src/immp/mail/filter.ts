// The content filter: a program of the operator's that reads each message before it is taken, and says what becomes of it.
// spec: immp 2.11

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { codeOf } from '../../base/errors.ts';
import { Slots } from '../../base/slots.ts';
import type { Room } from '../room.ts';
import type { MessageFile } from './message.ts';

/** Programs that run at once. */
const AT_ONCE = 4;
const slots = new Slots(AT_ONCE);

export type Verdict = 'take' | 'junk' | 'refuse';

/** Exit codes; whatever else happens, the message is taken and the failure logged. */
const VERDICTS: ReadonlyMap<number | null, Verdict> = new Map([
  [0, 'take'],
  [1, 'junk'],
  [2, 'refuse'],
]);

/** Gives the message file to the program on its standard input, and waits for its exit code. */
export async function judgeContent(room: Room, file: MessageFile): Promise<Verdict> {
  const [program, ...args] = room.settings.filter;
  if (program === undefined) return 'take';
  await slots.take();
  try {
    const code = await run(room, program, args, file);
    const verdict = VERDICTS.get(code);
    if (verdict === undefined) room.post.log.error('immp.filter-failed', { code: code ?? 'killed' });
    return verdict ?? 'take';
  } catch (error) {
    room.post.log.error('immp.filter-failed', { code: codeOf(error) });
    return 'take';
  } finally {
    slots.give();
  }
}

async function run(room: Room, program: string, args: readonly string[], file: MessageFile): Promise<number | null> {
  const child: ChildProcess = spawn(program, args, {
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { PATH: process.env['PATH'] ?? '' }, // nothing else of ours is its business
  });
  const cancel = room.post.clock.timer(room.settings.filter_time, () => child.kill('SIGKILL'));
  try {
    const ended = once(child, 'close');
    // A program may know enough before it has read all.
    if (child.stdin) void pipeline(Readable.from(file.chunks(), { objectMode: false }), child.stdin).catch(() => {});
    const [code] = (await ended) as [number | null];
    return code;
  } finally {
    cancel();
  }
}
