// The pages hold what they promise: every link leads somewhere, every command that is shown exists, and the table of ports is that of the settings.

import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { posternCommand } from '../src/cli/program.ts';
import { type Endpoint, formatEndpoint } from '../src/net/endpoint.ts';
import { counters } from '../src/office/counters.ts';

const ROOT = join(import.meta.dirname, '..');
const GENERATED = 'docs/coverage.md'; // out of the tree as it is, and checked against it elsewhere
const pages = globSync(['*.md', 'docs/**/*.md', 'src/**/README.md'], { cwd: ROOT })
  .filter((page) => page !== GENERATED)
  .sort();
const textOf = (page: string) => readFileSync(join(ROOT, page), 'utf8');
/** Without blocks and spans of code, in which nothing is a link. */
const prose = (text: string) =>
  text
    .replace(/^```.*?^```/gms, '')
    .replace(/^ {4}.*$/gm, '')
    .replace(/`[^`\n]*`/g, '');

/** The names that headings can be linked by, as forges make them. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, title = ''] of text.replace(/^```.*?^```/gms, '').matchAll(/^#{1,6} +(.*)$/gm)) {
    const plain = title.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const name = plain.replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-');
    let unique = name;
    for (let twin = 1; anchors.has(unique); twin += 1) unique = `${name}-${twin}`;
    anchors.add(unique);
  }
  return anchors;
}

/** What a page links to within the project and does not find. */
function deadLinks(page: string): string[] {
  const dead: string[] = [];
  for (const [, target = ''] of prose(textOf(page)).matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target)) continue;
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? page : relative(ROOT, resolve(ROOT, dirname(page), path));
    const found = globSync(file, { cwd: ROOT }).length > 0;
    const leads = found && (anchor === undefined || anchorsOf(textOf(file)).has(anchor));
    if (!leads) dead.push(target);
  }
  return dead;
}

test.each(pages)('%s has no dead link', (page) => {
  expect(deadLinks(page)).toEqual([]);
});

test('the list of pages has all of them', () => {
  const listed = [...textOf('docs/README.md').matchAll(/\]\(([^)]+)\)/g)].map(([, page]) => page);
  const there = globSync(['**/*.md', 'man/*'], { cwd: join(ROOT, 'docs') }).filter((page) => page !== 'README.md');
  expect(listed).toEqual(expect.arrayContaining(there));
});

test('a dead link would be found', () => {
  expect(anchorsOf('# `WORK`: an extension\n## A\n## A')).toEqual(new Set(['work-an-extension', 'a', 'a-1']));
  expect(prose('[a](b.md) `[c](d.md)`')).toBe('[a](b.md) ');
});

/** Follows the words of a command line into the tree of commands; what is wrong with it, if anything is. */
function wrongWith(program: Command, line: string): string | undefined {
  let command = program;
  const words = line.split(/\s+/);
  for (const word of words) {
    if (command.commands.length === 0) break;
    const next = command.commands.find((one) => one.name() === word || one.aliases().includes(word));
    if (next === undefined) return /^[a-z][a-z-]*$/.test(word) ? `${command.name()} has no command ${word}` : undefined;
    command = next;
  }
  const known = [...command.options, ...program.options].map(({ long }) => long);
  for (const [option] of line.matchAll(/(?<=\s)--[a-z][a-z-]*/g))
    if (option !== '--help' && !known.includes(option)) return `${command.name()} has no option ${option}`;
  return undefined;
}

describe('commands', () => {
  const program = posternCommand();

  test.each(pages)('%s shows none that is not there', (page) => {
    const lines = [...textOf(page).matchAll(/(?:^|`|npx )postern ([a-z][^`#|<>;\n]*)/gm)].map(([, line = '']) =>
      line.trim(),
    );
    const wrong = lines.flatMap((line) => wrongWith(program, line) ?? []);
    expect(wrong).toEqual([]);
  });

  test('the manual page names each', () => {
    const page = textOf('docs/man/postern.1');
    const names = program.commands.map((command) => command.name());
    expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(page))).toEqual([]);
  });

  test('one that is not there would be found', () => {
    expect(wrongWith(program, 'smallmail sned bob')).toBe('smallmail has no command sned');
    expect(wrongWith(program, 'smallmail send bob --frm x')).toBe('send has no option --frm');
    expect(wrongWith(program, 'smallmail send bob --from x')).toBeUndefined();
  });
});

/** Paths of all settings that say where something listens, `[path, its addresses]`. */
function listenSettings(settings: object, path: string[] = []): [string, unknown[]][] {
  return Object.entries(settings).flatMap(([key, value]): [string, unknown[]][] => {
    const here = [...path, key];
    if (Array.isArray(value)) return key.startsWith('listen') ? [[here.join('.'), value]] : [];
    return typeof value === 'object' && value !== null ? listenSettings(value, here) : [];
  });
}

test('the table of ports is that of the settings', () => {
  const table = textOf('docs/running-an-office.md').split('\n## Ports\n')[1]?.split('\n## ')[0] ?? '';
  const rows = new Map(table.split('\n').map((line) => [line.split('`')[1] ?? '', line]));
  const defaults = Object.fromEntries(counters.map(({ name, settings }) => [name, settings.parse({})]));
  const found = listenSettings(defaults);
  expect(found.length).toBeGreaterThan(10);
  for (const [path, addresses] of found) {
    expect(rows.get(path), path).toBeDefined();
    for (const at of addresses as Endpoint[]) expect(rows.get(path)).toContain(formatEndpoint(at));
  }
});
