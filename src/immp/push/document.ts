// A document of an account that several conversations may change at once.

import type { z } from 'zod';
import type { Store } from '../../store/store.ts';
import { Refusal } from '../codes.ts';

const CHANGE_TRIES = 20;

/** What the document holds; what an empty one would when there is none. */
export async function readDocument<Shape extends z.ZodType>(
  { documents }: Pick<Store, 'documents'>,
  owner: string,
  name: string,
  shape: Shape,
): Promise<z.infer<Shape>> {
  const found = await documents.get(owner, name);
  return shape.parse(found === undefined ? {} : JSON.parse(found.value.toString()));
}

/**
 * Writes what `change` makes of it, and gives back what `change` gave besides; `change` may run several times. Undefined as the
 * new content leaves it as it is. Durable when this resolves. Throws Refusal 451 when others change it all the time.
 */
export async function changeDocument<Shape extends z.ZodType, Result>(
  { documents }: Pick<Store, 'documents'>,
  owner: string,
  name: string,
  shape: Shape,
  change: (before: z.infer<Shape>) => readonly [after: z.infer<Shape> | undefined, result: Result],
): Promise<Result> {
  for (let tries = 0; tries < CHANGE_TRIES; tries += 1) {
    const found = await documents.get(owner, name);
    const [after, result] = change(shape.parse(found === undefined ? {} : JSON.parse(found.value.toString())));
    if (after === undefined) return result;
    const octets = Buffer.from(JSON.stringify(after));
    if ((await documents.put(owner, name, octets, found?.version ?? 0)) !== undefined) return result;
  }
  throw new Refusal('451');
}
