// What every engine accepts: lengths and counts, and the one place that checks them. Beyond them: StoreError `invalid`.

import { StoreError } from './errors.ts';

/** Octets of a mailbox's id and of every other name: folder, flag, queue, job, set, owner, document. */
const MAX_NAME = 255;
/** Octets of a key in a seen-set or a duplicate rule. */
const MAX_KEY = 255;
const MAX_FLAGS = 64;
const MAX_INDEX = 64 * 1024;
const MAX_DOCUMENT = 1024 * 1024;
const MAX_JOB = 16 * 1024 * 1024;
const MAX_PAGE = 1000;
/** Bodies are kept in pieces of this many octets, and those no longer than one piece arrive with their append. */
export const CHUNK = 64 * 1024;

const CONTROL = /\p{Cc}/u;

function invalid(what: string): never {
  throw new StoreError('invalid', `the store does not take ${what}`);
}

/** A name of 1 to 255 octets of well-formed text without control characters. */
export function checkName(name: string): string {
  if (name.length === 0) invalid('an empty name');
  if (Buffer.byteLength(name) > MAX_NAME) invalid(`a name of more than ${MAX_NAME} octets`);
  if (!name.isWellFormed() || CONTROL.test(name)) invalid('a name with control characters or broken text');
  return name;
}

/** Flags without repetition, in order. */
export function checkFlags(flags: readonly string[]): string[] {
  const distinct = [...new Set(flags.map(checkName))].sort();
  if (distinct.length > MAX_FLAGS) invalid(`more than ${MAX_FLAGS} flags`);
  return distinct;
}

function octets(what: string, most: number): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => (bytes.byteLength > most ? invalid(`${what} of more than ${most} octets`) : bytes);
}

export const checkKey = octets('a key', MAX_KEY);
export const checkIndex = octets('an index entry', MAX_INDEX);
export const checkDocument = octets('a document', MAX_DOCUMENT);
export const checkJob = octets('a job', MAX_JOB);

/** How many to list at once: 1 to 1000. */
export function checkLimit(limit: number): number {
  return Number.isInteger(limit) && limit >= 1 && limit <= MAX_PAGE ? limit : invalid(`a limit of ${limit}`);
}

/** A time, a size or a count: a whole number that is not negative. */
export function checkWhole(value: number): number {
  return Number.isSafeInteger(value) && value >= 0 ? value : invalid(`${value} where a whole number is due`);
}
