// The foreign programs that judge what we make. In CI they must be there; elsewhere the tests that need a missing one are
// skipped, and say so: a machine with Node and npm alone can still run all the others.

import { spawnSync } from 'node:child_process';

const PACKAGES = {
  gpg: 'gnupg',
  openssl: 'openssl',
  swaks: 'swaks',
  postfix: 'postfix',
  python3: 'python3',
  prosodyctl: 'prosody',
} as const;
type Judge = keyof typeof PACKAGES;

const missing = (Object.keys(PACKAGES) as Judge[]).filter((judge) => spawnSync(judge, ['--version']).error);
if (missing.length > 0) {
  const packages = missing.map((judge) => PACKAGES[judge]).join(' ');
  console.warn(`${missing.join(' and ')} not found: what it judges is not tested. Install the package ${packages}.`);
}

/** Options of a test or a group of tests that these judge. */
export function judgedBy(...judges: Judge[]): { skip: boolean } {
  return { skip: process.env['CI'] === undefined && judges.some((judge) => missing.includes(judge)) };
}
