// The hand-kept outline of each specification (docs/coverage.toml): its sections in our words, and what to note about some.

import { parse } from 'smol-toml';
import * as z from 'zod';

const sectionNumber = z.string().regex(/^\d+(\.\d+)*$/, 'a section is digits with dots');

const outlineSchema = z.record(
  z.string(),
  z.strictObject({
    title: z.string(),
    /** Number to short title. */
    sections: z.record(sectionNumber, z.string()),
    /** Sections that rule nothing. */
    informative: z.array(sectionNumber).default([]),
    /** Examples and vectors, which tests alone carry out. */
    examples: z.array(sectionNumber).default([]),
    notes: z
      .record(sectionNumber, z.strictObject({ state: z.enum(['partly', 'no']).optional(), note: z.string() }))
      .default({}),
    /** Words of the wire, each with the section that rules it. */
    words: z.record(z.string(), sectionNumber).default({}),
  }),
);

export type Outlines = z.infer<typeof outlineSchema>;
export type Outline = Outlines[string];

/** Throws when the text is no TOML or not of this form. */
export function parseOutlines(text: string): Outlines {
  return outlineSchema.parse(parse(text));
}

/** What is wrong in the outlines themselves: things said about sections that are not there. One line each. */
export function outlineProblems(outlines: Outlines): string[] {
  return Object.entries(outlines).flatMap(([name, { sections, informative, examples, notes, words }]) =>
    [...informative, ...examples, ...Object.keys(notes), ...Object.values(words)]
      .filter((number) => sections[number] === undefined)
      .map((number) => `docs/coverage.toml says something about ${name} ${number}, which is not among its sections`),
  );
}

/**
 * The sections that a citation of `number` speaks for: itself, or, when it is only a heading, those under it.
 * None when the outline has neither.
 */
export function sectionsMeant({ sections }: Outline, number: string): string[] {
  if (sections[number] !== undefined) return [number];
  return Object.keys(sections).filter((each) => each.startsWith(`${number}.`));
}

/** Section numbers in the order of a table of contents. */
export function bySection(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
