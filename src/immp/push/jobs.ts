// What waits to go out to subscribers and publishers elsewhere, as the queue holds it.   spec: immp 2.10

import * as z from 'zod';

const jobShape = z.discriminatedUnion('kind', [
  /** Something was published: each domain with subscribers gets a job of its own. */
  z.object({ kind: z.literal('spread'), node: z.string(), item: z.string() }),
  /** An item for the subscribers of one domain. */
  z.object({
    kind: z.literal('domain'),
    node: z.string(),
    item: z.string(),
    domain: z.string(),
    /** The place of the last subscriber who is settled. */
    after: z.int().default(0),
    /** Subscribers before that place who are not: their servers had no room, or no time. */
    again: z.array(z.int()).default([]),
  }),
  /** One push of a user. */
  z.object({
    kind: z.literal('push'),
    to: z.string(),
    from: z.string(),
    id: z.string().optional(),
    title: z.string().optional(),
    /** The UUID of the push, by which the other side knows it again. */
    name: z.string(),
    type: z.string(),
    importance: z.enum(['important', 'low']).optional(),
    secure: z.boolean(),
    /** Base64. */
    block: z.string(),
    /** The account that hears of failure. */
    sender: z.string(),
    /** What went wrong the last time. */
    failure: z.string().optional(),
  }),
  /** A subscription that ended here. */
  z.object({ kind: z.literal('unsubscribe'), domain: z.string(), id: z.string() }),
]);

export type PushJob = z.infer<typeof jobShape>;
export type JobOf<Kind extends PushJob['kind']> = Extract<PushJob, { kind: Kind }>;

export function writeJob(job: PushJob): Buffer {
  return Buffer.from(JSON.stringify(job));
}

export function readJob(octets: Uint8Array): PushJob {
  return jobShape.parse(JSON.parse(Buffer.from(octets).toString('utf8')));
}
