// What a sender wants to hear of his message (RFC 3461): about what, whether with all of it, and under which name. It goes with
// the message to servers that know of it; for the others, and here, this office does what it says.

import { z } from 'zod';

/** Octets: RFC 3461 4.2, 4.4. */
const MAX_ENVELOPE_ID = 100;
const MAX_ORIGINAL = 500;

const occasion = z.enum(['SUCCESS', 'FAILURE', 'DELAY', 'NEVER']);

export type Occasion = 'SUCCESS' | 'FAILURE' | 'DELAY';

const recipientShape = z.object({
  notify: z.array(occasion).optional(),
  /** `rfc822;address`, as the sender gave it. */
  original: z.string().max(MAX_ORIGINAL).optional(),
});

export const wishesShape = z.object({
  ret: z.enum(['FULL', 'HDRS']).optional(),
  envelopeId: z.string().max(MAX_ENVELOPE_ID).optional(),
  /** By address; who is not there is told of as usual: failures and delays. */
  recipients: z.record(z.string(), recipientShape),
});

export type Wishes = z.infer<typeof wishesShape>;
type RecipientWishes = z.infer<typeof recipientShape>;

export const NO_WISHES: Wishes = { recipients: {} };

/** What is said about one recipient. */
export function wishesFor(wishes: Wishes, to: string): RecipientWishes {
  return Object.hasOwn(wishes.recipients, to) ? (wishes.recipients[to] ?? {}) : {};
}

/** Whether the sender is to hear of this. RFC 3461 4.1 */
export function wantsToHear(wishes: Wishes, to: string, of: Occasion): boolean {
  return wishesFor(wishes, to).notify?.includes(of) ?? of !== 'SUCCESS';
}
