// Words and figures for people: sizes, durations, and the nearest known word to a mistyped one.

import { DAY, HOUR, MINUTE, SECOND } from './time.ts';

const SIZE_UNITS = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 } as const;
const TIME_UNITS = { ms: 1, s: SECOND, min: MINUTE, h: HOUR, d: DAY } as const;

/** Octets from `10 MiB`, `512KiB` or `4096`; undefined when it is none of these. */
export function parseSize(text: string): number | undefined {
  return parseWithUnit(text, SIZE_UNITS, 'B');
}

/** Milliseconds from `10 min`, `90d`, `500 ms`; undefined when it is none of these. The unit is required. */
export function parseDuration(text: string): number | undefined {
  return parseWithUnit(text, TIME_UNITS);
}

/** `10 MiB`, `1.5 KiB`, `12 B`: the largest unit that keeps the figure at 1 or more. */
export function formatSize(bytes: number): string {
  return formatWithUnit(bytes, SIZE_UNITS);
}

/** `90 d`, `10 min`, `1.5 s`. */
export function formatDuration(ms: number): string {
  return formatWithUnit(ms, TIME_UNITS);
}

function parseWithUnit(text: string, units: Record<string, number>, bare?: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text);
  if (!match) return undefined;
  const word = (match[2] || bare || '').toLowerCase();
  const unit = Object.keys(units).find((name) => name.toLowerCase() === word);
  const value = unit === undefined ? Number.NaN : Number(match[1]) * (units[unit] ?? Number.NaN);
  return Number.isSafeInteger(value) ? value : undefined;
}

function formatWithUnit(value: number, units: Record<string, number>): string {
  let best = Object.entries(units)[0] as [string, number];
  for (const unit of Object.entries(units)) if (Math.abs(value) >= unit[1]) best = unit;
  const figure = value / best[1];
  return `${Number.isInteger(figure) ? figure : figure.toFixed(1)} ${best[0]}`;
}

/** The candidate nearest to `word` by edits, if it is near enough to be what was meant. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** Letters inserted, deleted, replaced, or swapped with their neighbour. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const candidates = [replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1];
      next.push(Math.min(...candidates, swapped ? (before[j - 2] ?? 0) + 1 : replaced));
    }
    [before, row] = [row, next];
  }
  return row[b.length] ?? 0;
}
