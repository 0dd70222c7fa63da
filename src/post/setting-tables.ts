// The tables of a configuration file as zod objects: made so that a file may leave them out, and looked into.

import { z } from 'zod';

/** A table of the file, which may be left out. */
export function settingTable<T>(schema: z.ZodType<T>, about: string): z.ZodType<T> {
  return schema.prefault({}).meta({ about });
}

/** What stands in a table of the schema, by key, in order; undefined when it is a single setting. */
export function fieldsOf(schema: z.core.$ZodType): Readonly<Record<string, z.ZodType>> | undefined {
  if (schema instanceof z.ZodObject) return schema.shape as Record<string, z.ZodType>;
  if (schema instanceof z.ZodPrefault) return fieldsOf(schema.unwrap());
  if (schema instanceof z.ZodPipe) return fieldsOf(schema.in);
  return undefined;
}
