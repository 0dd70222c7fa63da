// The command table: every command as it stands on the line, with the kind of each argument.   spec: immp 1.6, 2.15

import { domain, imid, node, place } from './imid.ts';
import {
  cookie,
  flagWords,
  type Kind,
  lineCount,
  method,
  octetCount,
  parameter,
  pipeId,
  response,
  settingWord,
  uuid,
} from './kind.ts';
import { target, targets } from './target.ts';

type Kinds = Readonly<Record<string, Kind<unknown>>>;

export interface Form {
  /** Keywords, and arguments by name in braces. The first that fits is read, the first that can hold the value is written. */
  readonly lines: readonly string[];
  readonly must?: Kinds;
  readonly may?: Kinds;
  /** Further arguments, each behind its name as keyword, in any order. */
  readonly named?: Kinds;
  /** The named argument that may also stand first without its keyword. */
  readonly bare?: string;
  readonly switches?: true;
}

const block = { name: parameter, type: parameter, length: octetCount };
const page = { limit: lineCount, offset: lineCount };

export const forms = {
  UPGRADE: { lines: ['UPGRADE {method}'], must: { method } },
  'AUTH COOKIE': { lines: ['AUTH COOKIE {cookie} {domain}'], must: { cookie, domain } },
  'AUTH VERIFY': { lines: ['AUTH VERIFY {cookie} {domain}'], must: { cookie, domain } },
  'AUTH SECRET': {
    lines: ['AUTH SECRET {account} {device}', 'AUTH SECRET {account}'],
    must: { account: imid },
    may: { device: parameter },
  },
  'AUTH RESPONSE': { lines: ['AUTH RESPONSE {digits}'], must: { digits: response } },
  DELIVER: {
    lines: ['DELIVER TO {to}'],
    must: { to: place },
    named: { from: node, subject: parameter, id: uuid },
    switches: true,
  },
  DATA: { lines: ['DATA'], named: block, bare: 'name', switches: true },
  DONE: { lines: ['DONE'] },
  RESET: { lines: ['RESET'] },
  NOOP: { lines: ['NOOP'] },
  QUIT: { lines: ['QUIT'] },
  'MBOX FETCH': { lines: ['MBOX FETCH {target}'], must: { target }, named: { part: parameter }, switches: true },
  'MBOX CHECK': { lines: ['MBOX CHECK {target}'], must: { target }, named: page, switches: true },
  'MBOX INDEX': { lines: ['MBOX INDEX {target}'], must: { target }, named: page, switches: true },
  'MBOX FLAG': { lines: ['MBOX FLAG {target}'], must: { target }, named: { set: flagWords, clear: flagWords } },
  'MBOX MOVE': { lines: ['MBOX MOVE {target} TO {to}'], must: { target, to: target } },
  'MBOX COPY': { lines: ['MBOX COPY {target} TO {to}'], must: { target, to: target } },
  'MBOX DELETE': { lines: ['MBOX DELETE {target}'], must: { target } },
  'MBOX CREATE': { lines: ['MBOX CREATE {target}'], must: { target } },
  'MBOX REMOVE': { lines: ['MBOX REMOVE {target}'], must: { target } },
  'MBOX STORE': { lines: ['MBOX STORE {target}'], must: { target } },
  'MBOX WATCH': { lines: ['MBOX WATCH {targets}'], must: { targets } },
  'MBOX UNWATCH': { lines: ['MBOX UNWATCH {pipe}'], must: { pipe: pipeId } },
  PUSH: {
    lines: ['PUSH TO {to} FROM {from}'],
    must: { to: imid, from: node },
    named: { id: uuid, title: parameter, ...block },
    switches: true,
  },
  'PUBLISH TO': {
    lines: ['PUBLISH TO {node}'],
    must: { node },
    named: { title: parameter, ...block },
    switches: true,
  },
  'PUBLISH NODE': { lines: ['PUBLISH NODE {node} TITLE {title}'], must: { node, title: parameter } },
  'PUBLISH REMOVE': { lines: ['PUBLISH REMOVE {node}'], must: { node } },
  'SUBSCRIBE TO': {
    lines: ['SUBSCRIBE TO {node} FOR {reader} ID {id}', 'SUBSCRIBE TO {node}'],
    must: { node },
    may: { reader: imid, id: uuid },
  },
  'SUBSCRIBE LIST': { lines: ['SUBSCRIBE LIST'], switches: true },
  UNSUBSCRIBE: {
    lines: ['UNSUBSCRIBE {id}', 'UNSUBSCRIBE FROM {node}', 'UNSUBSCRIBE {node}'],
    may: { id: uuid, node },
  },
  'SET GLOBAL': { lines: ['SET GLOBAL {setting}', 'SET GLOBAL'], may: { setting: settingWord } },
  SET: { lines: ['SET {setting}', 'SET'], may: { setting: settingWord } },
  'KEY REQUEST': { lines: ['KEY REQUEST {of}'], must: { of: place } },
  'KEY NEXT': { lines: ['KEY NEXT'] },
} as const satisfies Readonly<Record<string, Form>>;

type Forms = typeof forms;
type Values<K> = { readonly [Name in keyof K]: K[Name] extends Kind<infer Value> ? Value : never };
type Field<F, Name extends string> = F extends { readonly [Key in Name]: infer K } ? Values<K> : unknown;

export type Word = keyof Forms;

/** A command as a value: `word` says which, the other members are its arguments. */
export type CommandOf<W extends Word> = { readonly word: W } & Field<Forms[W], 'must'> &
  Partial<Field<Forms[W], 'may'>> &
  Partial<Field<Forms[W], 'named'>> &
  (Forms[W] extends { readonly switches: true } ? { readonly switches: readonly string[] } : unknown);

export type Command = { [W in Word]: CommandOf<W> }[Word];
