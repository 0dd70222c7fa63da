// How every command speaks: text for people and JSON for scripts on standard output, progress on a terminal only.

import type { Writable } from 'node:stream';

/** One line, or several, on standard output. */
export function print(text: string, to: Writable = process.stdout): void {
  to.write(`${text}\n`);
}

/** The one JSON document that a command gives with `--json`. */
export function printJson(value: unknown, to: Writable = process.stdout): void {
  to.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

/** Columns under their heads, two spaces between; figures to the right. What strangers wrote is made harmless. */
export function table(heads: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = rows.map((row) => row.map((cell) => harmless(String(cell))));
  const widths = heads.map((head, column) => Math.max(head.length, ...cells.map((row) => widthOf(row[column] ?? ''))));
  const isFigure = heads.map(
    (_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number' || row[column] === ''),
  );
  const line = (row: readonly string[]) =>
    widths
      .map((width, column) => {
        const cell = row[column] ?? '';
        const space = ' '.repeat(width - widthOf(cell));
        return isFigure[column] ? space + cell : cell + space;
      })
      .join('  ')
      .trimEnd();
  return [heads, ...cells].map(line).join('\n');
}

/** Facts under each other, each behind its name. */
export function facts(pairs: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...pairs.map(([name]) => widthOf(name)));
  return pairs.map(([name, value]) => `${name.padEnd(width)}  ${harmless(value)}`).join('\n');
}

/** Text that a stranger may have written, without what would move the cursor, colour the screen or turn the line around. */
export function harmless(text: string): string {
  return text.replace(/[\p{Cc}\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, '\ufffd');
}

export interface Progress {
  update(done: number, total: number): void;
  stop(): void;
}

/** A bar on standard error while `about` takes its time; nothing at all when that is not a terminal. */
export async function showProgress(about: string): Promise<Progress> {
  if (!process.stderr.isTTY || !process.stderr.columns) return { update() {}, stop() {} };
  const { SingleBar } = await import('cli-progress');
  const bar = new SingleBar({
    format: `${about} {bar} {percentage} %`,
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
    barCompleteChar: '█',
    barIncompleteChar: '░',
  });
  bar.start(1, 0);
  return {
    update(done, total) {
      bar.setTotal(Math.max(1, total));
      bar.update(done);
    },
    stop: () => bar.stop(),
  };
}

function widthOf(text: string): number {
  return [...text].length;
}
