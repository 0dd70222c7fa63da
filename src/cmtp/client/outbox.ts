// The outbox of this client. What waits is a message for its reader or, while the reader's key is not known, a draft: the same
// message sealed to its writer, under a version that no message on the wire has.

import { join } from 'node:path';
import { z } from 'zod';
import { type Outbox, trials, type Waiting } from '../../base/outbox.ts';
import { addressShape, type Home } from './home.ts';

const DRAFT_VERSION = 0xffffffff;
const MESSAGE_VERSION = 1;

const shape = z.object({
  from: addressShape,
  to: addressShape,
  /** Takes the reader's key even if it is another than before. */
  takesNewKey: z.boolean(),
  ...trials,
});

export type Note = z.infer<typeof shape>;

export type WaitingLetter = Waiting<Note>;

export function outboxOf({ folder }: Home): Outbox<Note> {
  return { folder: join(folder, 'outbox'), ending: 'cmtp', shape };
}

export function markDraft(message: Buffer): Buffer {
  return withVersion(message, DRAFT_VERSION);
}

export function unmarkDraft(draft: Buffer): Buffer {
  return withVersion(draft, MESSAGE_VERSION);
}

export function isDraft(body: Buffer): boolean {
  return body.readUInt32BE() === DRAFT_VERSION;
}

/** In the same octets: a message may be large. */
function withVersion(message: Buffer, version: number): Buffer {
  message.writeUInt32BE(version);
  return message;
}
