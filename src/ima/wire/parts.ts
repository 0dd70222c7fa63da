// The `part` header: how long a part of the data is, what it is for, its type and its name. Pure.   spec: ima 2.2, 2.14

import { readNumber } from './names.ts';

export const ROLES = ['body', 'alt', 'inline', 'attachment'] as const;
export type Role = (typeof ROLES)[number];

export interface PartHead {
  readonly size: number;
  readonly role: Role;
  /** `text/plain`, with parameters behind semicolons: `text/plain;format=flowed`. */
  readonly type: string;
  /** As people know it. For showing: never a path to write to. */
  readonly name?: string;
}

const TOKEN = '[A-Za-z0-9!#$&\\-^_.+]+';
const typeForm = new RegExp(`^${TOKEN}/${TOKEN}(?:;${TOKEN}=${TOKEN})*$`);
const nameForm = /^(?:[A-Za-z0-9\-._~]|%[0-9A-Fa-f]{2})+$/;
const UNESCAPED = /[!'()*]/g; // what encodeURIComponent leaves and RFC 3986 reserves

export function isType(text: string): boolean {
  return typeForm.test(text);
}

/** Undefined when the value is no part. */
export function parsePart(value: string): PartHead | undefined {
  const [digits = '', role = '', type = '', encoded, ...more] = value.split(' ');
  const size = readNumber(digits);
  const known = ROLES.find((name) => name === role.toLowerCase());
  if (size === undefined || known === undefined || !isType(type) || more.length > 0) return undefined;
  if (encoded === undefined) return { size, role: known, type };
  const name = nameForm.test(encoded) ? decoded(encoded) : undefined;
  return name === undefined ? undefined : { size, role: known, type, name };
}

export function formatPart({ size, role, type, name }: PartHead): string {
  return [size, role, type, ...(name === undefined || name === '' ? [] : [encoded(name)])].join(' ');
}

function encoded(name: string): string {
  return encodeURIComponent(name.toWellFormed()).replace(
    UNESCAPED,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function decoded(name: string): string | undefined {
  try {
    return decodeURIComponent(name);
  } catch {
    return undefined; // not UTF-8
  }
}
