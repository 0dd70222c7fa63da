// The IMMP counter as the office opens it: its ports, and its settings in force.

import type { Endpoint } from '../net/endpoint.ts';
import { isLoopback } from '../net/endpoint.ts';
import { type Port, Ports } from '../net/ports.ts';
import type { Controls } from '../post/control.ts';
import type { Counter, Danger, House, Listening, OpenCounter } from '../post/counter.ts';
import { controls } from './controls.ts';
import { Federation } from './federation/federation.ts';
import { addressOwner } from './mail/from-mail.ts';
import { Room } from './room.ts';
import { serve } from './server.ts';
import { type ImmpSettings, settings } from './settings.ts';
import { openControls } from './visits.ts';
import { openCarriage } from './xmpp/carriage.ts';

export const immp: Counter<ImmpSettings> = {
  name: 'immp',
  title: 'IMMP',
  firstSteps: ['npx postern immp account add alice'],
  chapter: () => import('./chapter.ts').then(({ chapter }) => chapter),
  files: () => import('./files.ts').then(({ files }) => files),
  settings,
  controls,
  warnings,
  listens: ({ listen }) => listen,
  async open(house, settings) {
    const room = await Room.open(house, settings);
    const federation = await Federation.open(room);
    const ports = new Ports();
    try {
      await ports.use(portsOf(room, settings));
    } catch (error) {
      await federation.close(0);
      throw error;
    }
    room.push.out.start();
    await openCarriage(room);
    return new OpenImmp(room, federation, ports, house.post.local.register(addressOwner(room)));
  },
};

function warnings(settings: ImmpSettings): Danger[] {
  return [...weakWays(settings), ...openXmpp(settings)];
}

/** A component speaks with its server in the clear (XEP-0114). */
function openXmpp({ xmpp }: ImmpSettings): Danger[] {
  if (xmpp.server.every(({ host }) => isLoopback(host))) return [];
  return [
    {
      setting: 'immp.xmpp.server',
      message:
        'between the office and this XMPP server others can read the secret, and see which domains write to each other',
      remedy: 'run the XMPP server on this machine, or lead the connection through a tunnel',
    },
  ];
}

function weakWays({ auth, listen }: ImmpSettings): Danger[] {
  const open = listen.some(({ host }) => !isLoopback(host));
  const weak = auth.filter((method) => method !== 'K3');
  if (weak.length === 0 || !open) return [];
  return [
    {
      setting: 'immp.auth',
      message: `with ${weak.join(' and ')} the office keeps what can log in as its users`,
      remedy: 'set auth = ["K3"] when all clients know it, and let users set their passwords anew',
    },
  ];
}

class OpenImmp implements OpenCounter<ImmpSettings> {
  readonly #room: Room;
  readonly #federation: Federation;
  readonly #ports: Ports;
  readonly #disown: () => void;
  readonly controls: Controls<ImmpSettings>;

  constructor(room: Room, federation: Federation, ports: Ports, disown: () => void) {
    this.#room = room;
    this.#federation = federation;
    this.#ports = ports;
    this.#disown = disown;
    this.controls = openControls(room);
  }

  get listening(): readonly Listening[] {
    return this.#ports.listening;
  }

  get connections(): number {
    return this.#ports.connections;
  }

  async reload(house: House, settings: ImmpSettings): Promise<void> {
    await this.#ports.use(portsOf(this.#room, settings));
    this.#room.use(house, settings);
    await this.#federation.use();
    await openCarriage(this.#room);
  }

  async close(grace: number): Promise<void> {
    this.#disown();
    await Promise.all([this.#ports.close(grace), this.#federation.close(grace), this.#room.push.out.close(grace)]);
    await this.#room.xmpp?.close();
  }
}

/** Plain TCP: encryption comes in the conversation itself.   spec: immp 2.3 */
function portsOf(room: Room, settings: ImmpSettings): Port[] {
  return settings.listen.map((at: Endpoint) => ({
    what: 'IMMP',
    at,
    limits: { connections: settings.connections, perAddress: settings.connections_per_address },
    clock: room.post.clock,
    serve: (connection) => serve(connection, room),
    refused: (reason) => room.count('(connect)', reason),
  }));
}
