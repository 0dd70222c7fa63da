// Reads the entries of one section by name and kind, and knows afterwards which of them nobody asked for.

import { messageOf } from '../../base/errors.ts';
import type { Entry, Section } from './config-format.ts';
import { DirectoryError } from './errors.ts';
import type { Kind } from './value-kinds.ts';

export class SectionReader {
  readonly name: string;
  readonly #entries: readonly Entry[];
  readonly #asked = new Set<string>();

  constructor(section: Section) {
    this.name = section.name;
    this.#entries = section.entries;
  }

  /** The value of the one entry `key`. Throws DirectoryError `value` when it is missing, there twice, or not of its kind. */
  required<T>(key: string, kind: Kind<T>): T {
    const value = this.optional(key, kind);
    if (value === undefined) throw new DirectoryError('value', `[${this.name}] lacks ${key}`);
    return value;
  }

  /** As `required`, but undefined when it is missing. */
  optional<T>(key: string, kind: Kind<T>): T | undefined {
    const values = this.many([key], kind);
    if (values.length > 1) throw new DirectoryError('value', `[${this.name}] has ${key} twice`);
    return values[0]?.value;
  }

  /** The values of all entries with one of the `keys`, in order. */
  many<T>(keys: readonly string[], kind: Kind<T>): { readonly key: string; readonly value: T }[] {
    for (const key of keys) this.#asked.add(key);
    return this.#entries
      .filter(({ key }) => keys.includes(key))
      .map(({ key, value }) => ({ key, value: this.#read(key, value, kind) }));
  }

  /** The keys that nobody asked for. */
  unknown(): string[] {
    return this.#entries.map(({ key }) => key).filter((key) => !this.#asked.has(key));
  }

  #read<T>(key: string, value: string, kind: Kind<T>): T {
    try {
      return kind(value);
    } catch (cause) {
      if (!(cause instanceof DirectoryError)) throw cause;
      throw new DirectoryError(cause.code, `[${this.name}] ${key}: ${messageOf(cause)}`, { cause });
    }
  }
}

/** A reader for each section, by name. Throws DirectoryError `format` when a section is there twice. */
export function readersOf(sections: readonly Section[]): Map<string, SectionReader> {
  const readers = new Map(sections.map((section) => [section.name, new SectionReader(section)]));
  if (readers.size < sections.length) throw new DirectoryError('format', 'a section is there twice');
  return readers;
}
