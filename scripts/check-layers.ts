// The layering rule: a folder imports only from itself and from folders listed above it. Prints each breach; exit 1 if any.

import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

// Floors from the ground up. Rooms on one floor (the same line) do not import each other.
const FLOORS: readonly (readonly string[])[] = [
  ['base'],
  ['crypto'],
  ['net'],
  ['store'],
  ['store/sqlite'],
  ['mail'],
  ['post'],
  ['smtp'],
  ['mixminion/packet'],
  ['mixminion/payload'],
  ['mixminion/directory'],
  ['mixminion/mmtp'],
  ['mixminion/client'],
  ['mixminion/pool', 'mixminion/exit', 'mixminion/authority'],
  ['mixminion/node'],
  ['mixminion/testnet'],
  ['smallmail', 'cmtp', 'immp', 'ima', 'nym'],
  ['office'],
  ['cli'],
];

const root = join(import.meta.dirname, '..');
const rooms = FLOORS.flatMap((floor, height) => floor.map((name) => ({ name, height })));

/** The room a source file lies in: the longest folder name that fits. */
function roomOf(file: string) {
  return rooms.filter(({ name }) => file.startsWith(`src/${name}/`)).sort((a, b) => b.name.length - a.name.length)[0];
}

const breaches: string[] = [];
for (const file of globSync('src/**/*.ts', { cwd: root }).sort()) {
  const here = roomOf(file);
  if (here === undefined) {
    breaches.push(`${file} lies in no room that scripts/check-layers.ts knows`);
    continue;
  }
  const isTest = /\.test\.ts$/.test(file);
  for (const [, target = ''] of readFileSync(join(root, file), 'utf8').matchAll(
    /(?:from|import)\s*\(?\s*'(\.[^']+)'/g,
  )) {
    const imported = relative(root, join(root, dirname(file), target));
    const there = roomOf(imported);
    if (there === undefined) {
      if (!isTest) breaches.push(`${file} imports ${imported}, which is outside src`);
    } else if (there.name !== here.name && there.height >= here.height) {
      breaches.push(`${file} (${here.name}) imports upward from ${imported} (${there.name})`);
    }
  }
}
for (const breach of breaches) console.error(breach);
if (breaches.length > 0) process.exitCode = 1;
