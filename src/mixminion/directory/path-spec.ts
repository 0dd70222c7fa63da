// Path specifiers: what a user writes to say which servers a packet is to pass, `foo,*2:?,bar`.
// spec: mixminion-directory 11

import type { ServerDescriptor } from './descriptor.ts';
import { PathError } from './errors.ts';

const MAX_TEXT = 4096;
/** No packet has room for more hops than twice 24. */
const MAX_RANDOM = 48;

/** What the old client takes for every kind of path when nothing is said. */
const DEFAULT_PATH = '~5';

/**
 * One element of a path. `n` random servers, or about that many when `approx` is set; a server by its nickname (or the
 * name of a file that holds its descriptor), or given outright.
 */
export type PathElement =
  | { readonly type: 'nickname'; readonly name: string }
  | { readonly type: 'descriptor'; readonly server: ServerDescriptor }
  | { readonly type: 'random'; readonly n: number; readonly approx: boolean };

export type PathComponent = PathElement | { readonly type: 'swap' };

/** What the path is for: a packet of one's own, a packet through someone's reply block, or a reply block. */
export type PathKind = 'forward' | 'reply' | 'surb';

export class PathSpec {
  readonly kind: PathKind;
  readonly components: readonly PathComponent[];

  /** Throws PathError `path-spec` when the components cannot be a path of this kind. */
  constructor(components: readonly PathComponent[], kind: PathKind = 'forward') {
    this.kind = kind;
    const [only] = components;
    const lone = kind === 'forward' && components.length === 1 && only?.type === 'random' && only.approx;
    this.components = lone ? [random(1), random(Math.max(0, only.n - 1), true)] : components;
    this.#check();
  }

  /** Reads a specifier; `~5` when none is given. Throws PathError `path-spec`. */
  static parse(text: string = DEFAULT_PATH, { kind = 'forward' }: { kind?: PathKind } = {}): PathSpec {
    return new PathSpec(parseComponents(text), kind);
  }

  /** True for a forward path without a `:`: it is cut into its two legs when the numbers of servers are known. */
  get lateSplit(): boolean {
    return this.kind === 'forward' && this.#swap < 0;
  }

  /** The elements of the first leg: all of a reply's path, and what stands before the `:` of a forward one. */
  get path1(): readonly PathElement[] {
    return this.kind === 'reply' ? this.#elements(0) : this.#elements(0, Math.max(0, this.#swap));
  }

  /** The elements of the second leg: those behind the `:`, or all of a path that is split late, or of a reply block. */
  get path2(): readonly PathElement[] {
    return this.kind === 'reply' ? [] : this.#elements(this.#swap + 1);
  }

  /** The specifier as the old client shows it: names stand without quotes, so that a strange one may not read back. */
  toString(): string {
    return this.#join((name) => name);
  }

  /** The specifier as `parse` reads it back, names in quotes where they need them. */
  toSpecifier(): string {
    return this.#join((name) => (/^[?*'"]|^~\d|[,:]/.test(name) || name === '~' ? quote(name) : name));
  }

  get #swap(): number {
    return this.components.findIndex(({ type }) => type === 'swap');
  }

  #elements(from: number, to?: number): PathElement[] {
    return this.components.slice(from, to).filter((component) => component.type !== 'swap');
  }

  #join(write: (name: string) => string): string {
    const word = (element: PathElement): string => {
      if (element.type === 'nickname') return write(element.name);
      if (element.type === 'descriptor') return element.server.nickname;
      return element.approx ? `~${element.n}` : element.n === 1 ? '?' : `*${element.n}`;
    };
    const legs = this.#swap < 0 ? [this.#elements(0)] : [this.path1, this.path2];
    return legs.map((elements) => elements.map(word).join(',')).join(':');
  }

  #check(): void {
    const swaps = this.components.filter(({ type }) => type === 'swap').length;
    if (swaps > 1) throw refused('a path has at most one ":"');
    if (swaps === 1 && this.kind !== 'forward') throw refused('a path of a reply has no ":"');
    if (swaps === 1 && (this.path1.length === 0 || this.path2.length === 0)) throw refused('one side of ":" is empty');
    let length = 0;
    for (const element of this.#elements(0)) length += element.type === 'random' && !element.approx ? element.n : 1;
    const least = this.kind === 'forward' ? 2 : 1;
    if (length < least) throw refused(`the path is too short: it needs ${least} servers or more`);
  }
}

function parseComponents(text: string): PathComponent[] {
  if (text.length > MAX_TEXT) throw refused(`a path specifier is longer than ${MAX_TEXT} characters`);
  const components: PathComponent[] = [];
  for (let at = 0; at < text.length; ) {
    const quoted = /^['"]/.test(text.charAt(at));
    const { name, end } = quoted ? readQuoted(text, at) : readBare(text, at);
    if (name === '') throw refused('an element of the path is empty');
    components.push(quoted ? { type: 'nickname', name } : element(name));
    const separator = text.charAt(end);
    if (separator === ':') components.push({ type: 'swap' });
    at = end + 1; // a comma at the very end is let pass
  }
  if (components.length === 0) throw refused('the path is empty');
  return components;
}

function readBare(text: string, start: number): { name: string; end: number } {
  let end = start;
  while (end < text.length && text.charAt(end) !== ',' && text.charAt(end) !== ':') end += 1;
  return { name: text.slice(start, end), end };
}

function readQuoted(text: string, start: number): { name: string; end: number } {
  const mark = text.charAt(start);
  let name = '';
  for (let at = start + 1; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === mark) {
      if (!/^[,:]?$/.test(text.charAt(at + 1))) throw refused('something follows a quoted name');
      return { name, end: at + 1 };
    }
    const escaped = character === '\\' && /^['"]$/.test(text.charAt(at + 1));
    if (escaped) at += 1;
    name += text.charAt(at);
  }
  throw refused('a quoted name does not end');
}

function element(word: string): PathElement {
  if (word === '?') return random(1);
  const [, sign, digits] = /^([*~])(\d+)$/.exec(word) ?? [];
  if (digits !== undefined) {
    const n = Number(digits);
    if (n > MAX_RANDOM) throw refused(`a path has at most ${MAX_RANDOM} random servers in a row`);
    return random(n, sign === '~');
  }
  // A "~" may also begin the name of a file.
  if (/^[?*]|^~\d|^~$/.test(word)) throw refused(`"${word.slice(0, 40)}" is not an element of a path`);
  return { type: 'nickname', name: word };
}

function random(n: number, approx = false): PathElement {
  return { type: 'random', n, approx };
}

function quote(name: string): string {
  return `'${name.replace(/['"]/g, '\\$&')}'`;
}

function refused(message: string): PathError {
  return new PathError('path-spec', message);
}
