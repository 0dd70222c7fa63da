// A nym's filter: a small part of Sieve (RFC 5228), enough to keep or discard by headers, addresses and size, and nothing that could
// cost the server more than time in proportion to the mail.   spec: mixminion-nym 8

import { NymError } from '../errors.ts';

/** Octets of a filter, tests in it, and how deep they may stand in each other.   spec: mixminion-nym 8 */
const MAX_FILTER = 8192;
const MAX_TESTS = 100;
const MAX_DEPTH = 10;

export type Match = 'is' | 'contains' | 'matches';

export type Test =
  | { readonly test: 'true' | 'false' }
  | { readonly test: 'not'; readonly of: Test }
  | { readonly test: 'allof' | 'anyof'; readonly of: readonly Test[] }
  | { readonly test: 'exists'; readonly headers: readonly string[] }
  | { readonly test: 'size'; readonly over: boolean; readonly octets: number }
  | {
      readonly test: 'header' | 'address' | 'envelope';
      readonly match: Match;
      readonly part: AddressPart;
      readonly names: readonly string[];
      readonly keys: readonly string[];
    };

export type AddressPart = 'all' | 'localpart' | 'domain';

export type Step =
  | { readonly step: 'keep' | 'discard' | 'stop' }
  /** The first branch whose test holds; the last may have none. */
  | { readonly step: 'if'; readonly branches: readonly { readonly test: Test; readonly steps: readonly Step[] }[] };

interface Token {
  readonly kind: 'word' | 'tag' | 'number' | 'string' | 'mark' | 'end';
  /** Words and tags in lower case. */
  readonly text: string;
  readonly at: number;
}

/** Throws NymError `filter` whose message names the line and column of the first fault. An empty filter keeps everything. */
export function parseFilter(source: string): readonly Step[] {
  if (Buffer.byteLength(source) > MAX_FILTER) {
    throw new NymError('filter', `the filter is longer than ${MAX_FILTER} octets`);
  }
  return new Parser(source).filter();
}

class Parser {
  readonly #source: string;
  readonly #tokens: readonly Token[];
  #at = 0;
  #tests = 0;

  constructor(source: string) {
    this.#source = source;
    this.#tokens = tokenize(source, (at, why) => this.#fault(at, why));
  }

  filter(): Step[] {
    while (this.#tryWord('require')) {
      for (const { text, at } of this.#strings()) {
        if (text !== 'envelope') this.#fault(at, `this server does not know "${text}"`);
      }
      this.#mark(';');
    }
    const steps = this.#steps(0);
    const { kind, at } = this.#next();
    if (kind !== 'end') this.#fault(at, 'a command was expected');
    return steps;
  }

  #steps(depth: number): Step[] {
    const steps: Step[] = [];
    for (;;) {
      const { kind, text, at } = this.#look();
      if (kind !== 'word') return steps;
      this.#next();
      if (text === 'keep' || text === 'discard' || text === 'stop') {
        this.#mark(';');
        steps.push({ step: text });
      } else if (text === 'if') steps.push(this.#branches(depth));
      else this.#fault(at, `there is no command ${text} here`);
    }
  }

