// Which blocks of the project's own source were reached, from V8's precise coverage through an inspector session on the
// thread that asks. V8 names a block by its range of characters and reports only what ran since it was asked last.

import { type Profiler, Session } from 'node:inspector';

/** A range of characters, end excluded. */
type Range = readonly [start: number, end: number];

/** What one look showed of a function that was not known to be reached. */
interface Step {
  readonly name: string;
  readonly missed: readonly Range[];
}

interface Reached {
  /** What no input has reached yet: sorted, apart from each other. */
  missed: readonly Range[];
  /** Every range that V8 ever reported as not reached: with the whole function, the blocks we know of. */
  readonly known: Map<string, Range>;
}

/** Starts counting. `scope`: beginnings of the file URLs that matter. Import what shall be counted afterwards. */
export function openCoverage(scope: readonly string[]) {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  const functions = new Map<string, Reached>();
  const scripts = new Set<string>();

  return {
    /** What was reached since the last look and is not among what was added; undefined when there is nothing. */
    look(): readonly Step[] | undefined {
      const steps: Step[] = [];
      for (const { url, functions: ran } of take(session)) {
        if (!scope.some((beginning) => url.startsWith(beginning))) continue;
        scripts.add(url);
        for (const { ranges } of ran) {
          const whole = ranges[0];
          if (whole === undefined || whole.count === 0) continue;
          const name = `${url} ${whole.startOffset} ${whole.endOffset}`;
          const missed = missedBy(ranges);
          const reached = functions.get(name);
          for (const range of missed) reached?.known.set(range.join(), range);
          if (reached === undefined || size(intersect(reached.missed, missed)) < size(reached.missed)) {
            steps.push({ name, missed });
          }
        }
      }
      return steps.length > 0 ? steps : undefined;
    },
    /** Remembers as reached what a look showed. */
    add(steps: readonly Step[]): void {
      for (const { name, missed } of steps) {
        const { missed: before = missed, known = new Map() } = functions.get(name) ?? {};
        for (const range of missed) known.set(range.join(), range);
        functions.set(name, { missed: intersect(before, missed), known });
      }
    },
    /** How many blocks were reached so far. */
    blocks(): number {
      let count = 0;
      for (const { missed, known } of functions.values()) {
        count += 1;
        for (const range of known.values()) if (intersect(missed, [range]).length === 0) count += 1;
      }
      return count;
    },
    /** The URLs of the files in scope of which anything ran. */
    scripts: () => [...scripts],
    close: () => session.disconnect(),
  };
}

export type Coverage = ReturnType<typeof openCoverage>;

function take(session: Session): Profiler.ScriptCoverage[] {
  let result: Profiler.ScriptCoverage[] | undefined;
  // On its own thread a session answers before post returns.
  session.post('Profiler.takePreciseCoverage', (error, answer) => {
    if (error !== null) throw error;
    result = answer.result;
  });
  if (result === undefined) throw new Error('the inspector gave no coverage');
  return result;
}

/** What did not run of a function. An inner range follows the one it lies in and overrules it. */
function missedBy(ranges: readonly Profiler.CoverageRange[]): Range[] {
  let missed: Range[] = [];
  for (const { startOffset, endOffset, count } of ranges) {
    const outside = missed.flatMap(([start, end]): Range[] => [
      [start, Math.min(end, startOffset)],
      [Math.max(start, endOffset), end],
    ]);
    if (count === 0) outside.push([startOffset, endOffset]);
    missed = outside.filter(([start, end]) => start < end);
  }
  return missed.sort(([a], [b]) => a - b);
}

function intersect(some: readonly Range[], others: readonly Range[]): Range[] {
  const common: Range[] = [];
  for (const [start, end] of some) {
    for (const [from, to] of others) {
      if (from < end && start < to) common.push([Math.max(start, from), Math.min(end, to)]);
    }
  }
  return common;
}

function size(ranges: readonly Range[]): number {
  return ranges.reduce((sum, [start, end]) => sum + end - start, 0);
}
