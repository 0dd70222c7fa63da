// From the text of a configuration file to settings: all of its problems at once, each with its line and what was meant.

import { readFile } from 'node:fs/promises';
import { parse, TomlError, type TomlTable } from 'smol-toml';
import type { z } from 'zod';
import { messageOf, PosternError } from '../base/errors.ts';
import { nearest } from '../base/text.ts';
import { fieldsOf } from './setting-tables.ts';

const MAX_FILE = 1024 * 1024;

export interface Problem {
  /** `section.key`, or empty when it is the file as a whole. */
  readonly key: string;
  /** Counted from 1, when it is known. */
  readonly line?: number;
  readonly message: string;
}

/** The file does not fit: every reason at once. */
export class ConfigError extends PosternError<'config'> {
  readonly problems: readonly Problem[];

  constructor(file: string, problems: readonly Problem[], remedy = 'correct the file') {
    const lines = problems.map(({ key, line, message }) =>
      [line === undefined ? '' : `line ${line}: `, key === '' ? '' : `${key}: `, message].join(''),
    );
    super('config', `${file} cannot be used:\n${lines.map((line) => `  ${line}`).join('\n')}`, {
      remedy,
    });
    this.problems = problems;
  }
}

export interface Config<Settings> {
  readonly settings: Settings;
  /** What the file itself says, before any default. */
  readonly given: TomlTable;
}

/** A file of settings: its name for errors, its schema, and what to do when it is wrong. */
export interface ConfigForm<Settings> {
  readonly file: string;
  readonly schema: z.ZodType<Settings>;
  readonly remedy?: string;
}

/** Reads and checks a configuration file. Throws ConfigError. */
export async function readConfigFile<Settings>(form: ConfigForm<Settings>): Promise<Config<Settings>> {
  const text = await readFile(form.file, 'utf8').catch((cause) => {
    throw new ConfigError(form.file, [{ key: '', message: messageOf(cause) }], form.remedy);
  });
  return readConfig(text, form);
}

/** Reads and checks the text of a configuration file. Throws ConfigError. */
export function readConfig<Settings>(text: string, { file, schema, remedy }: ConfigForm<Settings>): Config<Settings> {
  const refused = (problems: readonly Problem[]) => new ConfigError(file, problems, remedy);
  if (text.length > MAX_FILE) throw refused([{ key: '', message: 'the file is larger than 1 MiB' }]);
  const given = parseToml(text, refused);
  const result = schema.safeParse(given);
  if (result.success) return { settings: result.data, given };
  throw refused(result.error.issues.flatMap((issue) => problemsOf(issue, text, schema)).sort(byLine));
}

function parseToml(text: string, refused: (problems: readonly Problem[]) => ConfigError): TomlTable {
  try {
    return parse(text);
  } catch (error) {
    // The library's message goes on with a picture of the place; its first line says what is wrong.
    const [message = ''] = messageOf(error)
      .replace(/^Invalid TOML document: /, '')
      .split('\n');
    const line = error instanceof TomlError ? { line: error.line } : {};
    throw refused([{ key: '', ...line, message }]);
  }
}

function problemsOf(issue: z.core.$ZodIssue, text: string, schema: z.ZodType): Problem[] {
  const path = issue.path.filter((step) => typeof step === 'string'); // places in a list have no line of their own
  if (issue.code !== 'unrecognized_keys') return [problem(path, issue.message, text)];
  return issue.keys.map((key) => problem([...path, key], unknownKey(path, key, schema), text));
}

function problem(path: readonly string[], message: string, text: string): Problem {
  const line = lineOf(text, path);
  return { key: path.join('.'), message, ...(line === undefined ? {} : { line }) };
}

function unknownKey(path: readonly string[], key: string, schema: z.ZodType): string {
  const known = Object.keys(tableAt(schema, path) ?? {});
  const meant = nearest(key, known);
  if (meant !== undefined) return `there is no such setting; did you mean ${meant}?`;
  const elsewhere = Object.entries(fieldsOf(schema) ?? {}).filter(([, table]) => key in (fieldsOf(table) ?? {}));
  if (elsewhere.length > 0) {
    return `there is no such setting here; it belongs in ${elsewhere.map(([name]) => `[${name}]`).join(' or ')}`;
  }
  return `there is no such setting; there are ${known.join(', ')}`;
}

function tableAt(schema: z.ZodType, path: readonly string[]): Readonly<Record<string, z.ZodType>> | undefined {
  let fields = fieldsOf(schema);
  for (const step of path) {
    const table = fields?.[step];
    fields = table === undefined ? undefined : fieldsOf(table);
  }
  return fields;
}

/**
 * The line on which a key or, failing that, its table stands. It looks at the line's beginning only: good for files as people
 * write them, and an inline table or an odd quotation costs no more than the number.
 */
function lineOf(text: string, path: readonly string[]): number | undefined {
  const wanted = path.join('.');
  const bare = (name = '') => name.replace(/["'\s]/g, '');
  let table = '';
  let tableLine: number | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const header = /^\s*\[([^[\]]+)\]/.exec(line);
    if (header) table = bare(header[1]);
    const key = /^\s*([\w."'-]+)\s*=/.exec(line);
    const here = key ? [table, bare(key[1])].filter(Boolean).join('.') : table;
    if ((header || key) && here === wanted) return index + 1;
    if (header && wanted.startsWith(`${table}.`)) tableLine ??= index + 1;
  }
  return tableLine;
}

function byLine(a: Problem, b: Problem): number {
  return (a.line ?? 0) - (b.line ?? 0);
}
