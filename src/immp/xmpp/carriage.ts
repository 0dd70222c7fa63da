// Sealed mail between two domains over XMPP: one message stanza there, one back that acknowledges it.   spec: immp 1.4, 2.12

import { MINUTE } from '../../base/time.ts';
import type { OutgoingMessage } from '../client/deliver.ts';
import { refused } from '../client/errors.ts';
import { Refusal, refusalOf } from '../codes.ts';
import { readOuter, SEALED_NAME } from '../federation/sealed.ts';
import { readTrace } from '../federation/trace.ts';
import type { Delivery } from '../mail/delivery.ts';
import { ENVELOPE_NAME } from '../mail/envelope-part.ts';
import { messageFile, readHead } from '../mail/message.ts';
import type { Room } from '../room.ts';
import { spooled } from '../spool.ts';
import { uuid as uuidKind } from '../wire/kind.ts';
import { Component } from './component.ts';
import { type Element, element } from './stanza.ts';

const NAMESPACE = 'urn:immp:transport:0';
const DISCO = 'http://jabber.org/protocol/disco#info';
const STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas';
/** Octets of a message file.   spec: immp 2.12 */
const MAX_FILE = 1024 * 1024;
/** spec: immp 2.12 */
const ACKNOWLEDGED = 10 * MINUTE;
/** Messages that are opened at once. */
const MAX_OPENING = 16;

/** What the other side says; undefined when it says nothing, or nobody heard us. */
type Answer = { readonly code: string } | undefined;

export class Carriage {
  readonly #room: Room;
  readonly #component: Component;
  /** By the message's UUID and the address it went to. */
  readonly #waiting = new Map<string, (answer: Answer) => void>();
  #opening = 0;

