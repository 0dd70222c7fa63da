// The one table from what went wrong to what the peer is told, and whether the conversation goes on.   spec: smallmail 2.8

import { PosternError } from '../base/errors.ts';
import { NetError } from '../net/errors.ts';
import { type ErrorWord, type ServerLine, WireError } from './wire.ts';

/** Something that ends a command. `answer` undefined: nothing can be said any more. */
export class Failure extends PosternError {
  readonly answer: ServerLine | undefined;
  readonly close: boolean;

  constructor(code: string, answer: ServerLine | undefined, close: boolean, options: { cause?: unknown } = {}) {
    super(code, code, options);
    this.answer = answer;
    this.close = close;
  }
}

const err = (error: ErrorWord): ServerLine => ({ word: 'ERR', error });

/** Policy says no to a CRID or SEND; one answer for all reasons.   spec: smallmail 2.5 */
export const refused = (reason: string) => new Failure(reason, { word: 'REJECT' }, false);
export const identificationFailed = () => new Failure('identification', { word: 'REJECT' }, true);
export const noMessage = () => new Failure('no-message', err('NoMessage'), false);
export const switchedOff = () => new Failure('switched-off', err('NotImplemented'), false);
/** The right form, the wrong content; all announced octets have been read. */
export const badContent = () => new Failure('bad-content', err('BadParam'), false);
/** Octets of unknown or unwanted number are under way: they cannot be told from commands. */
export const badSize = () => new Failure('bad-size', err('BadParam'), true);
export const wrongTime = () => new Failure('wrong-time', err('ProtocolError'), true);
export const broken = (cause?: unknown) => new Failure('server', err('ServerError'), true, { cause });
/** A body is half out: no word can be told from its octets.   spec: smallmail 2.7 */
export const brokenInBody = (cause: unknown) => new Failure('server', undefined, true, { cause });
/** The peer ended the conversation, or this side is closing. */
export const gone = () => new Failure('gone', undefined, true);

/** Words that announce octets: after a bad one nobody knows how many follow. */
const ANNOUNCING: ReadonlySet<string | undefined> = new Set(['CRID', 'BODY', 'RESP']);

/** What anything thrown in a command means for the conversation. */
export function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof WireError) {
    const close = error.code === 'ProtocolError' || (error.code === 'BadParam' && ANNOUNCING.has(error.word));
    return new Failure(error.code, err(error.code), close);
  }
  if (error instanceof NetError) {
    if (error.code === 'line-too-long') return new Failure(error.code, err('ProtocolError'), true);
    return new Failure(error.code, undefined, true);
  }
  return broken(error);
}
