// The text format of descriptors and directories: sections of `Key: value` lines, nothing else. Pure syntax; what the
// keys mean is said by their readers.   spec: mixminion-directory 1

import { DirectoryError } from './errors.ts';

/** Characters in one text; a directory of ten thousand servers has about 30 million. */
const MAX_TEXT = 48 * 1024 * 1024;
const MAX_SECTIONS = 1000;
const MAX_ENTRIES = 100_000;

export interface Entry {
  readonly key: string;
  readonly value: string;
}

export interface Section {
  readonly name: string;
  readonly entries: readonly Entry[];
}

/**
 * The sections of a text, in order. Throws DirectoryError `format` for anything but printable ASCII, an empty line, a
 * comment, a line that is neither header nor entry, an entry before the first header, or more than the limits above.
 */
export function parseSections(text: string): Section[] {
  if (text.length > MAX_TEXT) throw malformed(`the text is longer than ${MAX_TEXT} characters`);
  if (/[^\t\n\v\r\x20-\x7e]/.test(text)) throw malformed('the text has a character that is not printable ASCII');
  const lines = text.replace(/\r\n?/g, '\n').split('\n');
  if (lines.at(-1) === '') lines.pop();
  if (lines.length > MAX_ENTRIES) throw malformed(`the text has more than ${MAX_ENTRIES} lines`);

  const sections: { name: string; entries: Entry[] }[] = [];
  for (const [index, raw] of lines.entries()) {
    const line = strip(raw);
    const at = `line ${index + 1}`;
    if (line === '' || line.startsWith('#')) throw malformed(`${at} is empty or a comment`);
    if (line.startsWith('[')) {
      const name = /^\[\s*([^\s\]]+)\s*\]/.exec(line)?.[1]; // only the start counts
      if (name === undefined) throw malformed(`${at} is not a section header`);
      if (sections.length >= MAX_SECTIONS) throw malformed(`the text has more than ${MAX_SECTIONS} sections`);
      sections.push({ name, entries: [] });
      continue;
    }
    const colon = line.indexOf(':');
    const section = sections.at(-1);
    if (colon < 1) throw malformed(`${at} is not of the form "key: value"`);
    if (section === undefined) throw malformed(`${at} stands before the first section`);
    section.entries.push({ key: strip(line.slice(0, colon)), value: strip(line.slice(colon + 1)) });
  }
  return sections;
}

/** The text of sections: what `parseSections` reads back. Throws DirectoryError `format` for what no line can hold. */
export function writeSections(sections: readonly Section[]): string {
  const lines = sections.flatMap(({ name, entries }) => [
    `[${name}]`,
    ...entries.map(({ key, value }) => strip(`${key}: ${value}`)),
  ]);
  const unfit = lines.find((line) => /[^\t\v\x20-\x7e]/.test(line));
  if (unfit !== undefined) throw malformed(`"${unfit.slice(0, 20)}" has a character that no line can hold`);
  return lines.map((line) => `${line}\n`).join('');
}

/**
 * The form of a text that digests are taken of: LF line ends, no blanks or tabs at either end of a line, a LF at the end.
 * spec: mixminion-directory 3.3
 */
export function cleanText(text: string): string {
  const stripped = text.replace(/\r\n?/g, '\n').split('\n').map(strip).join('\n');
  return stripped.endsWith('\n') ? stripped : `${stripped}\n`;
}

/** Cuts a clean text in front of each line `[name]`. The first piece is what stands before the first such line, maybe empty. */
export function splitBefore(name: string, clean: string): string[] {
  const header = String.raw`\[[ \t]*${name}[ \t]*\]$`;
  const pieces = clean.split(new RegExp(`^(?=${header})`, 'm'));
  return new RegExp(`^${header}`, 'm').exec(clean)?.index === 0 ? ['', ...pieces] : pieces;
}

/** Without blanks and tabs at its ends. A loop, as a pattern for the end of a line is quadratic on long runs of blanks. */
function strip(line: string): string {
  let start = 0;
  let end = line.length;
  while (start < end && isBlank(line.charCodeAt(start))) start += 1;
  while (end > start && isBlank(line.charCodeAt(end - 1))) end -= 1;
  return line.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function malformed(message: string): DirectoryError {
  return new DirectoryError('format', message);
}
