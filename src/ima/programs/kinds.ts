// The kinds of value that a program's configuration holds, without the library that checks an office's: loading that takes longer than a
// program that runs for each message may take. They read what is right; what is wrong is explained the long way.   spec: ima 2.12

import { parseSize } from '../../base/text.ts';
import { type Endpoint, formatEndpoint, parseEndpoint } from '../../net/endpoint.ts';
import type { Written } from '../../post/setting-kinds.ts';

const MAX_TEXT = 4096;
const MAX_LIST = 1000;

export interface Kind<T> {
  /** What the setting is for. */
  readonly about: string;
  /** The default, as it stands in the file. */
  readonly written: Written;
  /** What to write, for somebody who wrote something else. */
  readonly help: string;
  /** The value of what stands in the file; undefined when it is none. */
  read(given: unknown): T | undefined;
}

/** Octets, written `"10 MiB"`. */
export function size(byDefault: string, about: string): Kind<number> {
  const help = 'write a size with its unit, such as "512 KiB" or "10 MiB"';
  return { about, help, written: byDefault, read: (given) => (isText(given) ? parseSize(given) : undefined) };
}

/** A whole number. */
export function count(byDefault: number, about: string, { min = 0, max = Number.MAX_SAFE_INTEGER } = {}): Kind<number> {
  const help =
    max === Number.MAX_SAFE_INTEGER
      ? `write a whole number, ${min} or more`
      : `write a whole number from ${min} to ${max}`;
  const fits = (given: unknown): given is number => Number.isSafeInteger(given) && Number(given) >= min;
  return { about, help, written: byDefault, read: (given) => (fits(given) && given <= max ? given : undefined) };
}

export function flag(byDefault: boolean, about: string): Kind<boolean> {
  const help = 'write true or false';
  return { about, help, written: byDefault, read: (given) => (typeof given === 'boolean' ? given : undefined) };
}

export function text(byDefault: string, about: string): Kind<string> {
  const help = `write a text in quotation marks, of at most ${MAX_TEXT} characters`;
  return { about, help, written: byDefault, read: (given) => (isText(given) ? given : undefined) };
}

export function choice<const Choice extends string>(
  values: readonly Choice[],
  byDefault: NoInfer<Choice>,
  about: string,
): Kind<Choice> {
  const help = `write one of ${values.map((value) => `"${value}"`).join(', ')}`;
  return { about, help, written: byDefault, read: (given) => values.find((value) => value === given) };
}

/** A list of texts, each of which `read` turns into a value or, when it is none, into undefined. */
export function list<T>(
  read: (text: string) => T | undefined,
  help: string,
  byDefault: readonly string[],
  about: string,
): Kind<T[]> {
  return {
    ...{ about, help, written: [...byDefault] },
    read(given) {
      if (!Array.isArray(given) || given.length > MAX_LIST) return undefined;
      const values = given.map((one: unknown) => (isText(one) ? read(one) : undefined));
      const right = values.filter((value) => value !== undefined);
      return right.length === values.length ? right : undefined;
    },
  };
}

/** Where to listen: a list of `"host:port"`, an IPv6 address in brackets; none twice. */
export function endpoints(byDefault: readonly string[], about: string): Kind<Endpoint[]> {
  const help = 'write a list of different addresses with ports, such as ["127.0.0.1:1234", "[::1]:1234"]';
  const kind = list(parseEndpoint, help, byDefault, about);
  return {
    ...kind,
    read(given) {
      const places = kind.read(given);
      const fixed = places?.filter(({ port }) => port !== 0).map(formatEndpoint) ?? []; // the system never chooses one twice
      return new Set(fixed).size === fixed.length ? places : undefined;
    },
  };
}

function isText(given: unknown): given is string {
  return typeof given === 'string' && given.length <= MAX_TEXT;
}

/** The kinds of a table's settings, by name. */
export type Kinds = Readonly<Record<string, Kind<unknown>>>;
/** The values of such a table. */
export type ValuesOf<Table extends Kinds> = {
  readonly [Name in keyof Table]: Table[Name] extends Kind<infer T> ? T : never;
};

/** A table as the file has it, the defaults where it says nothing; undefined when anything in it is not right. */
export function readSettings<Table extends Kinds>(kinds: Table, given: object): ValuesOf<Table> | undefined {
  if (!Object.keys(given).every((name) => Object.hasOwn(kinds, name))) return undefined;
  const file = given as Readonly<Record<string, unknown>>;
  const values = Object.entries(kinds).map(([name, { read, written }]) => [name, read(file[name] ?? written)] as const);
  return values.every(([, value]) => value !== undefined) ? (Object.fromEntries(values) as ValuesOf<Table>) : undefined;
}
