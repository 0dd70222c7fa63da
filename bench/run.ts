// `npm run bench -- NAME [--json] [--svg FILE]`: runs one bench and prints its figures, as a table for people or as one JSON
// object; some benches draw them, too. Without a name it lists the benches.

import { globSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { nearest } from '../src/base/text.ts';
import type { Bench, Figure, Report, Table } from './harness.ts';

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
  console.log('Usage: npm run bench -- NAME [--json] [--svg FILE]\n');
  for (const name of names) console.log(`  ${name.padEnd(14)} ${(await load(name)).about}`);
}

async function measure(name: string, json: boolean, svg: string | undefined): Promise<void> {
  const figures: Figure[] = [];
  const tables: Table[] = [];
  const bench = await load(name);
  const report: Report = {
    figure(figure) {
      figures.push(figure);
      if (!json) console.log(line(figure));
    },
    table(table) {
      tables.push(table);
      if (!json) console.log(`${lines(table)}\n`);
    },
    picture(drawn) {
      if (svg !== undefined) writeFileSync(svg, drawn);
    },
    progress(text) {
      if (process.stderr.isTTY) process.stderr.write(`${text}\n`);
    },
  };
  if (!json) console.log(`${name}: ${bench.about}\n${machine()}\n`);
  await bench.run(report);
  if (json) console.log(JSON.stringify({ name, machine: machine(), figures, ...(tables.length > 0 && { tables }) }));
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

function lines({ columns, rows }: Table): string {
  const cells = [columns, ...rows.map((row) => row.map(String))];
  const widths = columns.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells.map((row) => `  ${row.map((cell, i) => cell.padStart(widths[i] ?? 0)).join('  ')}`).join('\n');
}

/** Four figures that mean something, and no more. */
function digits(value: number): string {
  const places = Math.abs(value) >= 1000 || Number.isInteger(value) ? 0 : 4;
  return places === 0 ? Math.round(value).toLocaleString('en') : value.toPrecision(places);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, svg: { type: 'string' } },
});
const [name] = positionals;
if (name === undefined) await list();
else if (names.includes(name)) await measure(name, values.json, values.svg);
else {
  const near = nearest(name, names);
  console.error(
    `No bench is called ${name}.${near === undefined ? '' : ` Did you mean ${near}?`} There are: ${names.join(', ')}.`,
  );
  process.exitCode = 2;
}
