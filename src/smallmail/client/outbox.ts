// The outbox of this client: sealed letters, each with the address it goes to.   spec: smallmail 2.11

import { join } from 'node:path';
import { z } from 'zod';
import { type Outbox, trials, type Waiting } from '../../base/outbox.ts';
import { addressShape, type Home } from './home.ts';

// `notBefore`: when somebody writes shall not show when he wrote.
const shape = z.object({ to: addressShape, ...trials });

export type Note = z.infer<typeof shape>;

export type WaitingLetter = Waiting<Note>;

export function outboxOf({ folder }: Home): Outbox<Note> {
  return { folder: join(folder, 'outbox'), ending: 'pgp', shape };
}
