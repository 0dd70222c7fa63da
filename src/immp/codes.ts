// The one table of status codes that refuse something, and the error that carries one.   spec: immp 2.13

import { PosternError } from '../base/errors.ts';
import { NetError } from '../net/errors.ts';
import { StoreError } from '../store/errors.ts';
import { WireError } from './wire/errors.ts';

const TEXTS = {
  '400': 'Cannot do that here',
  '401': 'Authenticate first',
  '403': 'Not allowed',
  '404': 'Not found',
  '405': 'Not in this state',
  '406': 'Bad parameter or switch',
  '409': 'Exists already',
  '410': 'Authentication failed',
  '411': 'Cookie unknown',
  '412': 'Cookie could not be verified now',
  '413': 'Too large',
  '420': 'Upgrade method not available',
  '421': 'Secure delivery refused: the fingerprint is another',
  '422': 'No relay, or a loop',
  '429': 'Too many, slow down',
  '430': 'Blocked',
  '431': 'A push needs a subscription or authentication',
  '440': 'No such folder',
  '441': 'Over quota',
  '450': 'No such recipient',
  '451': 'Temporary failure',
  '470': 'No delivery is open',
  '471': 'Bad data block',
  '472': 'No content part',
  '480': 'No such node',
  '481': 'Not subscribed',
  '700': 'Internal error, try again later',
  '701': 'Syntax error',
  '702': 'Unknown command',
  '703': 'Line too long',
  '704': 'Too many pipelines or commands',
  '705': 'Pipeline in use',
  '710': 'Shutting down',
  '711': 'Too many errors, closing',
  '712': 'Idle for too long, closing',
  '720': 'Encrypt first',
} as const;

export type RefusalCode = keyof typeof TEXTS;

/** Codes that a later attempt may not meet again.   spec: immp 2.13 */
const TEMPORARY: ReadonlySet<string> = new Set(['412', '421', '429', '441', '451', '700', '704', '710', '712']);

export function isTemporary(code: string): boolean {
  return TEMPORARY.has(code);
}

/** Ends a command with this code, or, with `close`, the conversation. */
export class Refusal extends PosternError<RefusalCode> {
  readonly close: boolean;

  constructor(code: RefusalCode, options: { text?: string; close?: boolean; cause?: unknown } = {}) {
    super(code, options.text ?? TEXTS[code], { cause: options.cause });
    this.close = options.close ?? false;
  }
}

/** What anything thrown in a command means to the peer; undefined: the peer is gone and hears nothing. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof Refusal) return error;
  if (error instanceof WireError) return new Refusal(error.code, { text: `${TEXTS[error.code]}: ${error.message}` });
  if (error instanceof NetError) {
    return error.code === 'line-too-long' ? new Refusal('703', { close: true }) : undefined;
  }
  if (error instanceof StoreError && error.code === 'disk-full') return new Refusal('451', { cause: error });
  return new Refusal('700', { cause: error });
}
