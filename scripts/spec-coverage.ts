// What of each specification is built, told from the citations: the judgement, and the page that shows it.

import { type Citation, citationsIn } from './spec-citations.ts';
import { bySection, type Outline, type Outlines, outlineProblems, sectionsMeant } from './spec-outline.ts';

interface SourceFile {
  /** From the root of the project, with slashes. */
  readonly path: string;
  readonly text: string;
}

interface Coverage {
  /** The text of docs/coverage.md. */
  readonly page: string;
  /** Citations that lead nowhere and mistakes in the outline, one line each. */
  readonly problems: readonly string[];
}

type State = 'yes' | 'partly' | 'no' | '–';

interface Row {
  readonly number: string;
  readonly title: string;
  readonly state: State;
  readonly note: string;
  readonly sources: readonly string[];
  readonly tests: readonly string[];
}

const COMMENT = /\/\*[\s\S]*?\*\/|\/\/.*$/gm;

const INTRODUCTION = `# What of each specification is built

Comments in the source cite the section they carry out, as \`spec: NAME SECTION\`. This page is made of those citations:
\`npm run coverage:spec\` writes it, \`npm run check\` refuses it when it is stale, and \`docs/coverage.toml\` holds the
outlines and notes. **yes**: source and tests cite the section; for examples and vectors, tests do. **partly**: only one of
them does, or the note says what is missing. **no**: nothing does. **–**: the section rules nothing.
`;

export function coverSpecs(outlines: Outlines, files: readonly SourceFile[]): Coverage {
  const names = new Set(Object.keys(outlines));
  const problems = outlineProblems(outlines);
  const citing = new Map<string, Set<string>>();
  for (const { path, text } of files) {
    for (const citation of citationsIn(text, names)) {
      const meant = lookUp(outlines, citation);
      if (typeof meant === 'string') problems.push(`${path} cites ${meant}`);
      else for (const section of meant) addTo(citing, `${citation.spec} ${section}`, path);
    }
  }
  const tables = Object.entries(outlines).map(([name, outline]) => ({
    name,
    outline,
    rows: Object.entries(outline.sections)
      .sort(([a], [b]) => bySection(a, b))
      .map(([number, title]) => judge(outline, number, title, [...(citing.get(`${name} ${number}`) ?? [])])),
  }));
  const page = [
    INTRODUCTION,
    table(
      ['specification', 'yes', 'partly', 'no'],
      tables.map(({ name, outline, rows }) => [
        `[${outline.title}](#${anchor(outline.title)}) (\`${name}\`)`,
        ...(['yes', 'partly', 'no'] as const).map((state) => `${rows.filter((row) => row.state === state).length}`),
      ]),
    ),
    ...tables.flatMap(({ name, outline, rows }) => [
      `## ${outline.title}\n`,
      table(['section', 'what it rules', 'state', 'source', 'tests'], rows.map(cells)),
      ...wordTable(name, outline, files),
    ]),
  ].join('\n');
  return { page, problems: [...new Set(problems)].sort() };
}

/** The sections that a citation means, or what is wrong with it. */
function lookUp(outlines: Outlines, { spec, section }: Citation): string[] | string {
  const outline = outlines[spec];
  if (outline === undefined) return `${spec} ${section}, but docs/coverage.toml knows no specification of that name`;
  if (section === undefined) return `${spec} without a section`;
  const meant = sectionsMeant(outline, section);
  return meant.length > 0 ? meant : `${spec} ${section}, but docs/coverage.toml knows no such section`;
}

function judge(outline: Outline, number: string, title: string, paths: readonly string[]): Row {
  const tests = paths.filter(isTest).sort();
  const sources = paths.filter((path) => !isTest(path)).sort();
  const { state: lowered, note = '' } = outline.notes[number] ?? {};
  const whole = tests.length > 0 && (sources.length > 0 || outline.examples.includes(number));
  const found: State = whole ? 'yes' : paths.length > 0 ? 'partly' : 'no';
  const state = outline.informative.includes(number) ? '–' : (lowered ?? found);
  return { number, title, state, note, sources, tests };
}

function isTest(path: string): boolean {
  return path.startsWith('test/') || /\.test(?:ing)?\.ts$/.test(path);
}

function cells({ number, title, state, note, sources, tests }: Row): string[] {
  return [number, note === '' ? title : `${title}. ${note}`, state, links(sources), links(tests)];
}

/** Which files of a specification's own folder have each of its words outside of comments. */
function wordTable(name: string, { words }: Outline, files: readonly SourceFile[]): string[] {
  if (Object.keys(words).length === 0) return [];
  const own = files
    .filter(({ path }) => path.startsWith(`src/${name}/`))
    .map(({ path, text }) => ({ path, tokens: new Set(text.replace(COMMENT, '').match(/\w+/g)) }));
  const rows = Object.entries(words).map(([word, section]) => {
    const paths = own.filter(({ tokens }) => tokens.has(word)).map(({ path }) => path);
    return [`\`${word}\``, section, links(paths.filter((path) => !isTest(path))), links(paths.filter(isTest))];
  });
  return ['Its words on the wire:\n', table(['word', 'section', 'source', 'tests'], rows)];
}

function links(paths: readonly string[]): string {
  return paths.map((path) => `[${path.replace(/^src\//, '')}](../${path})`).join(', ');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (each: readonly string[]) => `| ${each.join(' | ')} |\n`;
  return [head, head.map(() => '---'), ...rows].map(line).join('');
}

/** The anchor that Markdown readers give a heading. */
function anchor(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}

function addTo(sets: Map<string, Set<string>>, key: string, value: string): void {
  const set = sets.get(key) ?? new Set();
  sets.set(key, set.add(value));
}
