// A line from a client: octets to commands, each with the pipeline it belongs to, and back.   spec: immp 1.5, 2.1, 2.15

import { asciiUpper } from './ascii.ts';
import { readCommand, writeCommand } from './command.ts';
import { WireError } from './errors.ts';
import type { Command } from './forms.ts';
import { pipeId } from './kind.ts';

/** Octets of a command line, its end included.   spec: immp 2.14 */
export const COMMAND_LINE_LIMIT = 4096;
const MAX_CHAINED = 32;

/** A command, or why it is none, and the pipeline that its answers go to. */
export interface Piped<Content = Command | WireError> {
  readonly pipe?: string;
  readonly command: Content;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of a line; undefined when it is not UTF-8 or holds control characters other than HTAB. */
export function lineText(octets: Uint8Array): string | undefined {
  try {
    const text = utf8.decode(octets);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    return /[\0-\x08\x0a-\x1f]/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

/**
 * Reads a line without its end: one entry for each chained command, none for an empty line. A command that is not in the
 * grammar spoils itself alone. Throws WireError when the line as a whole cannot be read.
 */
export function parseLine(octets: Uint8Array): Piped[] {
  if (octets.length === 0) return [];
  const text = lineText(octets);
  if (text === undefined) throw new WireError('701', 'a line is not plain UTF-8 text');
  const commands = split(text, /;/);
  if (commands.length > MAX_CHAINED) throw new WireError('704', `more than ${MAX_CHAINED} commands in one line`);
  return commands.map(readPiped);
}

function readPiped(text: string): Piped {
  const words = split(text, /[ \t]/).filter((word) => word !== '');
  const named = asciiUpper(words[0] ?? '') === 'AS';
  const pipe = named ? pipeId.read(words[1] ?? '') : undefined;
  if (named && pipe === undefined) return { command: new WireError('701', 'that is no name of a pipeline') };
  const piped = pipe === undefined ? {} : { pipe };
  try {
    return { ...piped, command: readCommand(named ? words.slice(2) : words) };
  } catch (error) {
    if (error instanceof WireError) return { ...piped, command: error };
    throw error;
  }
}

/** Cuts at each `separator` that is not between quotes. Throws WireError when a quote is left open. */
function split(text: string, separator: RegExp): string[] {
  const pieces: string[] = [];
  let from = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '"') quoted = !quoted;
    else if (!quoted && separator.test(character)) {
      pieces.push(text.slice(from, at));
      from = at + 1;
    }
  }
  if (quoted) throw new WireError('701', 'a quote is left open');
  return [...pieces, text.slice(from)];
}

/** The line with its LF. Throws WireError when a value has no form in the grammar, or the line is too long. */
export function formatLine(commands: readonly Piped<Command>[]): string {
  const line = `${commands.map(({ pipe, command }) => `${pipe === undefined ? '' : `AS ${pipe} `}${writeCommand(command)}`).join('; ')}\n`;
  if (Buffer.byteLength(line) > COMMAND_LINE_LIMIT) throw new WireError('406', 'the line is too long');
  return line;
}
