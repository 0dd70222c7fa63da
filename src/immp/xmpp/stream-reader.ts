// An XMPP stream as it comes: octets, cut anywhere, to whole elements. A strict XML parser reads it; here are the limits that a
// parser does not have, and what XML has and XMPP has not: comments, instructions and document types (RFC 6120, 11.1).

import { SaxesParser, type SaxesTagNS } from 'saxes';
import { XmppError } from './errors.ts';
import type { Element } from './stanza.ts';

/** Octets from the end of one stanza to the end of the next, give or take one chunk. */
const MAX_STANZA = 3 * 1024 * 1024;
const MAX_DEPTH = 16;
const MAX_ELEMENTS = 500;
const MAX_ATTRIBUTES = 50;

interface Open extends Element {
  readonly children: Element[];
  text: string;
}

export class StreamReader {
  /** The element in which all others stand, without them; undefined before it came. */
  opening: Element | undefined;
  /** True when that was closed. */
  ended = false;
  readonly #parser = new SaxesParser({ xmlns: true, position: false });
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  readonly #open: Open[] = [];
  #done: Element[] = [];
  #octets = 0;
  #elements = 0;
  #attributes = 0;

  constructor() {
    const parser = this.#parser;
    parser.on('opentagstart', () => this.#begin());
    parser.on('attribute', () => this.#attribute());
    parser.on('opentag', (tag) => this.#opened(tag));
    parser.on('closetag', () => this.#closed());
    parser.on('text', (text) => this.#text(text));
    parser.on('cdata', (text) => this.#text(text));
    for (const event of ['comment', 'doctype', 'processinginstruction'] as const) parser.on(event, refuse);
    parser.on('error', refuse);
  }

  /** True between two stanzas. */
  get atBorder(): boolean {
    return this.#open.length === 0;
  }

  /** The stanzas that are whole now. Throws XmppError `protocol`; the reader is of no use afterwards. */
  write(chunk: Uint8Array): Element[] {
    this.#octets += chunk.length;
    if (this.#octets > MAX_STANZA) refuse();
    let text: string;
    try {
      text = this.#decoder.decode(chunk, { stream: true });
    } catch {
      refuse();
    }
    this.#parser.write(text);
    const done = this.#done;
    this.#done = [];
    return done;
  }

  #begin(): void {
    this.#elements += 1;
    this.#attributes = 0;
    if (this.#open.length >= MAX_DEPTH || this.#elements > MAX_ELEMENTS) refuse();
  }

  #attribute(): void {
    this.#attributes += 1;
    if (this.#attributes > MAX_ATTRIBUTES) refuse();
  }

  #opened({ local, uri, attributes }: SaxesTagNS): void {
    const values = Object.values(attributes).filter(({ prefix, name }) => prefix !== 'xmlns' && name !== 'xmlns');
    const found = new Map(values.map(({ name, value }) => [name, value]));
    const open: Open = { name: local, namespace: uri, attributes: found, children: [], text: '' };
    if (this.opening === undefined) this.opening = open;
    else this.#open.push(open);
  }

  #closed(): void {
    const done = this.#open.pop();
    if (done === undefined) {
      this.ended = true;
      return;
    }
    const around = this.#open.at(-1);
    if (around !== undefined) {
      around.children.push(done);
      return;
    }
    this.#done.push(done);
    this.#octets = 0;
    this.#elements = 0;
  }

  #text(text: string): void {
    const around = this.#open.at(-1);
    if (around !== undefined) around.text += text;
    else if (text.trim() !== '') refuse();
  }
}

function refuse(): never {
  throw new XmppError('protocol', 'the XMPP server says what XMPP does not have');
}
