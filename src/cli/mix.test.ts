// The commands of `postern mix` as one table: what the user's page says can be typed, and the old names are known.
// spec: mixminion-server 9.1

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { expect, onTestFinished, test, vi } from 'vitest';
import { mixCommand } from './mix.ts';
import { runPostern } from './program.ts';

const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'using-type-iii.md'), 'utf8');
const group = mixCommand();

/** The command that words name, and the words behind its name. */
function find(words: readonly string[], command: Command = group): { command: Command; rest: readonly string[] } {
  const [first = '', ...rest] = words;
  const next = command.commands.find((child) => child.name() === first || child.aliases().includes(first));
  return next === undefined ? { command, rest: words } : find(rest, next);
}

test('every command line on the page can be typed', () => {
  const lines = [...page.matchAll(/postern mix ([^\n`#]+)/g)].map(([, line = '']) => line.trim().split(/\s+/));
  expect(lines.length).toBeGreaterThan(15);
  for (const words of lines) {
    const { command, rest } = find(words);
    expect(command.commands, words.join(' ')).toEqual([]);
    const known = command.options.map(({ long }) => long);
    for (const word of rest) if (word.startsWith('--')) expect(known, words.join(' ')).toContain(word);
  }
});

test('the old names are known', () => {
  const old = [
    ...['send', 'queue', 'flush', 'inspect-queue', 'clean-queue', 'import-server', 'list-servers', 'update-servers'],
    ...['decode', 'generate-surb', 'generate-surbs', 'inspect-surb', 'inspect-surbs', 'count-packets', 'ping'],
    ...['list-fragments', 'reassemble', 'purge-fragments'],
  ];
  for (const name of old) {
    const { command, rest } = find([name]);
    expect(rest, name).toEqual([]);
    expect(command.commands, name).toEqual([]);
  }
});

test.each([
  [['mix', 'send'], 'give either --to ADDRESS or --reply-block FILE'],
  [['mix', 'send', '-t', 'a@b.example', '-R', 'x'], 'give either'],
  [['mix', 'send', '-R', '-'], 'cannot both come from standard input'],
  [['mix', 'send', '-t', 'a@b.example', '-i', '/nonexistent/x'], 'there is no such file'],
  [['mix', 'send', '-t', 'a@b.example', '-H', '5'], '--path "*5"'],
  [['mix', 'count'], 'give --to ADDRESS, or --reply'],
  [['mix', 'surb', 'new'], 'set address under [surbs]'],
  [['mix', 'decode', '--passphrase-fd', '0'], 'cannot both come from standard input'],
  [['mix', 'queue', '--status-json'], '--status-fd'],
  [['mix', 'flush', '-n', '0'], 'a number such as 1'],
  [['mix', 'clean', '--days', 'x'], 'a number of days'],
  [['mix', 'paths', '--reply', '-t', 'a@b.example'], 'its reply block knows'],
])('%j is called wrongly', async (words, hint) => {
  const home = mkdtempSync(join(tmpdir(), 'postern-mix-'));
  onTestFinished(() => {
    vi.restoreAllMocks();
    rmSync(home, { recursive: true });
  });
  let err = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += String(text);
    return true;
  });
  expect(await runPostern([...words, '--home', home])).toBe(2);
  expect(err).toContain(hint);
});