  constructor(room: Room) {
    const { server, secret } = room.settings.xmpp;
    this.#room = room;
    this.#component = new Component({
      server: server[0] ?? { host: 'localhost', port: 5347 },
      address: addressOf(room.domain),
      secret,
      clock: room.post.clock,
      log: room.post.log,
      heard: (stanza) => this.#heard(stanza),
    });
  }

  start(): void {
    this.#component.start();
  }

  get online(): boolean {
    return this.#component.online;
  }

  async close(): Promise<void> {
    for (const settle of this.#waiting.values()) settle(undefined);
    await this.#component.close();
  }

  /** Whether mail for this domain goes this way first. */
  reaches(domain: string): boolean {
    return this.online && this.#room.settings.xmpp.domains.includes(domain);
  }

  /**
   * Sends what is sealed to `domain`; true when it was acknowledged, false when it has to go another way. Throws ClientError
   * `refused` or `not-now` when the other side says so.
   */
  async send(domain: string, { id = '', importance, parts }: OutgoingMessage, signal: AbortSignal): Promise<boolean> {
    const found = await Promise.all(
      parts.map(async ({ name = '', type = '', chunks }) => {
        const data = spooled(Buffer.concat(await Array.fromAsync(chunks())));
        return { class: name === SEALED_NAME ? 'content' : 'attachment', type, name, data } as const;
      }),
    );
    const room = this.#room;
    const envelope = { uuid: id, from: null, origin: room.domain, to: domain, received: room.timestamp() };
    const file = messageFile(envelope, found);
    if (file.size > MAX_FILE) return false;
    const octets = Buffer.concat(await Array.fromAsync(file.chunks()));
    const to = addressOf(domain);
    const about = { xmlns: NAMESPACE, uuid: id, origin: room.domain, importance };
    const inner = element('immp', about, octets.toString('base64'));
    const answered = this.#answer(`${id} ${to}`, signal);
    try {
      await this.#component.send(element('message', { to, from: addressOf(room.domain), id }, inner));
    } catch {
      this.#waiting.get(`${id} ${to}`)?.(undefined);
    }
    const answer = await answered;
    if (answer === undefined) return false;
    if (/^2/.test(answer.code)) return true;
    throw refused({ code: answer.code, more: false, text: 'refused over XMPP' });
  }

  #answer(key: string, signal: AbortSignal): Promise<Answer> {
    return new Promise((resolve) => {
      const settle = (answer: Answer) => {
        cancel();
        signal.removeEventListener('abort', stop);
        if (this.#waiting.get(key) === settle) this.#waiting.delete(key);
        resolve(answer);
      };
      const stop = () => settle(undefined);
      const cancel = this.#room.post.clock.timer(ACKNOWLEDGED, stop);
      signal.addEventListener('abort', stop);
      this.#waiting.get(key)?.(undefined);
      this.#waiting.set(key, settle);
    });
  }

  #heard(stanza: Element): void {
    const from = stanza.attributes.get('from') ?? '';
    const id = stanza.attributes.get('id');
    const type = stanza.attributes.get('type');
    if (stanza.name === 'iq' && (type === 'get' || type === 'set')) this.#asked(stanza, from, id);
    if (stanza.name !== 'message') return;
    if (type === 'error') {
      this.#waiting.get(`${id} ${from}`)?.(undefined); // it cannot be reached so
      return;
    }
    for (const child of stanza.children) {
      if (child.namespace !== NAMESPACE) continue;
      const uuid = uuidKind.read(child.attributes.get('uuid') ?? '');
      const code = child.attributes.get('code') ?? '';
      if (uuid === undefined) continue;
      if (child.name === 'ack' && /^[247][0-9]{2}$/.test(code)) this.#waiting.get(`${uuid} ${from}`)?.({ code });
      if (child.name === 'immp') void this.#take(child, from, uuid);
    }
  }

  /** Service discovery (XEP-0030); everything else is not ours. */
  #asked({ children }: Element, to: string, id: string | undefined): void {
    const query = children.find((child) => child.name === 'query' && child.namespace === DISCO);
    const from = addressOf(this.#room.domain);
    const known =
      element('identity', { category: 'component', type: 'generic', name: 'IMMP' }) +
      element('feature', { var: DISCO }) +
      element('feature', { var: NAMESPACE });
    const error = element('error', { type: 'cancel' }, element('service-unavailable', { xmlns: STANZAS }));
    const answer = query
      ? element('iq', { type: 'result', to, from, id }, element('query', { xmlns: DISCO }, known))
      : element('iq', { type: 'error', to, from, id }, error);
    void this.#component.send(answer).catch(() => {});
  }

  /** Takes one message in, and acknowledges it when it is durable, or says why it is not taken. */
  async #take(child: Element, from: string, uuid: string): Promise<void> {
    let code: string;
    try {
      code = await this.#accept(child, from, uuid);
    } catch (error) {
      code = refusalOf(error)?.code ?? '451';
    }
    this.#room.count('(xmpp)', code);
    const ack = element('ack', { xmlns: NAMESPACE, uuid, code });
    await this.#component
      .send(element('message', { to: from, from: addressOf(this.#room.domain), id: uuid }, ack))
      .catch(() => {});
  }

  async #accept({ attributes, text }: Element, from: string, id: string): Promise<string> {
    if (this.#opening >= MAX_OPENING) throw new Refusal('429');
    this.#opening += 1;
    try {
      const { envelope, sealed } = readFile(Buffer.from(text, 'base64'));
      const outer = readOuter(envelope);
      const origin = attributes.get('origin')?.toLowerCase();
      if (outer === undefined || outer.origin !== origin || outer.destination !== this.#room.domain) {
        throw new Refusal('471');
      }
      if (from !== addressOf(origin)) throw new Refusal('403');
      if (!this.#room.mayDeliver(`@${origin}`)) throw new Refusal('429');
      const { via } = readTrace(envelope);
      const said = attributes.get('importance');
      const importance: Delivery['importance'] = said === 'important' || said === 'low' ? said : undefined;
      const arrival = { peer: origin, id, outer, envelope, sealed: spooled(sealed), via, importance, secure: false };
      if (this.#room.carrier === undefined) throw new Refusal('422');
      await this.#room.carrier.takeSealed(arrival);
      return '273';
    } finally {
      this.#opening -= 1;
    }
  }
}

/** Has the room the carriage that its settings ask for now. */
export async function openCarriage(room: Room): Promise<void> {
  await room.xmpp?.close();
  room.xmpp = room.settings.xmpp.server.length === 0 ? undefined : new Carriage(room);
  room.xmpp?.start();
}

function addressOf(domain: string): string {
  return `immp.${domain}`;
}

/** The two parts of a sealed message as a file. Throws Refusal 413 or 471. */
function readFile(octets: Buffer): { readonly envelope: Buffer; readonly sealed: Buffer } {
  if (octets.length > MAX_FILE) throw new Refusal('413');
  const parts = new Map<string, Buffer>();
  try {
    const { head, start } = readHead(octets);
    let at = start;
    for (const { name, length } of head.parts) {
      parts.set(name, octets.subarray(at, at + length));
      at += length;
    }
    if (at !== octets.length) throw new Refusal('471');
  } catch (cause) {
    throw new Refusal('471', { cause });
  }
  const [envelope, sealed] = [parts.get(ENVELOPE_NAME), parts.get(SEALED_NAME)];
  if (envelope === undefined || sealed === undefined || parts.size !== 2) throw new Refusal('471');
  return { envelope, sealed };
}
