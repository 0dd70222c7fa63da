// The commands of `postern nym` and `postern nymserver` as tables: what the pages say can be typed, and what is called wrongly is
// told what would be right. `test/stories/92` plays them.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { expect, onTestFinished, test, vi } from 'vitest';
import { posternCommand, runPostern } from './program.ts';

const docs = join(import.meta.dirname, '..', '..', 'docs');
const pages = ['using-nyms.md', 'running-a-nymserver.md'].map((name) => readFileSync(join(docs, name), 'utf8'));
const lines = [...pages.join('\n').matchAll(/postern (nym(?:server)? [^\n`#]+)/g)].map(([, line = '']) => line.trim());

test.each(lines)('`postern %s` can be typed', (line) => {
  const words = line.split(/\s+/);
  let command: Command | undefined = posternCommand();
  while (command !== undefined && command.commands.length > 0) {
    const word = words.shift();
    command = command.commands.find((child) => child.name() === word);
  }
  const known = command?.options.map(({ long }) => long);
  for (const word of words) if (word.startsWith('--')) expect(known).toContain(word);
  expect(command).toBeDefined();
});

test('the pages show every command', () => {
  const group = (name: string) => posternCommand().commands.find((command) => command.name() === name);
  for (const name of ['nym', 'nymserver']) {
    const shown = new Set(lines.filter((line) => line.startsWith(`${name} `)).map((line) => line.split(/\s+/)[1]));
    expect(
      group(name)
        ?.commands.map((command) => command.name())
        .filter((child) => !shown.has(child)),
    ).toEqual([]);
  }
});

test.each([
  [['nym', 'create', 'alice'], 2, 'write NAME@DOMAIN, or any@DOMAIN'],
  [['nym', 'create', '@nym.test'], 2, 'write NAME@DOMAIN, or any@DOMAIN'],
  [['nym', 'create', 'alice@nym.test'], 2, 'no servers are known'],
  [['nym', 'read', 'first'], 2, 'a number such as 1'],
  [['nym', 'delete'], 2, "missing required argument 'numbers'"],
  [['nym', 'send', '--input', 'x'], 2, '--to <address>'],
  [['nym', 'send', '--to', 'bob@example.org', '--input', '/nonexistent/x'], 2, 'there is no such file'],
  [['nym', 'receive', '/nonexistent/x'], 2, 'there is no such file'],
  [['nym', 'daemon', '--every', '1 ms'], 2, 'a time such as "30 min"'],
  [['nym', 'daemon', '--every', 'often'], 2, 'a time such as "30 min"'],
  [['nym', 'inbx'], 2, 'inbox'],
])('%j ends with status %i and says %j', async (words, status, hint) => {
  const home = mkdtempSync(join(tmpdir(), 'postern-nym-'));
  onTestFinished(() => {
    vi.restoreAllMocks();
    rmSync(home, { recursive: true });
  });
  let err = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += String(text);
    return true;
  });
  expect(await runPostern([...words, '--home', home])).toBe(status);
  expect(err).toContain(hint);
});
