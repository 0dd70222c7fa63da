// The log of used reply blocks on disk: a file of lines `DIGEST EXPIRY`, grown line by line and synced before a block is
// handed out. A line that a crash cut short names no block that anyone used. One process at a time.

import { open, readFile } from 'node:fs/promises';
import { codeOf } from '../../base/errors.ts';
import { replaceFile } from '../../base/files.ts';
import { SECOND } from '../../base/time.ts';
import type { SurbLogStorage, SurbMark } from './surb-log.ts';

const LINE = /^([0-9a-f]{40}) (\d{1,16})$/;

/** A storage that lasts as long as the process, for tests and for those who keep marks themselves. */
export function memorySurbLog(): SurbLogStorage {
  const marks = new Map<string, number>();
  return {
    has: async (digest) => marks.has(digest),
    async add(more) {
      for (const { digest, expires } of more) marks.set(digest, expires);
    },
    async forgetBefore(time) {
      for (const [digest, expires] of marks) if (expires < time) marks.delete(digest);
    },
  };
}

/** The log in a file, which need not exist yet. Throws Mix3Error or errors of the file system as the steps are taken. */
export function fileSurbLog(path: string): SurbLogStorage {
  let loading: Promise<Map<string, number>> | undefined;
  const marks = () => {
    loading ??= readMarks(path);
    return loading;
  };
  const rewrite = async (kept: Map<string, number>) => {
    await replaceFile(path, [...kept].map(([digest, expires]) => lineOf({ digest, expires })).join(''));
  };
  return {
    async has(digest) {
      return (await marks()).has(digest);
    },
    async add(more) {
      const known = await marks();
      if (known.size === 0) await rewrite(known); // begins the file, or takes away what a crash left of a first line
      try {
        await using file = await open(path, 'a');
        await file.appendFile(more.map(lineOf).join(''));
        await file.datasync();
      } catch (error) {
        loading = undefined; // the file may end in part of a line: the next step reads it again and cuts that off
        throw error;
      }
      for (const { digest, expires } of more) known.set(digest, expires);
    },
    async forgetBefore(time) {
      const known = await marks();
      for (const [digest, expires] of known) if (expires < time) known.delete(digest);
      await rewrite(known);
    },
  };
}

function lineOf({ digest, expires }: SurbMark): string {
  return `${digest} ${Math.ceil(expires / SECOND)}\n`;
}

/** The marks in the file; a last line without its end is cut off, so that the next line does not run on from it. */
async function readMarks(path: string): Promise<Map<string, number>> {
  const text = await readFile(path, 'latin1').catch((error) => {
    if (codeOf(error) === 'ENOENT') return '';
    throw error;
  });
  const end = text.lastIndexOf('\n') + 1;
  const marks = new Map<string, number>();
  for (const line of text.slice(0, end).split('\n')) {
    const [, digest, expires] = LINE.exec(line) ?? [];
    if (digest !== undefined) marks.set(digest, Number(expires) * SECOND);
  }
  if (end < text.length) await replaceFile(path, text.slice(0, end));
  return marks;
}