  #branches(depth: number): Step {
    const branches = [this.#branch(depth)];
    while (this.#tryWord('elsif')) branches.push(this.#branch(depth));
    if (this.#tryWord('else')) branches.push({ test: { test: 'true' }, steps: this.#block(depth) });
    return { step: 'if', branches };
  }

  #branch(depth: number): { test: Test; steps: Step[] } {
    const test = this.#test(depth);
    return { test, steps: this.#block(depth) };
  }

  #block(depth: number): Step[] {
    this.#mark('{');
    const steps = this.#deeper(depth, (inside) => this.#steps(inside));
    this.#mark('}');
    return steps;
  }

  #test(depth: number): Test {
    const { kind, text, at } = this.#next();
    this.#tests += 1;
    if (this.#tests > MAX_TESTS) this.#fault(at, `there are more than ${MAX_TESTS} tests`);
    if (kind !== 'word') this.#fault(at, 'a test was expected');
    switch (text) {
      case 'true':
      case 'false':
        return { test: text };
      case 'not':
        return { test: 'not', of: this.#deeper(depth, (inside) => this.#test(inside)) };
      case 'allof':
      case 'anyof':
        return { test: text, of: this.#deeper(depth, (inside) => this.#list(() => this.#test(inside))) };
      case 'exists':
        return { test: 'exists', headers: this.#strings().map((name) => name.text.toLowerCase()) };
      case 'size':
        return this.#size();
      case 'header':
      case 'address':
      case 'envelope':
        return this.#comparison(text);
      default:
        return this.#fault(at, `there is no test ${text}`);
    }
  }

  #size(): Test {
    const way = this.#next();
    if (way.kind !== 'tag' || (way.text !== 'over' && way.text !== 'under'))
      this.#fault(way.at, ':over or :under was expected');
    const { kind, text, at } = this.#next();
    if (kind !== 'number') this.#fault(at, 'a size was expected');
    const unit = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[text.slice(-1)] ?? 1;
    return { test: 'size', over: way.text === 'over', octets: Number.parseInt(text, 10) * unit };
  }

  #comparison(test: 'header' | 'address' | 'envelope'): Test {
    let match: Match = 'is';
    let part: AddressPart = 'all';
    while (this.#look().kind === 'tag') {
      const { text, at } = this.#next();
      if (text === 'is' || text === 'contains' || text === 'matches') match = text;
      else if (test !== 'header' && (text === 'all' || text === 'localpart' || text === 'domain')) part = text;
      else if (text === 'comparator') {
        const comparator = this.#next();
        if (comparator.kind !== 'string' || comparator.text !== 'i;ascii-casemap') {
          this.#fault(comparator.at, 'texts are compared by "i;ascii-casemap" only');
        }
      } else this.#fault(at, `${test} does not take :${text}`);
    }
    const names = this.#strings().map(({ text }) => text.toLowerCase());
    const keys = this.#strings().map(({ text }) => text);
    return { test, match, part, names, keys };
  }

  /** One string, or several in brackets. */
  #strings(): Token[] {
    const string = (): Token => {
      const token = this.#next();
      return token.kind === 'string' ? token : this.#fault(token.at, 'a text in quotation marks was expected');
    };
    if (!this.#tryMark('[')) return [string()];
    const strings = [string()];
    while (this.#tryMark(',')) strings.push(string());
    this.#mark(']');
    return strings;
  }

  #list<T>(item: () => T): T[] {
    this.#mark('(');
    const items = [item()];
    while (this.#tryMark(',')) items.push(item());
    this.#mark(')');
    return items;
  }

  #deeper<T>(depth: number, parse: (depth: number) => T): T {
    if (depth + 1 > MAX_DEPTH) this.#fault(this.#look().at, `nothing may stand deeper than ${MAX_DEPTH} levels`);
    return parse(depth + 1);
  }

  #look(): Token {
    return this.#tokens[this.#at] ?? { kind: 'end', text: '', at: this.#source.length };
  }

  #next(): Token {
    const token = this.#look();
    this.#at += 1;
    return token;
  }

  #tryWord(text: string): boolean {
    const token = this.#look();
    return token.kind === 'word' && token.text === text && this.#next() === token;
  }

  #tryMark(text: string): boolean {
    const token = this.#look();
    return token.kind === 'mark' && token.text === text && this.#next() === token;
  }

  #mark(text: string): void {
    if (!this.#tryMark(text)) this.#fault(this.#look().at, `${text} was expected`);
  }

  #fault(at: number, why: string): never {
    const before = this.#source.slice(0, at).split('\n');
    throw new NymError('filter', `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}: ${why}`);
  }
}

const TOKEN =
  /(?<blank>[ \t\r\n]+|#[^\n]*|\/\*.*?\*\/)|(?<tag>:[A-Za-z_][A-Za-z0-9_]*)|(?<number>\d{1,9}[kKmMgG]?(?![A-Za-z0-9_]))|(?<word>[A-Za-z_][A-Za-z0-9_]*)|"(?<string>(?:[^"\\]|\\.)*)"|(?<mark>[;,()[\]{}])/sy;

function tokenize(source: string, fault: (at: number, why: string) => never): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < source.length; ) {
    TOKEN.lastIndex = at;
    const groups = TOKEN.exec(source)?.groups;
    if (groups === undefined) return fault(at, 'this cannot be read');
    const { tag, number, word, string, mark } = groups;
    if (tag !== undefined) tokens.push({ kind: 'tag', text: tag.slice(1).toLowerCase(), at });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number.toLowerCase(), at });
    else if (word !== undefined) tokens.push({ kind: 'word', text: word.toLowerCase(), at });
    else if (string !== undefined) tokens.push({ kind: 'string', text: string.replace(/\\(.)/gs, '$1'), at });
    else if (mark !== undefined) tokens.push({ kind: 'mark', text: mark, at });
    at = TOKEN.lastIndex;
  }
  return tokens;
}
