// Mutations: from one input to another that is a little different. All chance comes from the draws.

import type { Draw } from './draw.ts';

export interface Material {
  readonly draw: Draw;
  /** Any input that is kept, to take pieces from. */
  other(): Buffer;
  /** Words that the format is likely to know. */
  readonly words: readonly Buffer[];
  /** Octets; a longer result is cut. */
  readonly maxLength: number;
}

/** May write into `input`, which is a copy of its own. */
type Mutation = (input: Buffer, material: Material) => Buffer;

/** Up to 2 ** (MAX_DEPTH - 1) mutations one after the other, few as often as many. */
const MAX_DEPTH = 4;
/** Octets in an inserted or repeated run. */
const MAX_RUN = 64;

/** A changed copy of `input`. */
export function mutate(input: Buffer, material: Material): Buffer {
  let changed: Buffer = Buffer.from(input);
  for (let left = 1 << material.draw(MAX_DEPTH); left > 0; left -= 1) {
    const mutation = MUTATIONS[material.draw(MUTATIONS.length)] as Mutation;
    changed = mutation(changed, material);
    if (changed.length > material.maxLength) changed = changed.subarray(0, material.maxLength);
  }
  return changed;
}

/** Octets at the beginning of an input that are tried with all their values: there formats keep what they check. */
const WALKED = 32;

/** `input` with every other value for each of its first octets in turn, or for one more at its end. */
export function* walk(input: Buffer): Generator<Buffer, undefined> {
  for (let at = 0; at <= input.length && at < WALKED; at += 1) {
    for (let octet = 0; octet < 256; octet += 1) {
      if (input[at] !== octet) yield replace(input, at, 1, Buffer.of(octet));
    }
  }
}

const changeOctet =
  (change: (octet: number, draw: Draw) => number): Mutation =>
  (input, { draw }) => {
    const at = draw(input.length);
    if (at < input.length) input[at] = change(input[at] ?? 0, draw);
    return input;
  };

/** A new Buffer in which `piece` stands for the `length` octets from `start`. */
function replace(input: Buffer, start: number, length: number, piece: Uint8Array): Buffer {
  return Buffer.concat([input.subarray(0, start), piece, input.subarray(start + length)]);
}

/** A range of `input` that is short more often than long. */
function range(input: Buffer, draw: Draw): { start: number; length: number } {
  const start = draw(input.length);
  return { start, length: Math.min(input.length - start, 1 + draw(1 + draw(input.length))) };
}

const removeRange: Mutation = (input, { draw }) => {
  const { start, length } = range(input, draw);
  return replace(input, start, length, Buffer.alloc(0));
};

const copyRange: Mutation = (input, { draw }) => {
  const { start, length } = range(input, draw);
  return replace(input, draw(input.length + 1), 0, input.subarray(start, start + length));
};

const repeatRange: Mutation = (input, { draw }) => {
  const { start, length } = range(input, draw);
  const piece = input.subarray(start, start + Math.min(length, MAX_RUN));
  return replace(input, start, 0, Buffer.concat(Array.from({ length: 1 + draw(MAX_RUN) }, () => piece)));
};

const insertOctets: Mutation = (input, { draw }) => {
  const piece = Buffer.alloc(1 + draw(draw(MAX_RUN) + 1), draw(256));
  if (draw(2) === 0) for (let at = 0; at < piece.length; at += 1) piece[at] = draw(256);
  return replace(input, draw(input.length + 1), 0, piece);
};

const splice: Mutation = (input, { draw, other }) => {
  const second = other();
  return Buffer.concat([input.subarray(0, draw(input.length + 1)), second.subarray(draw(second.length + 1))]);
};

const insertFromOther: Mutation = (input, { draw, other }) => {
  const second = other();
  const { start, length } = range(second, draw);
  return replace(input, draw(input.length + 1), 0, second.subarray(start, start + length));
};

/** Writes a word over what is there, or between. */
const putWord: Mutation = (input, { draw, words }) => {
  const word = words[draw(words.length)];
  if (word === undefined) return input;
  return replace(input, draw(input.length + 1), draw(2) * word.length, word);
};

/** Values at which programs change their mind: around powers of two, in one, two or four octets of either order. */
const putNumber: Mutation = (input, { draw }) => {
  const width = [1, 2, 4][draw(3)] ?? 1;
  const value = 2 ** draw(8 * width + 1) - 2 + draw(4);
  const piece = Buffer.alloc(width);
  piece.writeUIntBE(((value % 2 ** (8 * width)) + 2 ** (8 * width)) % 2 ** (8 * width), 0, width);
  return replace(input, draw(input.length + 1), draw(4) === 0 ? 0 : width, draw(2) === 0 ? piece : piece.reverse());
};

/** Writes another decimal number in the place of one that stands in the text. */
const changeDecimal: Mutation = (input, { draw }) => {
  const numbers = [...input.toString('latin1').matchAll(/\d+/g)];
  const chosen = numbers[draw(numbers.length)];
  if (chosen === undefined) return input;
  const old = Number(chosen[0].slice(0, 15));
  const value = [old + 1, Math.max(0, old - 1), old * 10, 0, 2 ** draw(54), 10 ** draw(21)][draw(6)];
  return replace(input, chosen.index, chosen[0].length, Buffer.from(BigInt(value ?? 0).toString()));
};

const MUTATIONS: readonly Mutation[] = [
  changeOctet((octet, draw) => octet ^ (1 << draw(8))),
  changeOctet((_, draw) => draw(256)),
  changeOctet((octet, draw) => octet + draw(33) - 16),
  removeRange,
  removeRange,
  copyRange,
  repeatRange,
  insertOctets,
  splice,
  insertFromOther,
  putWord,
  putWord,
  putWord,
  putNumber,
  changeDecimal,
];
