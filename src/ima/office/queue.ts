// Mail for servers that are away, kept and tried again: files for the messages, jobs of the store for when.   spec: ima 2.10

import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { toHex } from '../../base/bytes.ts';
import { syncFolder } from '../../base/files.ts';
import { Outbound } from '../../post/outbound.ts';
import type { Post } from '../../post/post.ts';
import { type Letter, letterFile, octetsOf } from '../letter.ts';
import { failureLines, type Sent } from '../sending/send.ts';
import { FIRST_WAIT, noticeOf, SCHEDULE } from '../sending/waiting.ts';

const QUEUE = 'ima/send';
const jobForm = z.strictObject({ file: z.string(), failures: z.array(z.string()) });

export interface SendingQueue {
  push(letter: Letter, failures: readonly string[]): Promise<void>;
  start(): void;
  close(grace: number): Promise<void>;
}

export async function openQueue(
  post: Post,
  folder: string,
  host: () => string,
  send: (letter: Letter, say: (line: string) => Promise<void>) => Promise<Sent>,
): Promise<SendingQueue> {
  const files = join(folder, 'queue');
  await mkdir(files, { recursive: true, mode: 0o700 });
  const fileOf = (body: Uint8Array) => jobForm.parse(JSON.parse(Buffer.from(body).toString()));
  const outbound = new Outbound(post, {
    queue: QUEUE,
    schedule: SCHEDULE,
    async attempt({ body }) {
      const { file } = fileOf(body);
      await using letter = await letterFile(join(files, file));
      const failed: string[] = [];
      const sent = await send(letter, async (line) => {
        if (line.startsWith('FAIL ')) failed.push(line);
      });
      if (sent.kind === 'sent') {
        if (sent.outcome !== 0) await bounce(letter, failed);
        await rm(join(files, file), { force: true });
        return { fate: 'done' };
      }
      const failures = failureLines(sent.failures);
      if (sent.failures.every(({ temporary }) => temporary)) return { fate: 'later', body: jobOf(file, failures) };
      return { fate: 'refused', reason: failures.join('\n') };
    },
    async giveUp({ body }, reason) {
      const { file, failures } = fileOf(body);
      {
        await using letter = await letterFile(join(files, file));
        await bounce(letter, reason === 'expired' ? failures : reason.split('\n'));
      }
      await rm(join(files, file), { force: true });
    },
  });

  async function bounce(letter: Letter, failures: readonly string[]): Promise<void> {
    const notice = noticeOf(letter, failures, { host: host(), clock: post.clock, random: post.random });
    if (notice === undefined) return;
    const sent = await send(notice, async () => {});
    if (sent.kind === 'not-sent' && sent.failures.every(({ temporary }) => temporary)) await push(notice, []);
  }

  async function push(letter: Letter, failures: readonly string[]): Promise<void> {
    const name = toHex(post.random.bytes(16));
    {
      await using file = await open(join(files, name), 'wx', 0o600);
      for await (const chunk of octetsOf(letter)) await file.writeFile(chunk);
      await file.sync();
    }
    await syncFolder(files);
    await outbound.push(name, jobOf(name, failures), post.clock.now() + FIRST_WAIT);
  }

  return { push, start: () => outbound.start(), close: (grace) => outbound.stop(grace) };
}

function jobOf(file: string, failures: readonly string[]): Buffer {
  return Buffer.from(JSON.stringify({ file, failures }));
}
