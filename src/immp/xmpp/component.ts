// This office as an external component of an XMPP server (XEP-0114): one stream, opened again whenever it breaks.   spec: immp 2.12

import { createHash } from 'node:crypto';
import { codeOf } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { type Clock, DAY, MINUTE, SECOND, sleep } from '../../base/time.ts';
import type { Connection } from '../../net/connection.ts';
import { dialPlain } from '../../net/dial.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import { XmppError } from './errors.ts';
import { type Element, element, escaped, readElement, readOpening } from './xml.ts';

const STREAM = 'http://etherx.jabber.org/streams';
const ACCEPT = 'jabber:component:accept';
const GREETING_TIME = 30 * SECOND;
/** An XMPP server may have nothing to say for long. */
const SILENCE = 365 * DAY;
const FIRST_WAIT = SECOND;
const LONGEST_WAIT = 5 * MINUTE;

export interface ComponentOptions {
  readonly server: Endpoint;
  /** `immp.example.org` */
  readonly address: string;
  readonly secret: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Told of each stanza, one after the other; must not throw. */
  heard(stanza: Element): void;
}

export class Component {
  readonly #options: ComponentOptions;
  readonly #stop = new AbortController();
  #loop: Promise<void> | undefined;
  #online: Connection | undefined;

  constructor(options: ComponentOptions) {
    this.#options = options;
  }

  get online(): boolean {
    return this.#online !== undefined;
  }

  start(): void {
    this.#loop ??= this.#work();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#online?.destroy();
    await this.#loop;
  }

  /** Throws XmppError `offline`, NetError. */
  async send(stanza: string): Promise<void> {
    if (this.#online === undefined) throw new XmppError('offline', 'there is no connection with the XMPP server');
    await this.#online.write(stanza);
  }

  async #work(): Promise<void> {
    const { clock, log } = this.#options;
    let wait = FIRST_WAIT;
    while (!this.#stop.signal.aborted) {
      try {
        const connection = await this.#connect();
        wait = FIRST_WAIT;
        await this.#listen(connection);
      } catch (error) {
        log.warn('immp.xmpp-failed', { code: codeOf(error) });
      }
      await sleep(clock, wait, this.#stop.signal);
      wait = Math.min(2 * wait, LONGEST_WAIT);
    }
  }

  async #connect(): Promise<Connection> {
    const { server, address, secret, clock } = this.#options;
    const connection = await dialPlain({ to: server, clock });
    try {
      await connection.write(
        `<?xml version='1.0'?><stream:stream xmlns='${ACCEPT}' xmlns:stream='${STREAM}' to='${escaped(address)}'>`,
      );
      const id = (await readOpening(connection, GREETING_TIME))?.attributes.get('id');
      if (id === undefined) throw new XmppError('protocol', 'the XMPP server opens no stream');
      const proof = createHash('sha1').update(`${id}${secret}`).digest('hex'); // XEP-0114, 3
      await connection.write(element('handshake', {}, proof));
      const answer = await readElement(connection, GREETING_TIME);
      if (answer?.name !== 'handshake') throw new XmppError('refused', 'the XMPP server does not take the secret');
      return connection;
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }

  async #listen(connection: Connection): Promise<void> {
    this.#online = connection;
    if (this.#stop.signal.aborted) connection.destroy();
    try {
      for (;;) {
        const stanza = await readElement(connection, SILENCE);
        if (stanza === undefined) return;
        this.#options.heard(stanza);
      }
    } finally {
      this.#online = undefined;
      connection.destroy();
    }
  }
}
