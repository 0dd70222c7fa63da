// What a bench is, and the few helpers that every bench measures with.

/** One measured number. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  /** `/s`, `ms`, `MiB`, `%` ... */
  readonly unit: string;
  /** The raw limit this is compared with, in the same unit, measured in the same run. */
  readonly limit?: number;
  /** `value / limit`, where that says something. */
  readonly ratio?: number;
}

/** Figures that are read across and down. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

export interface Report {
  figure(figure: Figure): void;
  table(table: Table): void;
  /** The figures drawn, as an SVG file; kept where somebody asks for it. */
  picture(svg: string): void;
  /** Says what is going on, to a person who waits. */
  progress(text: string): void;
}

export interface Bench {
  /** One line: what is measured. */
  readonly about: string;
  run(report: Report): void | Promise<void>;
}

/** Milliseconds on a clock that never goes back. */
export function stopwatch(): () => number {
  const start = process.hrtime.bigint();
  return () => Number(process.hrtime.bigint() - start) / 1e6;
}

/** Calls a second, over about `ms` milliseconds of calling `work` with 0, 1, 2 ...; the calls before are not counted. */
export function callsPerSecond(work: (index: number) => void, ms: number): number {
  let index = 0;
  for (const warm = stopwatch(); warm() < ms / 10; index += 1) work(index);
  let calls = 0;
  const elapsed = stopwatch();
  while (elapsed() < ms) {
    for (let i = 0; i < 16; i += 1, index += 1) work(index);
    calls += 16;
  }
  return (calls * 1000) / elapsed();
}

/** The same for work that returns a promise, one call after another. */
export async function callsPerSecondAsync(work: (index: number) => Promise<void>, ms: number): Promise<number> {
  let index = 0;
  for (const warm = stopwatch(); warm() < ms / 10; index += 1) await work(index);
  let calls = 0;
  const elapsed = stopwatch();
  for (; elapsed() < ms; index += 1, calls += 1) await work(index);
  return (calls * 1000) / elapsed();
}

/**
 * Calls a second of each work: the median of `rounds` rounds of about `ms` milliseconds in which all take their turn, so
 * that a machine that is busy with other things wrongs all of them alike.
 */
export function ratesInTurn<Name extends string>(
  works: Readonly<Record<Name, (index: number) => void>>,
  rounds: number,
  ms: number,
): Record<Name, number> {
  const names = Object.keys(works) as Name[];
  const table = Array.from({ length: rounds }, () => names.map((name) => callsPerSecond(works[name], ms)));
  return Object.fromEntries(
    names.map((name, column) => [name, median(table.map((row) => row[column] ?? Number.NaN))]),
  ) as Record<Name, number>;
}

/** Milliseconds that each of `count` calls took. */
export function timings(work: (index: number) => void, count: number): number[] {
  return Array.from({ length: count }, (_, index) => {
    const elapsed = stopwatch();
    work(index);
    return elapsed();
  });
}

/** The value below which `percent` of 100 lie: `percentile(times, 99)`. NaN of nothing. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN;
}

/** The middle one of several rounds. */
export function median(values: readonly number[]): number {
  return percentile(values, 50);
}
