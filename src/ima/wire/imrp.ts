// IMRP's lines, both ways: a mailbox on the server as its user's programs ask for it. Pure.   spec: ima 2.8, 2.14

import { WireError } from '../errors.ts';
import { isAddress, isFolder, isMessageId, isUser, isWord, readNumber } from './names.ts';

/** Octets of one line, without its LF. */
export const IMRP_LINE_LIMIT = 4096;

export type ImrpCommand =
  | { readonly word: 'AUTH'; readonly way: 'CERT'; readonly user: string }
  | { readonly word: 'AUTH'; readonly way: 'PASS'; readonly user: string; readonly base64: string }
  | { readonly word: 'BOXES' | 'DONE' }
  | { readonly word: 'LIST'; readonly folder: string; readonly from?: number; readonly count?: number }
  | { readonly word: 'HEAD' | 'FETCH' | 'DELE'; readonly folder: string; readonly id: string }
  | {
      readonly word: 'PART';
      readonly folder: string;
      readonly id: string;
      /** Counted from 1. */
      readonly number: number;
      readonly range?: { readonly offset: number; readonly length: number };
    }
  | { readonly word: 'FLAG'; readonly folder: string; readonly id: string; readonly changes: readonly FlagChange[] }
  | { readonly word: 'MOVE'; readonly folder: string; readonly id: string; readonly to: string }
  | { readonly word: 'MKBOX' | 'RMBOX'; readonly folder: string }
  | { readonly word: 'SYNC'; readonly folder: string; readonly seq: number }
  | { readonly word: 'WAIT'; readonly folder: string; readonly seq: number; readonly seconds: number };

export interface FlagChange {
  readonly sign: '+' | '-';
  readonly word: string;
}

export const FAILURES = ['AUTH', 'STATE', 'SYNTAX', 'NOSUCH', 'EXISTS', 'QUOTA', 'BUSY', 'NOTIMPL'] as const;
export type Failure = (typeof FAILURES)[number];

export interface Listed {
  readonly id: string;
  readonly size: number;
  readonly seq: number;
  readonly flags: readonly string[];
}

export type ImrpReply =
  | {
      readonly word: 'BOX';
      readonly folder: string;
      readonly total: number;
      readonly unseen: number;
      readonly seq: number;
    }
  | ({ readonly word: 'MSG' } & Listed)
  | { readonly word: 'GONE'; readonly id: string }
  | { readonly word: 'DATA'; readonly length: number }
  | { readonly word: 'OK'; readonly text: string }
  | { readonly word: 'FAIL'; readonly reason: Failure; readonly text: string };

const base64Form = /^[A-Za-z0-9+/]+={0,2}$/;
const textForm = /^[\x20-\x7e\u{80}-\u{10ffff}]+$/u;
/** A folder that no reader could name would make its replies unreadable; words the same. */
const UNKNOWN = 'there is no such command';

/** Throws WireError; its message `there is no such command` tells an unknown word from a wrong argument. */
export function parseImrpCommand(line: string): ImrpCommand {
  const [first = '', ...args] = line.split(' ');
  const reader = READERS[first.toUpperCase()];
  if (reader === undefined) throw new WireError(UNKNOWN);
  const command = reader(args);
  if (command === undefined) throw new WireError(`${first.toUpperCase()} is not understood`);
  return command;
}

export function isUnknownWord(error: WireError): boolean {
  return error.message === UNKNOWN;
}

type Reader = (args: readonly string[]) => ImrpCommand | undefined;

const ofMessage =
  (word: 'HEAD' | 'FETCH' | 'DELE'): Reader =>
  ([folder = '', id = '', ...more]) =>
    isFolder(folder) && isMessageId(id) && more.length === 0 ? { word, folder, id } : undefined;

const ofFolder =
  (word: 'MKBOX' | 'RMBOX'): Reader =>
  ([folder = '', ...more]) =>
    isFolder(folder) && more.length === 0 ? { word, folder } : undefined;

const alone =
  (word: 'BOXES' | 'DONE'): Reader =>
  (args) =>
    args.length === 0 ? { word } : undefined;

const READERS: Readonly<Record<string, Reader>> = {
  __proto__: null as never,
  BOXES: alone('BOXES'),
  DONE: alone('DONE'),
  HEAD: ofMessage('HEAD'),
  FETCH: ofMessage('FETCH'),
  DELE: ofMessage('DELE'),
  MKBOX: ofFolder('MKBOX'),
  RMBOX: ofFolder('RMBOX'),
  AUTH([way = '', user = '', base64, ...more]) {
    if (more.length > 0 || !(isUser(user) || isAddress(user))) return undefined;
    if (way.toUpperCase() === 'CERT') return base64 === undefined ? { word: 'AUTH', way: 'CERT', user } : undefined;
    if (way.toUpperCase() !== 'PASS' || base64 === undefined || !base64Form.test(base64)) return undefined;
    return { word: 'AUTH', way: 'PASS', user, base64 };
  },
  LIST([folder = '', ...numbers]) {
    const [from, count, ...more] = numbers.map(readNumber);
    if (!isFolder(folder) || more.length > 0 || numbers.map(readNumber).includes(undefined)) return undefined;
    return { word: 'LIST', folder, ...(from === undefined ? {} : { from }), ...(count === undefined ? {} : { count }) };
  },
  PART([folder = '', id = '', ...numbers]) {
    const [number, offset, length, ...more] = numbers.map(readNumber);
    if (!isFolder(folder) || !isMessageId(id) || number === undefined || more.length > 0) return undefined;
    if (numbers.length === 1) return { word: 'PART', folder, id, number };
    if (offset === undefined || length === undefined) return undefined;
    return { word: 'PART', folder, id, number, range: { offset, length } };
  },
  FLAG([folder = '', id = '', ...signed]) {
    const changes = signed.map((text) => ({ sign: text.slice(0, 1), word: text.slice(1) }));
    if (!isFolder(folder) || !isMessageId(id) || changes.length === 0 || !changes.every(isChange)) return undefined;
    return { word: 'FLAG', folder, id, changes };
  },
  MOVE([folder = '', id = '', to = '', ...more]) {
    if (!isFolder(folder) || !isMessageId(id) || !isFolder(to) || more.length > 0) return undefined;
    return { word: 'MOVE', folder, id, to };
  },
  SYNC([folder = '', digits = '', ...more]) {
    const seq = readNumber(digits);
    return isFolder(folder) && seq !== undefined && more.length === 0 ? { word: 'SYNC', folder, seq } : undefined;
  },
  WAIT([folder = '', ...numbers]) {
    const [seq, seconds, ...more] = numbers.map(readNumber);
    if (!isFolder(folder) || seq === undefined || seconds === undefined || more.length > 0) return undefined;
    return { word: 'WAIT', folder, seq, seconds };
  },
};

