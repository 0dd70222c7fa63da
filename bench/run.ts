// `npm run bench -- NAME [--json]`: runs one bench and prints its figures, as a table for people or as one JSON object.
// Without a name it lists the benches.

import { globSync } from 'node:fs';
import { cpus } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { nearest } from '../src/base/text.ts';
import type { Bench, Figure, Report } from './harness.ts';

const TOOLS = ['harness', 'raw-sync', 'run'];

const names = globSync('*.ts', { cwd: import.meta.dirname })
  .map((file) => basename(file, '.ts'))
  .filter((name) => !TOOLS.includes(name) && !name.endsWith('.test'))
  .sort();

async function load(name: string): Promise<Bench> {
  const { bench } = (await import(join(import.meta.dirname, `${name}.ts`))) as { bench: Bench };
  return bench;
}

async function list(): Promise<void> {
  console.log('Usage: npm run bench -- NAME [--json]\n');
  for (const name of names) console.log(`  ${name.padEnd(14)} ${(await load(name)).about}`);
}

async function measure(name: string, json: boolean): Promise<void> {
  const figures: Figure[] = [];
  const bench = await load(name);
  const report: Report = {
    figure(figure) {
      figures.push(figure);
      if (!json) console.log(line(figure));
    },
    progress(text) {
      if (process.stderr.isTTY) process.stderr.write(`${text}\n`);
    },
  };
  if (!json) console.log(`${name}: ${bench.about}\n${machine()}\n`);
  await bench.run(report);
  if (json) console.log(JSON.stringify({ name, machine: machine(), figures }));
}

function machine(): string {
  const [cpu, ...others] = cpus();
  return `Node ${process.versions.node}, ${process.platform} ${process.arch}, ${others.length + 1} × ${cpu?.model.trim() ?? 'unknown processor'}`;
}

function line({ name, value, unit, limit, ratio }: Figure): string {
  const share = ratio === undefined ? '' : ` ${(ratio * 100).toFixed(0).padStart(5)} %`;
  const against = limit === undefined ? '' : ` of ${digits(limit)} ${unit}`;
  return `  ${name.padEnd(52)} ${digits(value).padStart(12)} ${unit.padEnd(6)}${share}${against}`;
}

/** Four figures that mean something, and no more. */
function digits(value: number): string {
  const places = Math.abs(value) >= 1000 || Number.isInteger(value) ? 0 : 4;
  return places === 0 ? Math.round(value).toLocaleString('en') : value.toPrecision(places);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false } },
});
const [name] = positionals;
if (name === undefined) await list();
else if (names.includes(name)) await measure(name, values.json);
else {
  const near = nearest(name, names);
  console.error(
    `No bench is called ${name}.${near === undefined ? '' : ` Did you mean ${near}?`} There are: ${names.join(', ')}.`,
  );
  process.exitCode = 2;
}
