// A listening port, TLS or plain: counts who is connected, turns away the surplus, and hands each conversation to a counter.

import { type AddressInfo, createServer as createPlainServer, type Server as PlainServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions, type Server as TlsServer } from 'node:tls';
import { codeOf } from '../base/errors.ts';
import { type Clock, SECOND, sleep, systemClock } from '../base/time.ts';
import { Connection } from './connection.ts';
import { type Endpoint, formatEndpoint } from './endpoint.ts';
import { NetError } from './errors.ts';
import { sourceOf } from './source.ts';
import { FORWARD_SECRET, type TlsIdentity } from './tls-identity.ts';

export interface ConnectionLimits {
  readonly connections: number;
  /** From one IPv4 address or one IPv6 /64; undefined where addresses mean nothing, as behind an onion service. */
  readonly perAddress?: number | undefined;
}

export interface ListenOptions {
  readonly at: Endpoint;
  /** Left out: plain TCP, for a protocol that upgrades in band (`Connection.secure`) or has no TLS. */
  readonly identity?: TlsIdentity | undefined;
  readonly limits: ConnectionLimits;
  /** `TLSv1.2` unless somebody in a laboratory needs less. */
  readonly minVersion?: 'TLSv1' | 'TLSv1.2' | 'TLSv1.3';
  /** What a protocol wants of TLS besides: other ciphers, Diffie-Hellman parameters, certificates of clients. */
  readonly tls?: TlsOptions;
  readonly clock?: Clock;
  readonly handshakeTimeout?: number;
  /** Called for each conversation; the connection is closed when it settles. `socket` is for what TLS knows of the peer. */
  serve(connection: Connection, socket: Socket): Promise<void>;
  /** Told of each connection that was turned away and why. */
  refused?(reason: 'too-many' | 'too-many-from-address' | 'handshake' | 'accept'): void;
}

export class Listener {
  /** Where it listens, with the port that the system chose when 0 was asked for. */
  readonly at: Endpoint;
  readonly #server: PlainServer | TlsServer;
  readonly #clock: Clock;
  readonly #open = new Set<Connection>();
  readonly #sockets = new Set<Socket>();
  readonly #options: ListenOptions;
  #identity: TlsIdentity | undefined;
  #limits: ConnectionLimits;
  #retired: Promise<void> | undefined;
  #closing = false;
  readonly #perSource = new Map<string, number>();

  private constructor(options: ListenOptions, server: PlainServer | TlsServer) {
    this.#server = server;
    this.#clock = options.clock ?? systemClock;
    this.#options = options;
    this.#identity = options.identity;
    this.#limits = options.limits;
    this.at = { host: options.at.host, port: (server.address() as AddressInfo).port };
    server.on('connection', (socket: Socket) => this.#admit(socket));
    server.on('error', () => options.refused?.('accept')); // out of file descriptors, say: this one is lost, the port stays
    if (options.identity) server.on('secureConnection', (socket: Socket) => void this.#converse(socket));
  }

  /** Throws NetError `unreachable` when the port cannot be had, saying why. */
  static async open(options: ListenOptions): Promise<Listener> {
    const server = options.identity ? tlsServer(options, options.identity) : createPlainServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => reject(cannotListen(options.at, cause)));
      server.listen({ host: options.at.host, port: options.at.port, backlog: 1024 }, resolve);
    });
    return new Listener(options, server);
  }

  /** How many conversations are open. */
  get connections(): number {
    return this.#open.size;
  }

  /** New connections see the new certificate; the open ones go on. */
  useIdentity(identity: TlsIdentity): void {
    this.#identity = identity;
    if ('setSecureContext' in this.#server) this.#server.setSecureContext(secrets(this.#options, identity));
  }

  useLimits(limits: ConnectionLimits): void {
    this.#limits = limits;
  }

  /** Takes no more; conversations go on. Resolves when the last has ended. */
  retire(): Promise<void> {
    this.#retired ??= new Promise((resolve) => this.#server.close(() => resolve()));
    return this.#retired;
  }

  /** Takes no more, lets each conversation finish the command it is in, and cuts what is left after `grace` ms. */
  async close(grace: number): Promise<void> {
    const closed = this.retire();
    this.#closing = true;
    for (const connection of this.#open) connection.leave();
    const patience = new AbortController();
    await Promise.race([closed, sleep(this.#clock, grace, patience.signal)]);
    patience.abort();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #admit(socket: Socket): void {
    const source = sourceOf(socket.remoteAddress);
    const fromSource = this.#perSource.get(source) ?? 0;
    const { connections, perAddress } = this.#limits;
    const full = this.#sockets.size >= connections;
    if (full || (perAddress !== undefined && fromSource >= perAddress)) {
      this.#options.refused?.(full ? 'too-many' : 'too-many-from-address');
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    this.#perSource.set(source, fromSource + 1);
    socket.on('close', () => {
      this.#sockets.delete(socket);
      const left = (this.#perSource.get(source) ?? 1) - 1;
      if (left > 0) this.#perSource.set(source, left);
      else this.#perSource.delete(source);
    });
    if (!this.#options.identity) void this.#converse(socket);
  }

  async #converse(socket: Socket): Promise<void> {
    socket.setNoDelay(true);
    socket.allowHalfOpen = true; // a peer that has said everything still wants its answers
    const connection = new Connection(socket, {
      clock: this.#clock,
      peer: { address: socket.remoteAddress, serverKey: this.#identity?.serverKey },
    });
    this.#open.add(connection);
    if (this.#closing) connection.leave(); // its handshake ended too late
    try {
      await this.#options.serve(connection, socket);
      await connection.close();
    } catch {
      connection.destroy(); // `serve` answers for its own errors; what comes here is a peer that is gone
    } finally {
      this.#open.delete(connection);
    }
  }
}

function tlsServer(options: ListenOptions, identity: TlsIdentity): TlsServer {
  const handshakeTimeout = options.handshakeTimeout ?? 30 * SECOND;
  const server = createTlsServer({ ...secrets(options, identity), handshakeTimeout });
  return server.on('tlsClientError', (_error, socket) => {
    options.refused?.('handshake');
    socket.destroy();
  });
}

function secrets({ minVersion = 'TLSv1.2', tls }: ListenOptions, identity: TlsIdentity): TlsOptions {
  const ciphers = minVersion === 'TLSv1' ? 'DEFAULT@SECLEVEL=0' : FORWARD_SECRET;
  return { key: identity.key, cert: identity.certificate, minVersion, ciphers, ...tls };
}

function cannotListen(at: Endpoint, cause: Error): NetError {
  const where = formatEndpoint(at);
  switch (codeOf(cause)) {
    case 'EADDRINUSE':
      return new NetError('unreachable', `${where} is in use by another program`, {
        cause,
        remedy: 'stop that program (is another office running?) or choose another port in the configuration',
      });
    case 'EACCES':
      return new NetError('unreachable', `this user may not listen on ${where}`, {
        cause,
        remedy: 'choose a port above 1023, or give the service the right to low ports',
      });
    default:
      return new NetError('unreachable', `cannot listen on ${where}: ${cause.message}`, { cause });
  }
}
