// `postern demo`: an office on temporary data plays a story and shows the wire and what the server could see.

import type { Command } from 'commander';
import type { AnyCounter } from '../office/settings.ts';
import type { Listening } from '../post/counter.ts';
import type { Chapter, Stage } from '../post/demo.ts';
import type { Post } from '../post/post.ts';
import { makeCommand, UsageError } from './command.ts';
import { facts, harmless, print } from './output.ts';

const WIDTH = 100;
/** For the chapter of a counter that stays closed. */
const NOWHERE = { host: '127.0.0.1', port: 0 };
const ANY_PORT = 'listen = ["127.0.0.1:0"]';

export function demoCommand(): Command {
  return makeCommand(
    'demo',
    'Play a short story on temporary data: what happens, what goes over the wire, what the server sees.',
    ['postern demo', 'postern demo smallmail'],
  )
    .argument('[chapter]', 'the counter whose chapter is told; all but the longest (nym, mix) when none is named')
    .action(demo);
}

async function demo(only: string | undefined): Promise<void> {
  const [{ mkdtemp, rm, writeFile }, { tmpdir }, { join }] = await Promise.all([
    import('node:fs/promises'),
    import('node:os'),
    import('node:path'),
  ]);
  const [{ ask }, { counters }, { dataFolderAt }, { openOffice, makeOffice }, { openSqliteStore }] = await Promise.all([
    import('../office/ask.ts'),
    import('../office/counters.ts'),
    import('../office/data-folder.ts'),
    import('../office/office.ts'),
    import('../store/sqlite/open.ts'),
  ]);
  const chapters = await chaptersOf(counters, only);
  const told = chapters.map(({ counter }) => counter.name);
  const started = Date.now();
  const path = await mkdtemp(join(tmpdir(), 'postern-demo-'));
  try {
    const folder = dataFolderAt(join(path, 'data'));
    await makeOffice(folder, counters);
    const quiet = ['[log]', 'level = "error"', '[health]', 'listen = []'];
    const tables = chapters.flatMap(({ counter, chapter }) => [`[${counter.name}]`, chapter.settings ?? ANY_PORT]);
    await writeFile(folder.config, [...quiet, ...tables].join('\n'));
    const openStore = (file: string) => openSqliteStore({ file });
    const office = await openOffice({ folder, counters, only: told, openStore });
    try {
      for (const { counter, chapter } of chapters) {
        const ports = office.listening.filter((port) => port.counter === counter.title);
        await tell(chapter, office.post, ports, (name, argument) =>
          ask({ folder, counters, openStore }, { counter: counter.name, name, argument }),
        );
      }
    } finally {
      await office.close();
    }
  } finally {
    await rm(path, { recursive: true, force: true });
  }
  if (only === undefined) {
    const untold = counters.filter(({ name, chapter }) => chapter !== undefined && !told.includes(name));
    print(`\nNot told here, as it takes longer: ${untold.map(({ name }) => `postern demo ${name}`).join(', ')}`);
  }
  print(`\nThe end, after ${((Date.now() - started) / 1000).toFixed(1)} s. Nothing of it is left on this machine.`);
}

interface Told {
  readonly counter: AnyCounter;
  readonly chapter: Chapter;
}

/** The chapters to tell, in the order of the counters. Throws UsageError when there is none of that name. */
async function chaptersOf(counters: readonly AnyCounter[], only: string | undefined): Promise<Told[]> {
  const with_ = counters.filter(({ chapter }) => chapter !== undefined);
  const chosen = with_.filter(({ name }) => only === undefined || name === only);
  if (chosen.length === 0) {
    throw new UsageError(`the demo has no chapter ${only}`, `there are ${with_.map(({ name }) => name).join(', ')}`);
  }
  const told = await Promise.all(chosen.map(async (counter) => ({ counter, chapter: await counter.chapter?.() })));
  return told.flatMap(({ counter, chapter }) => {
    const isWanted = chapter !== undefined && (only !== undefined || !chapter.onlyWhenNamed);
    return isWanted ? [{ counter, chapter }] : [];
  });
}

async function tell(chapter: Chapter, post: Post, ports: readonly Listening[], ask: Stage['ask']): Promise<void> {
  print(`\n${chapter.title}\n${'='.repeat(chapter.title.length)}`);
  await chapter.tell({
    post,
    at: ports[0]?.at ?? NOWHERE,
    ports,
    ask,
    say: (text) => print(`\n${text}`),
    wire: (way, octets) => {
      for (const line of wireLines(octets)) print(`    ${way === 'sent' ? 'C:' : 'S:'} ${line}`);
    },
    serverSees: (seen) => print(`\n  What the server could see now:\n${facts(seen).replace(/^/gm, '    ')}`),
  });
}

/** A record is a line of text or the octets that a line announced. */
export function wireLines(octets: Uint8Array): string[] {
  const text = Buffer.from(octets).toString('latin1');
  if (!/^[\x20-\x7e\r\n]+$/.test(text) || !text.endsWith('\n')) {
    const end = text.indexOf('\n');
    const line = text.slice(0, end);
    // Two records that were read at once: a line, then its octets.
    if (end > 0 && /^[A-Z]{3,6}( [\x21-\x7e]+)*$/.test(line))
      return [harmless(line), ...wireLines(octets.subarray(end + 1))];
    return octets.length === 0 ? [] : [`<${octets.length} octets>`];
  }
  return text
    .trimEnd()
    .split('\n')
    .map((line) => (line.length > WIDTH ? `${line.slice(0, WIDTH)}…` : line));
}
