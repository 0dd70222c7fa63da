// Local users and where their mail goes.   spec: mixminion-server 4.3
//
//   NAME : ADDRESS      or      NAME = ADDRESS

import { isMailbox } from '../packet/routing.ts';
import { ExitError } from './errors.ts';

const MAX_LINES = 100_000;
const MAX_LINE = 1000;

/** Addresses by user name; upper and lower case matter. `#` begins a comment line. Throws ExitError `exit-line`. */
export function parseAddressFile(text: string): ReadonlyMap<string, string> {
  const lines = text.split('\n');
  if (lines.length > MAX_LINES) throw new ExitError('exit-line', `an address file has up to ${MAX_LINES} lines`);
  const users = new Map<string, string>();
  for (const [index, raw] of lines.entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [, name, address] = /^([^\s:=]+)\s*[:=]\s*(\S+)$/.exec(line) ?? [];
    if (line.length > MAX_LINE || name === undefined || address === undefined || !isMailbox(address))
      throw wrong(index, 'write NAME : ADDRESS');
    if (users.has(name)) throw wrong(index, 'this name stands there twice');
    users.set(name, address);
  }
  return users;
}

function wrong(index: number, why: string): ExitError {
  return new ExitError('exit-line', `line ${index + 1} of the address file: ${why}`, {
    remedy: 'a line is, for example, "alice : alice@example.org"',
  });
}
