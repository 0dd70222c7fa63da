// The little of XML that XMPP has: elements, attributes, text and five entities. Comments, instructions, declarations and
// further entities are refused, as XMPP does (RFC 6120, 11.1), and everything has a limit.

import type { Connection } from '../../net/connection.ts';
import { XmppError } from './errors.ts';

/** Octets between two `>`; a whole message lies there. */
const MAX_PIECE = 2 * 1024 * 1024;
/** Octets of one element with all that is in it. */
const MAX_STANZA = 3 * 1024 * 1024;
const MAX_DEPTH = 16;
const MAX_ELEMENTS = 500;
const MAX_ATTRIBUTES = 50;
const GT = 0x3e;

export interface Element {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly Element[];
  /** Of this element alone, all of it together. */
  readonly text: string;
}

interface Tag {
  readonly kind: 'open' | 'close' | 'whole';
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  /** What stands before it. */
  readonly text: string;
  readonly octets: number;
}

const NAME = '[A-Za-z_][A-Za-z0-9_.:-]*';
const TAG = new RegExp(`^(/?)(${NAME})((?:\\s+${NAME}\\s*=\\s*(?:"[^"<]*"|'[^'<]*'))*)\\s*(/?)$`);
const ATTRIBUTE = new RegExp(`(${NAME})\\s*=\\s*(?:"([^"]*)"|'([^']*)')`, 'g');
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** The opening tag of the stream. Undefined when the peer went away. Throws XmppError `protocol`, NetError. */
export async function readOpening(connection: Connection, timeout: number): Promise<Tag | undefined> {
  const tag = await readTag(connection, timeout, true);
  if (tag !== undefined && tag.kind !== 'open') throw bad();
  return tag;
}

/**
 * The next element below the opened one, whole; undefined when that was closed, or the peer went away. `timeout`: how long
 * nothing may come. Throws XmppError `protocol`, NetError.
 */
export async function readElement(connection: Connection, timeout: number): Promise<Element | undefined> {
  const open: { name: string; attributes: ReadonlyMap<string, string>; children: Element[]; text: string }[] = [];
  let [octets, elements] = [0, 0];
  for (;;) {
    const tag = await readTag(connection, timeout, false);
    if (tag === undefined) return undefined;
    const around = open.at(-1);
    octets += open.length === 0 ? 0 : tag.octets;
    elements += tag.kind === 'close' ? 0 : 1;
    if (octets > MAX_STANZA || elements > MAX_ELEMENTS || open.length >= MAX_DEPTH) throw bad();
    if (around) around.text += tag.text;
    else if (tag.text.trim() !== '') throw bad();
    if (tag.kind === 'close' && around === undefined) return undefined;
    if (tag.kind === 'close' && around?.name !== tag.name) throw bad();
    if (tag.kind !== 'close') open.push({ name: tag.name, attributes: tag.attributes, children: [], text: '' });
    if (tag.kind === 'open') continue;
    const done = open.pop();
    if (done === undefined) throw bad();
    const parent = open.at(-1);
    if (parent === undefined) return done;
    parent.children.push(done);
  }
}

/** An element as text. Attributes that are undefined are left out; `inner` is XML. */
export function element(name: string, attributes: Readonly<Record<string, string | undefined>>, inner = ''): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}='${escaped(value ?? '')}'`);
  return `<${name}${written.join('')}${inner === '' ? '/>' : `>${inner}</${name}>`}`;
}

export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (letter) => `&${Object.keys(ENTITIES).find((each) => ENTITIES[each] === letter)};`);
}

async function readTag(connection: Connection, timeout: number, first: boolean): Promise<Tag | undefined> {
  let piece = '';
  for (;;) {
    const token = await connection.token([GT], MAX_PIECE, timeout);
    if (token === undefined) return undefined;
    piece += token.octets.toString('utf8');
    if (piece.length > MAX_PIECE) throw bad();
    const start = piece.indexOf('<');
    if (start < 0) throw bad();
    const inner = piece.slice(start + 1);
    if (first && inner.startsWith('?xml') && inner.endsWith('?')) return readTag(connection, timeout, false);
    const [, slash, name, written = '', end] = TAG.exec(inner) ?? [];
    if (name !== undefined && (slash === '' || (written === '' && end === ''))) {
      const kind = slash === '/' ? 'close' : end === '/' ? 'whole' : 'open';
      const text = plain(piece.slice(0, start));
      return { kind, name, attributes: attributesOf(written), text, octets: piece.length };
    }
    if (!isInQuotes(inner)) throw bad();
    piece += '>'; // it was in the value of an attribute
  }
}

function isInQuotes(text: string): boolean {
  let quote: string | undefined;
  for (const [letter] of text.matchAll(/["']/g)) {
    if (quote === undefined) quote = letter;
    else if (letter === quote) quote = undefined;
  }
  return quote !== undefined;
}

function attributesOf(written: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [, name = '', double, single = ''] of written.matchAll(ATTRIBUTE)) {
    if (found.has(name) || found.size >= MAX_ATTRIBUTES) throw bad();
    found.set(name, plain(double ?? single));
  }
  return found;
}

function plain(text: string): string {
  return text.replace(/&([^;&]{0,12});?/g, (_all, name: string) => {
    const code = /^#(?:x([0-9A-Fa-f]{1,6})|([0-9]{1,7}))$/.exec(name);
    const number = code ? Number.parseInt(code[1] ?? code[2] ?? '', code[1] === undefined ? 10 : 16) : undefined;
    if (number !== undefined && number > 0 && number <= 0x10ffff) return String.fromCodePoint(number);
    const value = ENTITIES[name];
    if (value === undefined) throw bad();
    return value;
  });
}

function bad(): XmppError {
  return new XmppError('protocol', 'the XMPP server says what XMPP does not have');
}
