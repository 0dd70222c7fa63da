// The one table from what went wrong to what the peer is told, in either dialect, and whether the conversation goes on.
// spec: cmtp 4, 9 D5, D11, D14

import { PosternError } from '../base/errors.ts';
import { NetError } from '../net/errors.ts';
import { WireError } from './wire/errors.ts';

/** The answers that are signed once. The old reference server has none of them: there a peer hears nothing. */
export type Answer = 'success' | 'failure' | 'keyNotAvailable' | 'deliveryFailure';

/** Something that ends a command. `answer` undefined: nothing is said. */
export class Failure extends PosternError {
  readonly answer: Answer | undefined;
  readonly close: boolean;

  constructor(code: string, answer: Answer | undefined, close: boolean, options: { cause?: unknown } = {}) {
    super(code, code, options);
    this.answer = answer;
    this.close = close;
  }
}

/** Received and not processed. */
export const failed = (reason: string) => new Failure(reason, 'failure', false);
export const noKey = (reason: string) => new Failure(reason, 'keyNotAvailable', false);
export const undeliverable = (reason: string) => new Failure(reason, 'deliveryFailure', false);
/** No CMTP, or octets of unknown number: they cannot be told from commands. */
export const notCmtp = (reason: string) => new Failure(reason, 'failure', true);
/** Not now. FAILURE and DELIVERYFAILURE would mean never; who is cut off tries again. */
export const notNow = (reason: string, cause?: unknown) => new Failure(reason, undefined, true, { cause });
/** The peer ended the conversation, or this side is closing. */
export const gone = () => new Failure('gone', undefined, true);

/** What anything thrown in a command means for the conversation. */
export function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof WireError) return notCmtp(error.code);
  if (error instanceof NetError) return error.code === 'line-too-long' ? notCmtp(error.code) : notNow(error.code);
  return notNow('server', error);
}
