// Runs another program for a message: the message on its standard input, its lines passed on as they come, its exit status as the answer.
// spec: ima 2.3, 2.6

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Clock, MINUTE } from '../base/time.ts';
import { type Letter, octetsOf } from './letter.ts';
import { linesOf } from './lines.ts';
import { REPLY_LIMIT } from './wire/imdp.ts';

const HANDLER_TIME = 10 * MINUTE;
/** More than fits into a line of the wire, so that a long one is seen to be one. */
const LINE = 2 * REPLY_LIMIT;

export interface Running {
  readonly words: readonly string[];
  readonly letter: Letter;
  /** Beside PATH and the like. */
  readonly environment: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly timeout?: number;
  readonly signal?: AbortSignal | undefined;
  /** Takes each line, without its LF, before the next is read. */
  line(octets: Buffer): Promise<void> | void;
}

/** The exit status; undefined when it could not be run, was killed by a signal, or took too long. */
export async function runProgram(running: Running): Promise<number | undefined> {
  const { words, letter, environment, clock, timeout = HANDLER_TIME, signal } = running;
  const [program = '', ...args] = words;
  const folder = await mkdtemp(join(tmpdir(), 'ima-run-')); // spec: ima 2.6: an empty working directory
  try {
    const child = spawn(program, args, {
      cwd: folder,
      env: { ...inherited(), ...environment },
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true, // a group of its own, so that what it started can be ended with it
    });
    const exited = once(child, 'exit').then(
      ([code]) => (code === null ? undefined : Number(code)),
      () => undefined, // it could not be run
    );
    const kill = () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {} // it has ended
    };
    let late = false;
    const cancel = clock.timer(timeout, () => {
      late = true;
      kill();
    });
    signal?.addEventListener('abort', kill);
    child.stdin.on('error', () => {}); // it need not read all of it
    const feeding = pipeline(octetsOf(letter), child.stdin).catch(() => {});
    try {
      for await (const line of linesOf(child.stdout, LINE)) await running.line(line);
      const status = await exited;
      await feeding;
      return late || signal?.aborted ? undefined : status;
    } finally {
      cancel();
      signal?.removeEventListener('abort', kill);
      kill();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What a program needs to find others and to speak the user's language, and nothing of ours. */
function inherited(): Record<string, string> {
  const names = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR'];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}
