// This office as an external component of an XMPP server (XEP-0114): one stream, opened again whenever it breaks.   spec: immp 2.12

import { createHash } from 'node:crypto';
import { codeOf } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { type Clock, MINUTE, SECOND, sleep } from '../../base/time.ts';
import type { Connection } from '../../net/connection.ts';
import { dialPlain } from '../../net/dial.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import { XmppError } from './errors.ts';
import { type Element, element, escaped } from './stanza.ts';
import { Stream } from './stream.ts';

const STREAM = 'http://etherx.jabber.org/streams';
const ACCEPT = 'jabber:component:accept';
const GREETING_TIME = 30 * SECOND;
/** An XMPP server may have nothing to say for long; a blank now and then shows whether it is still there (RFC 6120, 4.6.1). */
const SILENCE = 5 * MINUTE;
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
  #connection: Connection | undefined;
  #online = false;

  constructor(options: ComponentOptions) {
    this.#options = options;
  }

  get online(): boolean {
    return this.#online;
  }

  start(): void {
    this.#loop ??= this.#work();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#connection?.destroy();
    await this.#loop;
  }

  /** Throws XmppError `offline`, NetError. */
  async send(stanza: string): Promise<void> {
    if (!this.#online) throw new XmppError('offline', 'there is no connection with the XMPP server');
    await this.#connection?.write(stanza);
  }

  async #work(): Promise<void> {
    const { clock, log } = this.#options;
    let wait = FIRST_WAIT;
    while (!this.#stop.signal.aborted) {
      try {
        const stream = await this.#connect();
        wait = FIRST_WAIT;
        await this.#listen(stream);
      } catch (error) {
        if (!this.#stop.signal.aborted) log.warn('immp.xmpp-failed', { code: codeOf(error) });
      } finally {
        this.#online = false;
        this.#connection?.destroy();
      }
      await sleep(clock, wait, this.#stop.signal);
      wait = Math.min(2 * wait, LONGEST_WAIT);
    }
  }

  /** The stream, when the server has taken the secret. */
  async #connect(): Promise<Stream> {
    const { server, address, secret, clock } = this.#options;
    const connection = await dialPlain({ to: server, clock, timeout: GREETING_TIME });
    this.#connection = connection;
    if (this.#stop.signal.aborted) throw new XmppError('offline', 'the office closes');
    const cancel = clock.timer(GREETING_TIME, () => connection.destroy());
    try {
      const stream = new Stream(connection);
      await connection.write(
        `<?xml version='1.0'?><stream:stream xmlns='${ACCEPT}' xmlns:stream='${STREAM}' to='${escaped(address)}'>`,
      );
      const id = (await stream.opening(GREETING_TIME))?.attributes.get('id');
      if (id === undefined) throw new XmppError('protocol', 'the XMPP server opens no stream');
      const proof = createHash('sha1').update(`${id}${secret}`).digest('hex'); // XEP-0114, 3
      await connection.write(element('handshake', {}, proof));
      const answer = await stream.next(GREETING_TIME);
      if (answer?.name !== 'handshake') throw new XmppError('refused', 'the XMPP server does not take the secret');
      return stream;
    } finally {
      cancel();
    }
  }

  async #listen(stream: Stream): Promise<void> {
    this.#online = true;
    const blank = async () => this.#connection?.write(' ');
    for (;;) {
      const stanza = await stream.next(SILENCE, blank);
      if (stanza === undefined) return;
      this.#options.heard(stanza);
    }
  }
}
