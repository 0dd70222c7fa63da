import { expect, test } from 'vitest';
import { citationsIn } from '../scripts/spec-citations.ts';
import { coverSpecs } from '../scripts/spec-coverage.ts';
import { bySection, parseOutlines } from '../scripts/spec-outline.ts';

/** A citation that does not stand in this file as one. */
const cite = (what: string) => `// A step.   ${'spec'}: ${what}\n`;

const outlines = parseOutlines(`
[toy]
title = "The toy protocol"
informative = ["1"]
examples = ["11", "12"]
[toy.sections]
"1" = "Aims"
"2" = "Rules"
"2.1" = "Lines"
"3.1" = "Errors"
"3.2" = "Limits"
"10" = "Doubts"
"11" = "A vector"
"12" = "A session"
[toy.notes]
"3.2" = { state = "partly", note = "No limit on time." }
[toy.words]
HELLO = "2.1"
[other-toy]
title = "Another"
sections = { "1" = "All" }
`);

const names = new Set(Object.keys(outlines));
const cited = (text: string) => citationsIn(text, names).map(({ spec, section }) => `${spec} ${section}`);

test('a citation is a name and sections, wherever in a comment it stands', () => {
  expect(cited(cite('toy 2.1'))).toEqual(['toy 2.1']);
  expect(cited(cite('toy 2, 2.1 and 3.1; other-toy 1'))).toEqual(['toy 2', 'toy 2.1', 'toy 3.1', 'other-toy 1']);
  expect(cited(`/** What it does. ${'spec'}: toy 2 */`)).toEqual(['toy 2']);
  expect(cited(` * ${'spec'}: toy 2.1. And so on, 3 times.`)).toEqual(['toy 2.1']);
  expect(cited(cite('toy 2.1 (at most 3), about 4'))).toEqual(['toy 2.1']);
  expect(cited(cite('toy 2, at 5 o’clock'))).toEqual(['toy 2']);
  expect(cited(cite('tyo 2'))).toEqual(['tyo 2']);
  expect(cited(cite('toy'))).toEqual(['toy undefined']);
  expect(cited(`function f(${'spec'}: toy) {}\nthe ${'spec'}: toy 2`)).toEqual([]);
  expect(cited(cite('whatever one likes'))).toEqual([]);
});

test('sections sort as in a table of contents', () => {
  expect(['2.10', '10', '2.9', '2', '1'].sort(bySection)).toEqual(['1', '2', '2.9', '2.10', '10']);
});

const files = [
  { path: 'src/toy/lines.ts', text: `${cite('toy 2.1')}const words = { HELLO: 1 };` },
  { path: 'src/toy/lines.test.ts', text: `${cite('toy 2.1')}${cite('toy 3')}${cite('toy 11')}` },
  { path: 'src/toy/limits.ts', text: `${cite('toy 2, 3.2')}// HELLO /* and\n/** HELLO */` },
];

/** The cells of the table row that begins with `first`. */
const row = (page: string, first: string) =>
  page
    .split('\n')
    .find((line) => line.startsWith(`| ${first} |`))
    ?.split('|')
    .slice(2, -1)
    .map((cell) => cell.trim());

test('the state follows from who cites a section; notes may lower it', () => {
  const { page, problems } = coverSpecs(outlines, files);
  expect(problems).toEqual([]);
  const lines = '[toy/lines.ts](../src/toy/lines.ts)';
  const linesTest = '[toy/lines.test.ts](../src/toy/lines.test.ts)';
  const limits = '[toy/limits.ts](../src/toy/limits.ts)';
  expect(row(page, '1')).toEqual(['Aims', '–', '', '']);
  expect(row(page, '2')).toEqual(['Rules', 'partly', limits, '']);
  expect(row(page, '2.1')).toEqual(['Lines', 'yes', lines, linesTest]);
  // A heading speaks for the sections under it.
  expect(row(page, '3.1')).toEqual(['Errors', 'partly', '', linesTest]);
  expect(row(page, '3.2')).toEqual(['Limits. No limit on time.', 'partly', limits, linesTest]);
  expect(row(page, '10')).toEqual(['Doubts', 'no', '', '']);
  expect(row(page, '11')).toEqual(['A vector', 'yes', '', linesTest]);
  expect(row(page, '12')).toEqual(['A session', 'no', '', '']);
  expect(row(page, '`HELLO`')).toEqual(['2.1', lines, '']);
  expect(row(page, '[The toy protocol](#the-toy-protocol) (`toy`)')).toEqual(['2', '3', '2']);
});

test('what leads nowhere is named', () => {
  const broken = { path: 'src/toy/broken.ts', text: [cite('toy 9'), cite('tyo 2'), cite('toy')].join('') };
  const notes = { ...outlines, toy: { ...outlines['toy'], informative: ['7'] } } as typeof outlines;
  expect(coverSpecs(notes, [broken]).problems).toEqual([
    'docs/coverage.toml says something about toy 7, which is not among its sections',
    'src/toy/broken.ts cites toy 9, but docs/coverage.toml knows no such section',
    'src/toy/broken.ts cites toy without a section',
    'src/toy/broken.ts cites tyo 2, but docs/coverage.toml knows no specification of that name',
  ]);
});

test('an outline of another form is refused', () => {
  expect(() => parseOutlines('[toy]\ntitle = "x"\nsections = { "one" = "x" }')).toThrow();
  expect(() => parseOutlines('[toy]\ntitle = "x"\nsections = {}\nstates = {}')).toThrow();
});
