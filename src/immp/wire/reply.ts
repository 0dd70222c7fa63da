// A line from a server: its code, whether more of it follows, and its text; and which replies end a command.   spec: immp 1.5, 2.1, 2.15

import { WireError } from './errors.ts';
import { PATTERNS, pipeId } from './kind.ts';
import { lineText } from './line.ts';

/** Octets of a reply line, its end included.   spec: immp 2.1 */
export const REPLY_LINE_LIMIT = 1024 * 1024;

export interface Reply {
  readonly pipe?: string;
  /** Three digits. */
  readonly code: string;
  /** The dash: more lines of this reply follow. */
  readonly more: boolean;
  readonly text: string;
}

const REPLY = new RegExp(
  `^(?:([A-Za-z0-9_-]{1,16}): )?([0-9]{3})(?:(-) ?| |$)([\\t\\x20-\\x7E${PATTERNS.UTF8}]*)$`,
  'u',
);
/** Anything that would end the line or is no text. */
const NO_TEXT = /[^\t\x20-\x7e\u{80}-\u{10ffff}]/gu;

/** Reads a line without its end. Throws WireError 701. */
export function parseReply(octets: Uint8Array): Reply {
  const [, pipe, code, dash, text = ''] = REPLY.exec(lineText(octets) ?? '') ?? [];
  if (code === undefined) throw new WireError('701', 'that is no reply of IMMP');
  return { ...(pipe === undefined ? {} : { pipe }), code, more: dash !== undefined, text };
}

/** The line with its LF: `f9ca: 250- text`. What is no text in it becomes a question mark. */
export function formatReply({ pipe, code, more, text }: Reply): string {
  if (pipe !== undefined && pipeId.read(pipe) === undefined)
    throw new WireError('701', 'that is no name of a pipeline');
  return `${pipe === undefined ? '' : `${pipe}: `}${code}${more ? '-' : ''} ${text.toWellFormed().replace(NO_TEXT, '?')}\n`;
}

/** Items of a list, and the head of a key, which come without a dash although their command goes on. */
const LIST_ITEMS: ReadonlySet<string> = new Set(['253', '281', '290', '291']);
/** 291 with an empty text ends the key that it lists. */
const GO_AHEAD = '271';

/** True when no further reply to its command comes.   spec: immp 2.1 */
export function isFinal({ code, more, text }: Reply): boolean {
  if (more || code.startsWith('3') || code === GO_AHEAD) return false;
  return !LIST_ITEMS.has(code) || (code === '291' && text === '');
}
