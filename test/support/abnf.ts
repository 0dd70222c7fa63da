// A slow, plain matcher of ABNF (RFC 5234), for comparing a parser with the grammar it was written from. It tries alternatives
// in order and goes back as far as it must, so it takes exactly the texts that the grammar describes.

/** A node of a rule: from a place in the text to the places where what it describes may end. */
type Matcher = (text: readonly number[], at: number) => Iterable<number>;

const CORE = `
ALPHA = %x41-5A / %x61-7A
DIGIT = %x30-39
HEXDIG = DIGIT / "A" / "B" / "C" / "D" / "E" / "F"
SP = %x20
HTAB = %x09
WSP = SP / HTAB
DQUOTE = %x22
`;

export interface Grammar {
  /** True when the whole text is what the rule describes. */
  accepts(rule: string, text: string): boolean;
}

/** Compiles rules, one a line or continued on indented lines. Throws on what is no ABNF of the kinds used here. */
export function compileAbnf(source: string): Grammar {
  const rules = new Map<string, Matcher>();
  for (const line of `${CORE}${source}`.replace(/\n[ \t]+/g, ' ').split('\n')) {
    if (line.trim() === '') continue;
    const [, name, body] = /^([A-Za-z][A-Za-z0-9-]*)\s*=\s*(.*)$/.exec(line) ?? [];
    if (name === undefined || body === undefined) throw new Error(`no rule: ${line}`);
    rules.set(name.toLowerCase(), compileRule(body, rules));
  }
  return {
    accepts(rule, text) {
      const points = [...text].map((character) => character.codePointAt(0) ?? 0);
      const matcher = rules.get(rule.toLowerCase());
      if (matcher === undefined) throw new Error(`no rule ${rule}`);
      for (const end of matcher(points, 0)) if (end === points.length) return true;
      return false;
    },
  };
}

const TOKEN = /\s*(?:("[^"]*")|(%x[0-9A-Fa-f-]+)|(\d*\*\d*|\d+)(?=\S)|([A-Za-z][A-Za-z0-9-]*)|([[\]()/]))/y;

function compileRule(body: string, rules: ReadonlyMap<string, Matcher>): Matcher {
  TOKEN.lastIndex = 0;
  const tokens: string[] = [];
  while (TOKEN.lastIndex < body.trimEnd().length) {
    const match = TOKEN.exec(body);
    if (match === null) throw new Error(`cannot read the rule ${body}`);
    tokens.push(match[0].trim());
  }
  let next = 0;

  function alternation(): Matcher {
    const choices = [concatenation()];
    while (tokens[next] === '/') {
      next += 1;
      choices.push(concatenation());
    }
    return choices.length === 1 && choices[0] ? choices[0] : anyOf(choices);
  }

  function concatenation(): Matcher {
    const parts: Matcher[] = [];
    while (next < tokens.length && !['/', ')', ']'].includes(tokens[next] ?? '')) parts.push(repetition());
    return inOrder(parts);
  }

  function repetition(): Matcher {
    const [, least, star, most] = /^(\d*)(\*?)(\d*)$/.exec(tokens[next] ?? '') ?? [];
    if (least === undefined || (least === '' && star === '')) return element();
    next += 1;
    const from = Number(least || 0);
    return repeat(element(), from, star === '' ? from : most ? Number(most) : Number.POSITIVE_INFINITY);
  }

  function element(): Matcher {
    const token = tokens[next] ?? '';
    next += 1;
    if (token === '(' || token === '[') {
      const inner = alternation();
      next += 1;
      return token === '[' ? repeat(inner, 0, 1) : inner;
    }
    if (token.startsWith('"')) return literal(token.slice(1, -1));
    if (token.startsWith('%x')) return range(token.slice(2));
    const name = token.toLowerCase();
    return (text, at) => {
      const rule = rules.get(name);
      if (rule === undefined) throw new Error(`no rule ${name}`);
      return rule(text, at);
    };
  }

  return alternation();
}

function anyOf(choices: readonly Matcher[]): Matcher {
  return function* (text, at) {
    for (const choice of choices) yield* choice(text, at);
  };
}

function inOrder(parts: readonly Matcher[], from = 0): Matcher {
  const first = parts[from];
  if (first === undefined) return (_text, at) => [at];
  const rest = inOrder(parts, from + 1);
  return function* (text, at) {
    for (const middle of first(text, at)) yield* rest(text, middle);
  };
}

/** The longest first. Each place is gone on from once, which keeps the matching short. */
function repeat(part: Matcher, least: number, most: number): Matcher {
  return function* (text, at) {
    const steps: Set<number>[] = [new Set([at])];
    for (let count = 0; count < most; count += 1) {
      const reached = new Set<number>();
      for (const from of steps[count] ?? []) for (const to of part(text, from)) if (to > from) reached.add(to);
      if (reached.size === 0) break;
      steps.push(reached);
    }
    const ends = new Set(steps.slice(least).flatMap((reached) => [...reached]));
    yield* [...ends].sort((a, b) => b - a);
  };
}

function literal(text: string): Matcher {
  const points = [...text.toLowerCase()].map((character) => character.codePointAt(0));
  const lower = (point: number | undefined) =>
    point !== undefined && point >= 0x41 && point <= 0x5a ? point + 0x20 : point;
  return (octets, at) =>
    points.every((point, place) => lower(octets[at + place]) === point) ? [at + points.length] : [];
}

function range(text: string): Matcher {
  const [low = '', high = low] = text.split('-');
  const [from, to] = [Number.parseInt(low, 16), Number.parseInt(high, 16)];
  return (octets, at) => {
    const point = octets[at];
    return point !== undefined && point >= from && point <= to ? [at + 1] : [];
  };
}
