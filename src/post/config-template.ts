// The configuration file as text, written from the schema: every setting explained, and shown at its default behind a `#`.

import { stringify, type TomlTable } from 'smol-toml';
import type { z } from 'zod';
import { settingMeta, type Written } from './setting-kinds.ts';
import { fieldsOf } from './setting-tables.ts';

const WIDTH = 100;

/** The text of a file that says what `given` says, below `head`; whatever it leaves out stands there as a comment. */
export function writeConfig(head: string, schema: z.ZodType, given: TomlTable = {}): string {
  return `${head}${tables(schema, given, [])}`;
}

function tables(schema: z.ZodType, given: TomlTable, path: readonly string[]): string {
  let own = '';
  let nested = '';
  for (const [key, field] of Object.entries(fieldsOf(schema) ?? {})) {
    const meta = settingMeta(field);
    const value = given[key];
    if (meta) own += `\n${comment(meta.about)}${value === undefined ? '#' : ''}${line(key, value ?? meta.written)}\n`;
    else nested += tables(field, isTable(value) ? value : {}, [...path, key]);
  }
  if (path.length === 0) return own + nested;
  return `\n\n[${path.join('.')}]\n${comment(String(schema.meta()?.['about'] ?? ''))}${own}${nested}`;
}

function line(key: string, value: TomlTable[string] | Written): string {
  return stringify({ [key]: value }).trim();
}

/** Words in lines behind `# `. */
function comment(words: string): string {
  const lines: string[] = [];
  let current = '#';
  for (const word of words.split(/\s+/).filter(Boolean)) {
    if (current.length + 1 + word.length > WIDTH) {
      lines.push(current);
      current = '#';
    }
    current += ` ${word}`;
  }
  if (current !== '#') lines.push(current);
  return lines.map((text) => `${text}\n`).join('');
}

function isTable(value: TomlTable[string] | undefined): value is TomlTable {
  return typeof value === 'object' && !Array.isArray(value) && !(value instanceof Date);
}
