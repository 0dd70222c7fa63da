// One command: from its words to a value, and back to text.   spec: immp 2.15

import { asciiUpper } from './ascii.ts';
import { WireError } from './errors.ts';
import { type Command, type Form, forms, type Word } from './forms.ts';
import { type Kind, readSwitch } from './kind.ts';

type Values = Record<string, unknown>;

/** A step of a form's line: a keyword, or an argument. */
type Step = { readonly keyword: string } | { readonly argument: string; readonly kind: Kind<unknown> };

const WORDS = Object.keys(forms) as readonly Word[];
const KEYWORDS: ReadonlySet<string> = new Set(WORDS.map((word) => word.split(' ', 1).join()));
const LINES = WORDS.flatMap((word) => linesOf(word));

function linesOf(word: Word) {
  const form: Form = forms[word];
  return form.lines.map((line) => {
    const steps = line.split(' ').map((step): Step => {
      const argument = /^\{(.*)\}$/.exec(step)?.[1];
      if (argument === undefined) return { keyword: step };
      const kind = form.must?.[argument] ?? form.may?.[argument];
      if (kind === undefined) throw new Error(`${word} has no argument ${argument}`);
      return { argument, kind };
    });
    return { word, form, steps };
  });
}

/** Reads the words of one command, pipeline left off. Throws WireError. */
export function readCommand(words: readonly string[]): Command {
  const written = sameWords(words);
  const known = KEYWORDS.has(asciiUpper(written[0] ?? ''));
  for (const { word, form, steps } of LINES) {
    const values = known ? readLine(steps, form, written) : undefined;
    if (values !== undefined) return { word, ...values } as Command;
  }
  throw known
    ? new WireError('701', 'that is not how this command is written')
    : new WireError('702', 'there is no such command');
}

/** Three commands have a second name.   spec: immp 2.1 */
function sameWords(words: readonly string[]): readonly string[] {
  const [first = '', ...rest] = words;
  switch (asciiUpper(first)) {
    case 'AUTHENTICATE':
      return ['AUTH', ...rest];
    case 'FETCH':
      return ['MBOX', ...words];
    case 'SUBSCRIBE':
      return rest.length === 0 ? [first, 'LIST'] : words;
    default:
      return words;
  }
}
function readLine(steps: readonly Step[], form: Form, words: readonly string[]): Values | undefined {
  const values: Values = {};
  for (const [at, step] of steps.entries()) {
    const word = words[at];
    if (word === undefined) return undefined;
    if ('keyword' in step) {
      if (asciiUpper(word) !== step.keyword) return undefined;
    } else {
      const value = step.kind.read(word);
      if (value === undefined) return undefined;
      values[step.argument] = value;
    }
  }
  return readRest(form, words.slice(steps.length), values);
}

/** Named arguments in any order, each once, and switches. */
function readRest(form: Form, words: readonly string[], values: Values): Values | undefined {
  const switches: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    const asSwitch = form.switches ? readSwitch(word) : undefined;
    if (asSwitch !== undefined) {
      switches.push(asSwitch);
      continue;
    }
    const named = readNamed(form, word, words[at + 1]) ?? (at === 0 ? readBare(form, word) : undefined);
    if (named === undefined || named.name in values) return undefined;
    values[named.name] = named.value;
    at += named.words - 1;
  }
  return form.switches ? { ...values, switches } : values;
}

interface Named {
  readonly name: string;
  readonly value: unknown;
  readonly words: number;
}

function readNamed({ named = {} }: Form, keyword: string, word: string | undefined): Named | undefined {
  const name = Object.keys(named).find((each) => each.toUpperCase() === asciiUpper(keyword));
  const value = name === undefined || word === undefined ? undefined : named[name]?.read(word);
  return name === undefined || value === undefined ? undefined : { name, value, words: 2 };
}

function readBare({ named = {}, bare }: Form, word: string): Named | undefined {
  const value = bare === undefined ? undefined : named[bare]?.read(word);
  return bare === undefined || value === undefined ? undefined : { name: bare, value, words: 1 };
}

/** The command as text, without pipeline and line end. Throws WireError 701 for a value that no word can hold. */
export function writeCommand(command: Command): string {
  const { word, switches = [], ...values }: Values & { word: Word; switches?: readonly string[] } = { ...command };
  const line = LINES.find(
    (each) =>
      each.word === word && each.steps.every((step) => 'keyword' in step || values[step.argument] !== undefined),
  );
  const steps = line?.steps.map((step) =>
    'keyword' in step ? step.keyword : writeValue(step.kind, values[step.argument]),
  );
  const named = Object.entries((line?.form.named ?? {}) as Record<string, Kind<unknown>>)
    .filter(([name]) => values[name] !== undefined)
    .map(([name, kind]) => `${name.toUpperCase()} ${writeValue(kind, values[name])}`);
  if (switches.some((each) => readSwitch(each) === undefined)) throw new WireError('701', 'that is no switch');
  return [...(steps ?? []), ...named, ...switches].join(' ');
}

function writeValue(kind: Kind<unknown>, value: unknown): string {
  const word = kind.write(value);
  if (kind.read(word) === undefined) throw new WireError('701', 'a value has no form in the grammar');
  return word;
}