/** Without the LF. */
export function formatImrpCommand(command: ImrpCommand): string {
  switch (command.word) {
    case 'AUTH':
      return ['AUTH', command.way, command.user, ...(command.way === 'PASS' ? [command.base64] : [])].join(' ');
    case 'BOXES':
    case 'DONE':
      return command.word;
    case 'LIST':
      return ['LIST', command.folder, ...given(command.from), ...given(command.count)].join(' ');
    case 'HEAD':
    case 'FETCH':
    case 'DELE':
      return `${command.word} ${command.folder} ${command.id}`;
    case 'PART': {
      const { folder, id, number, range } = command;
      return ['PART', folder, id, number, ...(range ? [range.offset, range.length] : [])].join(' ');
    }
    case 'FLAG':
      return ['FLAG', command.folder, command.id, ...command.changes.map(({ sign, word }) => sign + word)].join(' ');
    case 'MOVE':
      return `MOVE ${command.folder} ${command.id} ${command.to}`;
    case 'MKBOX':
    case 'RMBOX':
      return `${command.word} ${command.folder}`;
    case 'SYNC':
      return `SYNC ${command.folder} ${command.seq}`;
    case 'WAIT':
      return `WAIT ${command.folder} ${command.seq} ${command.seconds}`;
  }
}

/** Throws WireError. */
export function parseImrpReply(line: string): ImrpReply {
  const [first = '', ...args] = line.split(' ');
  const word = first.toUpperCase();
  if (word === 'OK' || word === 'FAIL') return parseEnd(word, line.slice(first.length + 1), line.length > first.length);
  const reply = parseItem(word, args);
  if (reply === undefined) throw new WireError('the reply is not understood');
  return reply;
}

function parseEnd(word: 'OK' | 'FAIL', rest: string, more: boolean): ImrpReply {
  if (more && !textForm.test(rest)) throw new WireError('the reply is no text');
  if (word === 'OK') return { word, text: rest };
  const [named = ''] = rest.split(' ', 1);
  const reason = FAILURES.find((known) => known === named.toUpperCase());
  const text = rest.slice(named.length + 1);
  if (reason === undefined || (rest.length > named.length && text === ''))
    throw new WireError('the failure has no known reason');
  return { word, reason, text };
}

function parseItem(word: string, args: readonly string[]): ImrpReply | undefined {
  const [first = '', ...rest] = args;
  const numbers = rest.map(readNumber);
  switch (word) {
    case 'BOX': {
      const [total, unseen, seq, ...more] = numbers;
      if (!isFolder(first) || total === undefined || unseen === undefined || seq === undefined || more.length > 0)
        return;
      return { word, folder: first, total, unseen, seq };
    }
    case 'MSG': {
      const [size, seq] = numbers;
      const flags = readFlags(rest[2] ?? '');
      if (!isMessageId(first) || size === undefined || seq === undefined || flags === undefined || rest.length > 3)
        return;
      return { word, id: first, size, seq, flags };
    }
    case 'GONE':
      return isMessageId(first) && rest.length === 0 ? { word, id: first } : undefined;
    case 'DATA': {
      const length = readNumber(first);
      return length !== undefined && rest.length === 0 ? { word, length } : undefined;
    }
    default:
      return undefined;
  }
}

/** Without the LF. */
export function formatImrpReply(reply: ImrpReply): string {
  switch (reply.word) {
    case 'BOX':
      return `BOX ${reply.folder} ${reply.total} ${reply.unseen} ${reply.seq}`;
    case 'MSG':
      return `MSG ${reply.id} ${reply.size} ${reply.seq} ${reply.flags.length === 0 ? '-' : reply.flags.join(',')}`;
    case 'GONE':
      return `GONE ${reply.id}`;
    case 'DATA':
      return `DATA ${reply.length}`;
    case 'OK':
      return reply.text === '' ? 'OK' : `OK ${reply.text}`;
    case 'FAIL':
      return reply.text === '' ? `FAIL ${reply.reason}` : `FAIL ${reply.reason} ${reply.text}`;
  }
}

function readFlags(text: string): string[] | undefined {
  if (text === '-') return [];
  const flags = text.split(',');
  return flags.every(isWord) ? flags : undefined;
}

function isChange(change: { readonly sign: string; readonly word: string }): change is FlagChange {
  return (change.sign === '+' || change.sign === '-') && isWord(change.word);
}

function given(value: number | undefined): number[] {
  return value === undefined ? [] : [value];
}
