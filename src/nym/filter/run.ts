// What a filter decides about one mail. Takes time in proportion to the mail and the filter, whatever either says.
// spec: mixminion-nym 8

import type { Match, Step, Test } from './parse.ts';

export interface Filtered {
  /** Fields in the order of the mail: name in lower case, value unfolded. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly envelope: { readonly from: string; readonly to: string };
  /** Octets of the whole mail. */
  readonly size: number;
}

/** True when the mail is to be kept. */
export function runFilter(filter: readonly Step[], mail: Filtered): boolean {
  const outcome = { kept: false, discarded: false };
  runSteps(filter, mail, outcome);
  return outcome.kept || !outcome.discarded; // whatever is not discarded is kept
}

/** False when `stop` was met. */
function runSteps(steps: readonly Step[], mail: Filtered, outcome: { kept: boolean; discarded: boolean }): boolean {
  for (const step of steps) {
    if (step.step === 'stop') return false;
    if (step.step === 'if') {
      const branch = step.branches.find(({ test }) => holds(test, mail));
      if (branch && !runSteps(branch.steps, mail, outcome)) return false;
    } else outcome[step.step === 'keep' ? 'kept' : 'discarded'] = true;
  }
  return true;
}

function holds(test: Test, mail: Filtered): boolean {
  switch (test.test) {
    case 'true':
      return true;
    case 'false':
      return false;
    case 'not':
      return !holds(test.of, mail);
    case 'allof':
      return test.of.every((inner) => holds(inner, mail));
    case 'anyof':
      return test.of.some((inner) => holds(inner, mail));
    case 'exists':
      return test.headers.every((wanted) => mail.headers.some(([name]) => name === wanted));
    case 'size':
      return test.over ? mail.size > test.octets : mail.size < test.octets;
    case 'header':
      return fits(test.match, valuesOf(test.names, mail), test.keys);
    case 'address':
      return fits(
        test.match,
        valuesOf(test.names, mail)
          .flatMap(addressesIn)
          .map((found) => partOf(found, test.part)),
        test.keys,
      );
    case 'envelope': {
      const values = test.names.flatMap((name) => (name === 'from' || name === 'to' ? [mail.envelope[name]] : []));
      return fits(
        test.match,
        values.map((found) => partOf(found, test.part)),
        test.keys,
      );
    }
  }
}

function valuesOf(names: readonly string[], mail: Filtered): string[] {
  return mail.headers.filter(([name]) => names.includes(name)).map(([, value]) => value.trim());
}

/** Addresses as they stand in angle brackets, or bare between commas. What is quoted or in parentheses is no address. */
function addressesIn(value: string): string[] {
  const bare = value.replace(/"(?:[^"\\]|\\.)*"/g, '').replace(/\([^()]*\)/g, '');
  return bare.split(',').flatMap((one) => {
    const address = /<([^<>]*)>/.exec(one)?.[1] ?? one;
    return address.trim() === '' ? [] : [address.trim()];
  });
}

function partOf(address: string, part: 'all' | 'localpart' | 'domain'): string {
  const at = address.lastIndexOf('@');
  if (part === 'all') return address;
  if (part === 'localpart') return at < 0 ? address : address.slice(0, at);
  return at < 0 ? '' : address.slice(at + 1);
}

function fits(match: Match, values: readonly string[], keys: readonly string[]): boolean {
  const folded = keys.map(fold);
  return values.some((value) => folded.some((key) => COMPARE[match](fold(value), key)));
}

const COMPARE: Readonly<Record<Match, (value: string, key: string) => boolean>> = {
  is: (value, key) => value === key,
  contains: (value, key) => value.includes(key),
  matches: glob,
};

/** `i;ascii-casemap`: only ASCII letters lose their case. */
function fold(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/**
 * Whether `value` fits a pattern of `*` (anything) and `?` (one character); a backslash takes the next character as it is. Goes back
 * only to the last star, so that its time is at most the product of the two lengths.
 */
export function glob(value: string, pattern: string): boolean {
  const wanted = [...pattern.matchAll(/\\(.)|./gsu)].map(([whole, escaped]) => ({
    text: escaped ?? whole,
    wild: escaped === undefined && (whole === '*' || whole === '?'),
  }));
  const points = [...value];
  let [at, place, star, held] = [0, 0, -1, 0];
  while (at < points.length) {
    const want = wanted[place];
    if (want?.wild && want.text === '*') {
      [star, held] = [place, at];
      place += 1;
    } else if (want !== undefined && (want.wild || want.text === points[at])) {
      at += 1;
      place += 1;
    } else if (star >= 0) {
      held += 1;
      [at, place] = [held, star + 1];
    } else return false;
  }
  return wanted.slice(place).every(({ wild, text }) => wild && text === '*');
}
