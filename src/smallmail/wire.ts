// SmallMail's grammar: lines to values and back. Pure.   spec: smallmail 1.2, 2.1

import { asBuffer } from '../base/bytes.ts';
import { PosternError } from '../base/errors.ts';

/** With its LF.   spec: smallmail 2.1 */
export const LINE_LIMIT = 1024;

/** What each kind of argument looks like: a reader from the word on the line, undefined when it is not of that kind. */
const kinds = {
  // Written upper case, compared without case.   spec: smallmail 2.3
  mailbox: text(/^(?:[0-9A-F]{64}|[0-9A-F]{40})$/i, (word) => word.toUpperCase()),
  number: (word: string) => (/^(?:0|[1-9][0-9]{0,14})$/.test(word) ? Number(word) : undefined),
  extent: (word: string): number | 'END' | undefined => (word === 'END' ? 'END' : kinds.number(word)),
  msgid: text(/^[A-Za-z0-9_-]{1,64}$/),
  challenge: text(/^[\x21-\x7e]{1,512}$/),
  token: text(/^[0-9A-F]{32}$/i),
  nonce: text(/^[A-Za-z0-9]{1,64}$/),
  bits: (word: string) => (/^[0-9]{1,2}$/.test(word) ? Number(word) : undefined),
  error: text(/^[A-Za-z]{1,32}$/),
} as const;

/** The command table: words that a client sends, with their arguments in order. */
const clientWords = {
  CRID: { size: 'number' },
  SEND: { mailbox: 'mailbox', size: 'number' },
  BODY: { size: 'number' },
  LIST: { mailbox: 'mailbox' },
  RECV: { mailbox: 'mailbox', id: 'msgid' },
  RPRT: { mailbox: 'mailbox', id: 'msgid', offset: 'number', length: 'extent' },
  DELE: { mailbox: 'mailbox', id: 'msgid' },
  RESP: { size: 'number' },
  WORK: {},
  /** The second form of WORK, told apart by its arguments. */
  PROOF: { token: 'token', nonce: 'nonce' },
  QUIT: {},
} as const;

const serverWords = {
  IDCR: { mailbox: 'mailbox' },
  REJECT: {},
  ACCEPT: {},
  RCVD: {},
  MSG: { id: 'msgid', size: 'number' },
  LSTD: {},
  BODY: { size: 'number' },
  PART: { offset: 'number', size: 'number' },
  DLTD: {},
  CHAL: { challenge: 'challenge' },
  ERR: { error: 'error' },
  WORK: { bits: 'bits', token: 'token' },
  WRKD: {},
} as const;

type Shape = Readonly<Record<string, keyof typeof kinds>>;
type Value<Kind extends keyof typeof kinds> = Exclude<ReturnType<(typeof kinds)[Kind]>, undefined>;
type LineOf<Words extends Readonly<Record<string, Shape>>> = {
  [Word in keyof Words]: { readonly word: Word } & { readonly [Name in keyof Words[Word]]: Value<Words[Word][Name]> };
}[keyof Words];

export type ClientLine = LineOf<typeof clientWords>;
export type ServerLine = LineOf<typeof serverWords>;
export type ClientWord = ClientLine['word'];

/** The six words that may follow ERR.   spec: smallmail 1.2, 2.8 */
export type ErrorWord = 'NotImplemented' | 'BadParam' | 'BadCommand' | 'ServerError' | 'ProtocolError' | 'NoMessage';

/** A line that is not in the grammar. `code` is the word that answers it. */
export class WireError extends PosternError<'BadCommand' | 'BadParam' | 'ProtocolError'> {
  /** The command word, when it was a known one. */
  readonly word: string | undefined;

  constructor(code: WireError['code'], message: string, word?: string) {
    super(code, message);
    this.word = word;
  }
}

/** Reads a line without its LF. Throws only WireError. */
export function parseClientLine(line: Uint8Array): ClientLine {
  const words = split(line);
  if (words[0] === 'WORK' && words.length > 1) words[0] = 'PROOF';
  else if (words[0] === 'PROOF') throw new WireError('BadCommand', 'there is no such command');
  return parse<ClientLine>(clientWords, words);
}

/** Reads a line without its LF. Throws only WireError. */
export function parseServerLine(line: Uint8Array): ServerLine {
  return parse<ServerLine>(serverWords, split(line));
}

/** The line with its LF. Throws WireError when a value has not the form that the grammar gives it. */
export function formatClientLine(line: ClientLine): string {
  return format(clientWords[line.word], line).replace(/^PROOF/, 'WORK');
}

/** The line with its LF. Throws WireError when a value has not the form that the grammar gives it. */
export function formatServerLine(line: ServerLine): string {
  return format(serverWords[line.word], line);
}

function split(line: Uint8Array): string[] {
  // spec: smallmail 2.8 (too long, NUL, or not ASCII)
  const text = line.length < LINE_LIMIT ? asBuffer(line).toString('latin1') : '\0';
  if (!/^[\x20-\x7e]*$/.test(text)) throw new WireError('ProtocolError', 'a line is too long or not printable ASCII');
  const words = text.split(' ');
  words[0] = (words[0] ?? '').toUpperCase(); // spec: smallmail 2.1 (readers ignore case)
  return words;
}

function parse<Line>(table: Readonly<Record<string, Shape>>, [word = '', ...args]: string[]): Line {
  const shape = Object.hasOwn(table, word) ? table[word] : undefined;
  if (shape === undefined) throw new WireError('BadCommand', 'there is no such command');
  const names = Object.keys(shape);
  const bad = () => new WireError('BadParam', `${word} has wrong arguments`, word);
  if (args.length !== names.length) throw bad();
  const line: Record<string, unknown> = { word };
  for (const [place, name] of names.entries()) {
    const kind = shape[name];
    const value = kind === undefined ? undefined : kinds[kind](args[place] ?? '');
    if (value === undefined) throw bad();
    line[name] = value;
  }
  return line as Line;
}

function format(shape: Shape, line: { readonly word: string }): string {
  const values: Readonly<Record<string, unknown>> = { ...line };
  const words = Object.entries(shape).map(([name, kind]) => {
    const written = String(values[name]);
    if (kinds[kind](written) === undefined) throw new WireError('BadParam', `${line.word} cannot carry this ${name}`);
    return written;
  });
  return `${[line.word, ...words].join(' ')}\n`;
}

function text(pattern: RegExp, normal: (word: string) => string = (word) => word) {
  return (word: string): string | undefined => (pattern.test(word) ? normal(word) : undefined);
}
