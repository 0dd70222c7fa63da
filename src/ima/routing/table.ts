// The routing table: which command gets the mail of which address. Pure.   spec: ima 2.6

import { ImaError } from '../errors.ts';
import { readListAddress } from '../lists/addresses.ts';
import { distinctAddresses, hostOf, isAddress, isHostpart, sameForm } from '../wire/names.ts';
import { type Command, parseCommand, splitWords } from './words.ts';

const MAX_ENTRIES = 100_000;
const MAX_DEPTH = 10;
const ALIAS = 'alias:';
const LIST = 'builtin:list';

interface Entry {
  matches(address: string): boolean;
  readonly target: Command | { readonly alias: readonly string[] };
}

/** Where the mail of one address goes in the end. */
export interface Route {
  readonly address: string;
  readonly command: Command;
}

/** What an address has where no entry of the table matches: an account's inbox, a list. */
export type Otherwise = (address: string) => Promise<Command | undefined>;

export class RoutingTable {
  readonly #entries: readonly Entry[];
  readonly #otherwise: Otherwise;

  constructor(entries: readonly Entry[], otherwise: Otherwise = async () => undefined) {
    this.#entries = entries;
    this.#otherwise = otherwise;
  }

  /** The same table with something behind it. */
  withOtherwise(otherwise: Otherwise): RoutingTable {
    return new RoutingTable(this.#entries, otherwise);
  }

  /**
   * All that the address stands for: itself, or the members of its alias, each once. Undefined when it has no entry. Throws ImaError
   * `table` when an alias leads in a circle, too deep, or nowhere.
   */
  async routes(address: string): Promise<readonly Route[] | undefined> {
    if (!(await this.has(address))) return undefined;
    const routes = await this.#follow(address, []);
    const names = distinctAddresses(routes.map((route) => route.address));
    return names.map((name) => routes.find((route) => route.address === name) as Route);
  }

  async has(address: string): Promise<boolean> {
    return (await this.#find(address)) !== undefined;
  }

  /** Those of the addresses that have no entry. */
  async missing(addresses: readonly string[]): Promise<string[]> {
    const known = await Promise.all(addresses.map((address) => this.has(address)));
    return addresses.filter((_address, place) => !known[place]);
  }

  async #find(address: string): Promise<Entry['target'] | undefined> {
    return this.#entries.find((entry) => entry.matches(address))?.target ?? this.#otherwise(address);
  }

  async #follow(address: string, above: readonly string[]): Promise<Route[]> {
    const form = sameForm(address);
    if (above.includes(form)) throw new ImaError('table', `the alias ${address} leads back to itself`);
    if (above.length > MAX_DEPTH) throw new ImaError('table', `the alias ${above[0]} leads too deep`);
    const target = await this.#find(address);
    if (target === undefined) throw new ImaError('table', `an alias names ${address}, which has no entry`);
    if (!('alias' in target)) return [{ address, command: target }];
    const routes: Route[] = [];
    for (const member of target.alias) routes.push(...(await this.#follow(member, [...above, form])));
    return routes;
  }
}

/** Throws ImaError `table` with the number of the line. */
export function parseTable(text: string, file = 'the routing table'): RoutingTable {
  const entries: Entry[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const content = line.trim();
    if (content === '' || content.startsWith('#')) continue;
    try {
      entries.push(parseEntry(content));
    } catch (error) {
      if (!(error instanceof ImaError)) throw error;
      throw new ImaError('table', `${file}, line ${index + 1}: ${error.message}`, { cause: error });
    }
    if (entries.length > MAX_ENTRIES) throw new ImaError('table', `${file} has more than ${MAX_ENTRIES} entries`);
  }
  return new RoutingTable(entries);
}

function parseEntry(line: string): Entry {
  const [, pattern = '', rest = ''] = /^(\S+)\s+(.+)$/s.exec(line) ?? [];
  const matches = parsePattern(pattern);
  if (!rest.startsWith(ALIAS)) {
    const target = parseCommand(rest);
    return { matches: target.words[0] === LIST ? orItsCommands(matches) : matches, target };
  }
  const alias = splitWords(rest.slice(ALIAS.length));
  if (alias.length === 0 || !alias.every(isAddress)) throw new ImaError('table', 'an alias stands for addresses');
  return { matches, target: { alias } };
}

/** A list's entry stands for the addresses of its commands too: nobody could write down those of its confirmations.   spec: ima 2.6 */
function orItsCommands(matches: Entry['matches']): Entry['matches'] {
  return (address) => matches(address) || matches(readListAddress(address)?.list ?? address);
}

function parsePattern(pattern: string): Entry['matches'] {
  if (pattern.startsWith('@') && isHostpart(pattern.slice(1))) {
    const host = pattern.slice(1).toLowerCase();
    return (address) => hostOf(address) === host;
  }
  if (pattern.endsWith('@*') && isAddress(`${pattern.slice(0, -1)}x`)) {
    const start = sameForm(pattern.slice(0, -1));
    return (address) => sameForm(address).startsWith(start);
  }
  if (!isAddress(pattern)) throw new ImaError('table', 'it begins with an address, @HOST or NAME@*');
  const form = sameForm(pattern);
  return (address) => sameForm(address) === form;
}
