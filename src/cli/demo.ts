// `postern demo`: an office on temporary data plays a story and shows the wire and what the server could see.

import type { Command } from 'commander';
import type { Chapter } from '../post/demo.ts';
import { makeCommand } from './command.ts';
import { facts, harmless, print } from './output.ts';

const WIDTH = 100;

export function demoCommand(): Command {
  return makeCommand(
    'demo',
    'Play a short story on temporary data: what happens, what goes over the wire, what the server sees.',
    ['postern demo'],
  ).action(demo);
}

async function demo(): Promise<void> {
  const [{ mkdtemp, rm, writeFile }, { tmpdir }, { join }] = await Promise.all([
    import('node:fs/promises'),
    import('node:os'),
    import('node:path'),
  ]);
  const [{ counters }, { dataFolderAt }, { openOffice, makeOffice }, { openSqliteStore }] = await Promise.all([
    import('../office/counters.ts'),
    import('../office/data-folder.ts'),
    import('../office/office.ts'),
    import('../store/sqlite/open.ts'),
  ]);
  const started = Date.now();
  const path = await mkdtemp(join(tmpdir(), 'postern-demo-'));
  try {
    const folder = dataFolderAt(join(path, 'data'));
    await makeOffice(folder, counters);
    const quiet = ['[log]', 'level = "error"', '[health]', 'listen = []'];
    const ports = counters.flatMap(({ name }) => [`[${name}]`, 'listen = ["127.0.0.1:0"]']);
    await writeFile(folder.config, [...quiet, ...ports].join('\n'));
    const office = await openOffice({ folder, counters, openStore: (file) => openSqliteStore({ file }) });
    try {
      for (const counter of counters) {
        const chapter = await counter.chapter?.();
        const at = office.listening.find((port) => port.counter === counter.title)?.at;
        if (chapter && at) await tell(chapter, office.post, at);
      }
    } finally {
      await office.close();
    }
  } finally {
    await rm(path, { recursive: true, force: true });
  }
  print(`\nThe end, after ${((Date.now() - started) / 1000).toFixed(1)} s. Nothing of it is left on this machine.`);
}

async function tell(
  chapter: Chapter,
  post: Parameters<Chapter['tell']>[0]['post'],
  at: Parameters<Chapter['tell']>[0]['at'],
): Promise<void> {
  print(`\n${chapter.title}\n${'='.repeat(chapter.title.length)}`);
  await chapter.tell({
    post,
    at,
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
