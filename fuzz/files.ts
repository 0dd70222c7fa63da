// What the harness reads and writes on disk: targets, kept inputs, findings.

import { createHash } from 'node:crypto';
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Finding } from './harness.ts';

const CORPUS = join(import.meta.dirname, 'corpus');
const FINDINGS = join(import.meta.dirname, 'findings');

/** Name and path of every target, sorted by name. */
export function targetFiles(): (readonly [name: string, file: string])[] {
  const files = globSync('targets/*.ts', { cwd: import.meta.dirname }).sort();
  return files.map((file) => [basename(file, '.ts'), join(import.meta.dirname, file)]);
}

/** The inputs kept of earlier runs of a target, the oldest name first. */
export function readCorpus(name: string): Buffer[] {
  const folder = join(CORPUS, name);
  return globSync('*.bin', { cwd: folder })
    .sort()
    .map((file) => readFileSync(join(folder, file)));
}

export function keepInput(name: string, input: Buffer): void {
  const folder = join(CORPUS, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${digest(input)}.bin`), input);
}

/** Writes a finding's input, and beside it in a `.txt` how it failed. Returns the path of the input. */
export function saveFinding(name: string, { input, kind, stack, message, repeats }: Finding): string {
  mkdirSync(FINDINGS, { recursive: true });
  const path = join(FINDINGS, `${name}-${digest(input)}`);
  const lines = [
    `target: ${name}`,
    `kind: ${kind}`,
    `octets: ${input.length}`,
    `repeats: ${repeats ? 'yes' : 'no'}`,
    '',
    stack || message,
  ];
  writeFileSync(`${path}.bin`, input);
  writeFileSync(`${path}.txt`, `${lines.join('\n')}\n`);
  return `${path}.bin`;
}

function digest(input: Buffer): string {
  return createHash('sha256').update(input).digest('hex').slice(0, 16);
}
