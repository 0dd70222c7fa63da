// The part named `envelope`: what a sender says of the message besides its data. Unchecked, and taken within limits.   spec: immp 2.8

import * as z from 'zod';
import { Refusal } from '../codes.ts';
import type { Envelope } from './message.ts';

export const ENVELOPE_NAME = 'envelope';
export const ENVELOPE_TYPE = 'application/vnd.immp.envelope+json';
export const ENVELOPE_LIMIT = 64 * 1024;

const MAX_TEXT = 2000;
const MAX_LIST = 500;

const text = z.string().max(MAX_TEXT);
const list = z.union([text.transform((one) => [one]), z.array(text).max(MAX_LIST)]);

const schema = z.object({
  subject: text.optional(),
  from: text.optional(),
  to: list.optional(),
  cc: list.optional(),
  'reply-to': text.optional(),
  date: z.iso.datetime({ offset: true }).optional(),
  'in-reply-to': text.optional(),
  references: list.optional(),
  headers: z.record(text, text).optional(),
});

type Said = Omit<Partial<Envelope>, 'from' | 'to'>;

/** What goes into the stored envelope. Throws Refusal 471, or 403 when it names another sender than FROM does. */
export function readEnvelopePart(octets: Buffer, from: string | undefined): Said {
  let found: z.infer<typeof schema>;
  try {
    found = schema.parse(JSON.parse(octets.toString('utf8')));
  } catch (cause) {
    throw new Refusal('471', { text: 'Bad data block: the envelope cannot be read', cause });
  }
  const { from: named, to, ...said } = found;
  if (named !== undefined && named.toLowerCase() !== from?.toLowerCase()) {
    throw new Refusal('403', { text: 'Not allowed: the envelope names another sender' });
  }
  const given = Object.entries({ ...said, 'addressed-to': to }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as Said;
}
