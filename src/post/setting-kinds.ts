// The kinds of value that a configuration file holds. Each kind is a zod type whose input is what the TOML says and whose
// output is what the program uses; its meta keeps what the setting is for and its default as people write it.

import { z } from 'zod';
import { parseDuration, parseSize } from '../base/text.ts';
import type { Rate } from '../base/token-bucket.ts';
import { type Endpoint, formatEndpoint, parseEndpoint } from '../net/endpoint.ts';

const MAX_TEXT = 4096;
const MAX_ENDPOINTS = 64;
const MAX_LIST = 1000;

export type Written = string | number | boolean | readonly string[];

/** What the configuration template says of a setting. */
export interface SettingMeta {
  /** One or more sentences for the person who edits the file. */
  readonly about: string;
  /** The default, as it stands in the TOML. */
  readonly written: Written;
}

/** Octets, written `"10 MiB"`. */
export function sizeSetting(byDefault: string, about: string): z.ZodType<number> {
  const size = spelled(parseSize, 'write a size with its unit, such as "512 KiB" or "10 MiB"');
  return setting(size, { about, written: byDefault });
}

/** Milliseconds, written `"90 d"`. */
export function durationSetting(byDefault: string, about: string): z.ZodType<number> {
  const duration = spelled(parseDuration, 'write a time with its unit: "500 ms", "30 s", "10 min", "2 h" or "90 d"');
  return setting(duration, { about, written: byDefault });
}

/** How often something may happen, written `"60/h"` or `"30/10 min"`. */
export function rateSetting(byDefault: string, about: string): z.ZodType<Rate> {
  return setting(spelled(parseRate, 'write how many in what time, such as "60/h" or "30/min"'), {
    about,
    written: byDefault,
  });
}

/** Where to listen: a list of `"host:port"`, an IPv6 address in brackets. */
export function endpointsSetting(byDefault: readonly string[], about: string): z.ZodType<Endpoint[]> {
  const help = 'write a list of addresses with ports, such as ["127.0.0.1:1234", "[::1]:1234"]';
  const endpoint = spelled((text) => parseEndpoint(text), help);
  const list = z.array(endpoint, { error: help }).max(MAX_ENDPOINTS, { error: `at most ${MAX_ENDPOINTS} addresses` });
  return setting(list.refine(allDifferent, { error: 'the same address stands there twice' }), {
    about,
    written: [...byDefault],
  });
}

export function flagSetting(byDefault: boolean, about: string): z.ZodType<boolean> {
  return setting(z.boolean({ error: 'write true or false' }), { about, written: byDefault });
}

/** A whole number, 0 or more unless told otherwise. */
export function countSetting(
  byDefault: number,
  about: string,
  { min = 0, max = Number.MAX_SAFE_INTEGER }: { min?: number; max?: number } = {},
): z.ZodType<number> {
  const error =
    max === Number.MAX_SAFE_INTEGER
      ? `write a whole number, ${min} or more`
      : `write a whole number from ${min} to ${max}`;
  return setting(z.int({ error }).min(min, { error }).max(max, { error }), { about, written: byDefault });
}

export function textSetting(byDefault: string, about: string): z.ZodType<string> {
  const text = z.string({ error: 'write a text in quotation marks' });
  return setting(text.max(MAX_TEXT, { error: `at most ${MAX_TEXT} characters` }), { about, written: byDefault });
}

/** A list of texts, each of which `read` turns into a value or, when it is none, into undefined; `help` says what to write. */
export function listSetting<T>(
  read: (text: string) => T | undefined,
  help: string,
  byDefault: readonly string[],
  about: string,
): z.ZodType<T[]> {
  const list = z.array(spelled(read, help), { error: help }).max(MAX_LIST, { error: `at most ${MAX_LIST} of them` });
  return setting(list, { about, written: [...byDefault] });
}

export function choiceSetting<const Choice extends string>(
  values: readonly Choice[],
  byDefault: NoInfer<Choice>,
  about: string,
): z.ZodType<Choice> {
  return setting(z.enum(values, { error: `write one of ${quoted(values)}` }), { about, written: byDefault });
}

/** Any number of the choices, each at most once. */
export function choicesSetting<const Choice extends string>(
  values: readonly Choice[],
  byDefault: readonly NoInfer<Choice>[],
  about: string,
): z.ZodType<Choice[]> {
  const error = `write a list of any of ${quoted(values)}`;
  const list = z.array(z.enum(values, { error }), { error }).transform((chosen) => [...new Set(chosen)]);
  return setting(list, { about, written: [...byDefault] });
}

/** What `setting` noted of a schema made here; undefined for any other. */
export function settingMeta(schema: z.ZodType): SettingMeta | undefined {
  const { about, written } = schema.meta() ?? {};
  return typeof about === 'string' && written !== undefined ? { about, written: written as Written } : undefined;
}

/** `60/h` and `30/10 min`; undefined when it is neither. */
function parseRate(text: string): Rate | undefined {
  const [, count, time] = /^\s*(\d{1,9})\s*\/\s*([^/]+)$/.exec(text) ?? [];
  if (count === undefined || time === undefined) return undefined;
  const per = parseDuration(time) ?? parseDuration(`1 ${time}`);
  return per === undefined || per === 0 ? undefined : { count: Number(count), per };
}

/** Where the system chooses the port, two are never the same. */
function allDifferent(endpoints: readonly Endpoint[]): boolean {
  const fixed = endpoints.filter(({ port }) => port !== 0).map(formatEndpoint);
  return new Set(fixed).size === fixed.length;
}

function quoted(values: readonly string[]): string {
  return values.map((value) => `"${value}"`).join(', ');
}

/** A value that stands in the file as a text and is read by `parse`. */
function spelled<T>(parse: (text: string) => T | undefined, help: string) {
  return z.string({ error: help }).transform((text, context): T => {
    const value = parse(text);
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: help, input: text });
    return z.NEVER;
  });
}

/** The default runs through the same parser as what people write. */
function setting<T>(schema: z.ZodType<T>, meta: SettingMeta): z.ZodType<T> {
  return schema.prefault(meta.written).meta({ ...meta });
}
