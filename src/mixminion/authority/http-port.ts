// HTTP on the ports of the house, whose limits, certificates and closing hold here as well: one request a connection, each
// with a deadline for all of it.

import { once } from 'node:events';
import type { Server } from 'node:http';
import { Socket } from 'node:net';
import { createAdaptorServer, type HttpBindings } from '@hono/node-server';
import type { Hono } from 'hono';
import { type Clock, MINUTE, SECOND } from '../../base/time.ts';
import type { Connection } from '../../net/connection.ts';

/** For all of a request and its answer. */
const LONGEST = 10 * MINUTE;
/** Without an octet either way. */
const SILENCE = 30 * SECOND;

export type Pages = Hono<{ Bindings: HttpBindings }>;

export class HttpPort {
  readonly #server: Server;
  readonly #clock: Clock;
  readonly #idle = new Set<Socket>();
  #leaving = false;

  constructor(pages: Pages, clock: Clock) {
    this.#clock = clock;
    this.#server = createAdaptorServer({ fetch: pages.fetch }) as Server;
    this.#server.maxRequestsPerSocket = 1;
    this.#server.timeout = SILENCE;
    this.#server.on('request', ({ socket }) => this.#idle.delete(socket));
  }

  /** Answers the request of one connection. Resolves when the connection has ended. */
  async serve(connection: Connection): Promise<void> {
    const socket = await connection.release();
    if (!(socket instanceof Socket) || socket.destroyed || this.#leaving) return connection.destroy();
    const ended = once(socket, 'close');
    const cancel = this.#clock.timer(LONGEST, () => socket.destroy());
    this.#idle.add(socket);
    this.#server.emit('connection', socket);
    await ended;
    cancel();
    this.#idle.delete(socket);
  }

  /** Takes no further request; those under way go on. */
  leave(): void {
    this.#leaving = true;
    for (const socket of this.#idle) socket.destroy();
  }
}
