// The figures of the anonymity bench as an SVG file: one column for each length of path, above how many messages hide one,
// below how long it is on its way.

import type { StrategyName } from '../../src/mixminion/pool/strategy.ts';

export interface Row {
  readonly hops: number;
  readonly load: number;
  readonly strategy: StrategyName;
  /** Hours within which 50, 90 and 99 % have come out. */
  readonly hours: readonly [number, number, number];
  /** Median of the effective sizes. */
  readonly hiddenAmong: number;
  /** Below this are the sizes of one in twenty. */
  readonly worst: number;
}

const WIDTH = 960;
const HEIGHT = 640;
const LEFT = 70;
const TOP = 84;
const GAP = 58;
const PANEL_HEIGHT = 215;
const COLOURS: Record<StrategyName, string> = { timed: '#6b7280', dynamic: '#1d4ed8', binomial: '#c2410c' };
const DASHES: Record<StrategyName, string> = { timed: 'none', dynamic: 'none', binomial: '7 4' };

interface Line {
  readonly strategy: StrategyName;
  readonly faint: boolean;
  readonly points: readonly (readonly [load: number, value: number])[];
}

/** A picture that says by itself what it shows. */
export function draw(rows: readonly Row[]): string {
  const paths = [...new Set(rows.map(({ hops }) => hops))];
  const loads = [...new Set(rows.map(({ load }) => load))];
  const strategies = [...new Set(rows.map(({ strategy }) => strategy))];
  const width = (WIDTH - LEFT - paths.length * GAP) / paths.length;
  const x = scale(Math.min(...loads), Math.max(...loads), 0, width);
  const sizes = rows.flatMap(({ hiddenAmong, worst }) => [hiddenAmong, worst]);
  const times = rows.flatMap(({ hours }) => [hours[0], hours[2]]);
  const ySize = scale(1, Math.max(...sizes), PANEL_HEIGHT, 0);
  const yTime = scale(Math.min(...times), Math.max(...times), PANEL_HEIGHT, 0);
  const panels = paths.flatMap((hops, column) => {
    const left = LEFT + column * (width + GAP);
    const lines = (value: (row: Row) => number, faint: boolean): Line[] =>
      strategies.map((strategy) => {
        const fitting = rows.filter((row) => row.hops === hops && row.strategy === strategy);
        return { strategy, faint, points: fitting.map((row) => [row.load, value(row)] as const) };
      });
    const upper = [...lines(({ worst }) => worst, true), ...lines(({ hiddenAmong }) => hiddenAmong, false)];
    const lower = [...lines(({ hours }) => hours[2], true), ...lines(({ hours }) => hours[0], false)];
    const below = TOP + PANEL_HEIGHT + 50;
    return [
      text(left + width / 2, TOP - 12, `${hops} ${hops === 1 ? 'remailer' : 'remailers'}`, 'middle', 'bold'),
      panel({ left, top: TOP, width, x, loads, y: ySize, ticks: decades(1, Math.max(...sizes)), lines: upper }),
      panel({ left, top: below, width, x, loads, y: yTime, ticks: [0.1, 0.3, 1, 3, 10, 30, 100], lines: lower }),
      text(left + width / 2, below + PANEL_HEIGHT + 36, 'packets at each remailer in 30 minutes', 'middle'),
    ];
  });
  const legend = strategies.map((strategy, index) => {
    const at = LEFT + 130 * index;
    const line = `<line x1="${at}" y1="48" x2="${at + 34}" y2="48" ${stroke(strategy, false)}/>`;
    return `${line}\n${text(at + 42, 52, strategy, 'start')}`;
  });
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13">`,
    '<title>How many messages hide one, and how long it is on its way</title>',
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(LEFT, 28, 'How many messages hide one (above), and hours on the way (below)', 'start', 'bold'),
    ...legend,
    text(
      LEFT,
      HEIGHT - 8,
      'Strong lines: medians. Faint lines: the size below which 5 % of the messages are, and the hours above which 1 % are.',
      'start',
    ),
    sideways(TOP + PANEL_HEIGHT / 2, 'effective size of the set'),
    sideways(TOP + PANEL_HEIGHT * 1.5 + 50, 'hours'),
    ...panels,
    '</svg>',
  ].join('\n')}\n`;
}

type Scale = (value: number) => number;

interface Panel {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly x: Scale;
  readonly loads: readonly number[];
  readonly y: Scale;
  readonly ticks: readonly number[];
  readonly lines: readonly Line[];
}

function panel({ left, top, width, x, loads, y, ticks, lines }: Panel): string {
  const inside = ticks.filter((tick) => y(tick) >= 0 && y(tick) <= PANEL_HEIGHT);
  const grid = inside.map((tick) => {
    const at = fixed(top + y(tick));
    const line = `<line x1="${fixed(left)}" y1="${at}" x2="${fixed(left + width)}" y2="${at}" stroke="#e5e7eb"/>`;
    return `${line}\n${text(left - 6, top + y(tick) + 4, String(tick), 'end')}`;
  });
  const under = loads.map((load) => text(left + x(load), top + PANEL_HEIGHT + 16, String(load), 'middle'));
  const curves = lines.map(({ strategy, faint, points }) => {
    const path = points.map(([load, value]) => `${fixed(left + x(load))},${fixed(top + y(Math.max(1e-9, value)))}`);
    return `<polyline points="${path.join(' ')}" fill="none" ${stroke(strategy, faint)}/>`;
  });
  const frame = `<rect x="${fixed(left)}" y="${top}" width="${fixed(width)}" height="${PANEL_HEIGHT}" fill="none" stroke="#9ca3af"/>`;
  return [...grid, frame, ...under, ...curves].join('\n');
}

/** Logarithmic, from the values `from` to `to` to the places `start` to `end`. */
function scale(from: number, to: number, start: number, end: number): Scale {
  const span = Math.log(to / from);
  return (value) => start + ((end - start) * Math.log(value / from)) / span;
}

function decades(from: number, to: number): number[] {
  const ticks: number[] = [];
  for (let tick = from; tick <= to; tick *= 10) ticks.push(tick);
  return ticks;
}

function stroke(strategy: StrategyName, faint: boolean): string {
  const weight = faint ? 'stroke-width="1.2" stroke-opacity="0.45"' : 'stroke-width="2.4"';
  return `stroke="${COLOURS[strategy]}" stroke-dasharray="${DASHES[strategy]}" ${weight}`;
}

function text(x: number, y: number, words: string, anchor: 'start' | 'middle' | 'end', weight = 'normal'): string {
  return `<text x="${fixed(x)}" y="${fixed(y)}" text-anchor="${anchor}" font-weight="${weight}" fill="#111827">${words}</text>`;
}

function sideways(y: number, words: string): string {
  const x = 20;
  return `<text x="${x}" y="${fixed(y)}" text-anchor="middle" transform="rotate(-90 ${x} ${fixed(y)})" fill="#111827">${words}</text>`;
}

function fixed(value: number): string {
  return value.toFixed(1);
}
