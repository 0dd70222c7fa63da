// The SmallMail counter as the office opens it: its ports, and its settings in force.

import { type Endpoint, formatEndpoint, isLoopback } from '../net/endpoint.ts';
import { type Port, Ports } from '../net/ports.ts';
import type { Counter, Danger, House, Listening, OpenCounter } from '../post/counter.ts';
import { Room } from './room.ts';
import { serve } from './server.ts';
import { type SmallMailSettings, settings } from './settings.ts';

export const smallmail: Counter<SmallMailSettings> = {
  name: 'smallmail',
  title: 'SmallMail',
  settings,
  firstSteps: [
    'npx postern smallmail new alice',
    'npx postern smallmail send alice --subject Hello "Is anybody there?"',
    'npx postern smallmail list alice',
  ],
  chapter: () => import('./chapter.ts').then(({ chapter }) => chapter),
  files: () => import('./files.ts').then(({ files }) => files),
  dangers,
  listens: ({ listen, listen_onion }) => [...listen, ...listen_onion],
  async open(house, settings) {
    const { makeDecoy } = await import('./openpgp/decoy.ts');
    const room = new Room(house.post, settings, await makeDecoy());
    const ports = new Ports();
    await ports.use(portsOf(room, house, settings));
    return new OpenSmallMail(room, ports);
  },
};

function dangers(settings: SmallMailSettings): Danger[] {
  const found: Danger[] = [];
  const open = [...settings.listen, ...settings.listen_onion].some(({ host }) => !isLoopback(host));
  if (settings.tls_min === '1.0' && open) {
    found.push({
      setting: 'smallmail.tls_min',
      message: 'TLS 1.0 is spoken on an address that others can reach: they can read and change its sessions',
      remedy: 'set tls_min = "1.2", or listen on 127.0.0.1 only',
    });
  }
  const exposed = settings.listen_onion.find(({ host }) => !isLoopback(host));
  if (exposed) {
    found.push({
      setting: 'smallmail.listen_onion',
      message: `${formatEndpoint(exposed)} can be reached without tor, and no limit for each address applies there`,
      remedy: 'an onion service needs only 127.0.0.1; use `listen` for the open network',
    });
  }
  return found;
}

class OpenSmallMail implements OpenCounter<SmallMailSettings> {
  readonly #room: Room;
  readonly #ports: Ports;

  constructor(room: Room, ports: Ports) {
    this.#room = room;
    this.#ports = ports;
  }

  get listening(): readonly Listening[] {
    return this.#ports.listening;
  }

  get connections(): number {
    return this.#ports.connections;
  }

  async reload(house: House, settings: SmallMailSettings): Promise<void> {
    await this.#ports.use(portsOf(this.#room, house, settings));
    this.#room.use(settings);
  }

  async close(grace: number): Promise<void> {
    await this.#ports.close(grace);
  }
}

function portsOf(room: Room, { post, identity }: House, settings: SmallMailSettings): Port[] {
  const port = (what: string, at: Endpoint, perAddress: number | undefined): Port => ({
    what,
    at,
    identity,
    limits: { connections: settings.connections, perAddress },
    minVersion: settings.tls_min === '1.0' ? 'TLSv1' : 'TLSv1.2', // spec: smallmail 2.2
    clock: post.clock,
    serve: (connection) => serve(connection, room),
    refused: (reason) => room.count('(connect)', reason),
  });
  return [
    ...settings.listen.map((at) => port('TLS', at, settings.connections_per_address)),
    ...settings.listen_onion.map((at) => port('TLS, for an onion service', at, undefined)), // spec: smallmail 2.13
  ];
}
