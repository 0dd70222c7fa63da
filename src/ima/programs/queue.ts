// The queue of server-send-mail where it runs alone: a folder with a message and what is known of it in two files each. Whoever calls
// `--retry` now and then, a timer of the system perhaps, is its clock.   spec: ima 2.10

import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '../../base/bytes.ts';
import { replaceFile, syncFolder } from '../../base/files.ts';
import type { Random } from '../../base/random.ts';
import type { Clock } from '../../base/time.ts';
import { makeFolder, namesIn, readDocument, withLock } from '../../base/user-folder.ts';
import { retryWait } from '../../post/retry.ts';
import { ImaError } from '../errors.ts';
import { type Letter, letterFile, octetsOf } from '../letter.ts';
import { failureLines, type Sent } from '../sending/send.ts';
import { FIRST_WAIT, noticeOf, SCHEDULE } from '../sending/waiting.ts';

const JOB = '.json';
const MESSAGE = '.message';

interface Job {
  /** Unix milliseconds. */
  readonly kept: number;
  readonly next: number;
  readonly attempts: number;
  /** Lines of the last attempt. */
  readonly failures: readonly string[];
}

export interface QueueTools {
  readonly folder: string;
  /** Of the notices. */
  readonly host: string;
  readonly clock: Clock;
  readonly random: Random;
  /** One attempt; says what came of the recipients. */
  attempt(letter: Letter, say: (line: string) => Promise<void>): Promise<Sent>;
}

/** Durable when it resolves. */
export async function keep(
  { folder, clock, random }: Pick<QueueTools, 'folder' | 'clock' | 'random'>,
  letter: Letter,
  failures: readonly string[],
): Promise<void> {
  await makeFolder(folder);
  const name = toHex(random.bytes(16));
  {
    await using file = await open(join(folder, name + MESSAGE), 'wx', 0o600);
    for await (const chunk of octetsOf(letter)) await file.writeFile(chunk);
    await file.sync();
  }
  await syncFolder(folder);
  const now = clock.now();
  await writeJob(folder, name, { kept: now, next: now + FIRST_WAIT, attempts: 1, failures });
}

/** Tries again what is due; true for each message that waits no more. Throws FolderError `busy` while another does the same. */
export function retry(tools: QueueTools): Promise<boolean[]> {
  return withLock(tools.folder, async () => {
    const done: boolean[] = [];
    for (const file of await namesIn(tools.folder)) {
      if (file.endsWith(JOB)) done.push(...(await again(tools, file.slice(0, -JOB.length))));
    }
    return done;
  });
}

async function again(tools: QueueTools, name: string): Promise<boolean[]> {
  const { folder, clock } = tools;
  const job = await readJob(folder, name);
  if (job.next > clock.now()) return [];
  await using letter = await letterFile(join(folder, name + MESSAGE));
  const failed: string[] = [];
  const sent = await tools.attempt(letter, async (line) => {
    if (line.startsWith('FAIL ')) failed.push(line);
  });
  if (sent.kind === 'sent') return drop(tools, name, letter, sent.outcome === 0 ? [] : failed);
  const failures = failureLines(sent.failures);
  const now = clock.now();
  const wait = retryWait(SCHEDULE, job.attempts + 1, now - job.kept);
  if (wait === undefined || !sent.failures.every(({ temporary }) => temporary))
    return drop(tools, name, letter, failures);
  await writeJob(folder, name, { ...job, next: now + wait, attempts: job.attempts + 1, failures });
  return [false];
}

/** The notice is under way or kept before the message is gone: after a crash there may be two of it, and never none. */
async function drop(tools: QueueTools, name: string, letter: Letter, failures: readonly string[]): Promise<boolean[]> {
  const notice = failures.length === 0 ? undefined : noticeOf(letter, failures, tools);
  if (notice) {
    const sent = await tools.attempt(notice, async () => {});
    if (sent.kind === 'not-sent' && sent.failures.every(({ temporary }) => temporary))
      await keep(tools, notice, failureLines(sent.failures));
  }
  for (const end of [JOB, MESSAGE]) await rm(join(tools.folder, name + end), { force: true });
  return [true];
}

async function readJob(folder: string, name: string): Promise<Job> {
  const { z } = await import('zod');
  const form = z.strictObject({ kept: z.number(), next: z.number(), attempts: z.int(), failures: z.array(z.string()) });
  const job = await readDocument(join(folder, name + JOB), form);
  if (job === undefined) throw new ImaError('unknown', 'a message of the queue is gone');
  return job;
}

function writeJob(folder: string, name: string, job: Job): Promise<void> {
  return replaceFile(join(folder, name + JOB), `${JSON.stringify(job)}\n`);
}
