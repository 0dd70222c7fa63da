// The way of a message through servers: what each hands to the next in the part named `envelope`, and when it goes in a circle.
// spec: immp 1.9, 2.8

import * as z from 'zod';
import type { Envelope } from '../mail/message.ts';
import { domain } from '../wire/imid.ts';

/** spec: immp 2.8 */
const MAX_STATIONS = 20;
const MAX_OWN = 2;

const name = z
  .string()
  .max(253)
  .refine((text) => domain.read(text) !== undefined)
  .transform((text) => text.toLowerCase());

const schema = z.object({
  'immp-origin': name.optional(),
  'received-via': z
    .array(z.object({ domain: name, timestamp: z.iso.datetime({ offset: true }) }))
    .max(2 * MAX_STATIONS)
    .optional(),
});

const nested = z.object({ envelope: z.object({}).loose() });

export type Stations = NonNullable<Envelope['received-via']>;

export interface Trace {
  /** The domain that vouched for the sender at first. */
  readonly origin: string | undefined;
  readonly via: Stations;
}

const NOWHERE: Trace = { origin: undefined, via: [] };

/** Of the part's octets; nothing when it says nothing, or what makes no sense. */
export function readTrace(octets: Uint8Array | undefined): Trace {
  if (octets === undefined) return NOWHERE;
  try {
    const json: unknown = JSON.parse(Buffer.from(octets).toString('utf8'));
    const read = schema.parse(nested.safeParse(json).data?.envelope ?? json); // that of a sealed message is one level down
    return { origin: read['immp-origin'], via: read['received-via'] ?? [] };
  } catch {
    return NOWHERE;
  }
}

/** True when the message has been at too many servers, or too often at this one. */
export function isCircle(via: Stations, here: string): boolean {
  return via.length >= MAX_STATIONS || via.filter((station) => station.domain === here).length >= MAX_OWN;
}
