// The CMTP counter as the office opens it: its ports, its settings in force, mail from other counters and for other domains.

import { type Endpoint, formatEndpoint, isLoopback } from '../net/endpoint.ts';
import { type Port, Ports } from '../net/ports.ts';
import type { Counter, Danger, House, Listening, OpenCounter } from '../post/counter.ts';
import { accountsOf } from './accounts.ts';
import { controls } from './controls.ts';
import { Forwarding } from './forward/forwarding.ts';
import type { HomeServer } from './forward/passing.ts';
import { addressOwner } from './local.ts';
import { keep, openMailbox, partsOf } from './mailbox.ts';
import { Room } from './room.ts';
import { serve } from './server.ts';
import { serverKeys } from './server-keys.ts';
import type { Manners } from './session.ts';
import { type CmtpSettings, domainOf, quotaOf, settings } from './settings.ts';
import { ACCOUNT_WORDS, FETCH_WORDS, WORDS, type Word } from './wire/words.ts';

/** Mail for the empty account is the server's own.   spec: cmtp 4.3 */
const SERVER = '';

export const cmtp: Counter<CmtpSettings> = {
  name: 'cmtp',
  title: 'CMTP',
  settings,
  firstSteps: ['npx postern cmtp account invite alice'],
  chapter: () => import('./chapter.ts').then(({ chapter }) => chapter),
  files: () => import('./files.ts').then(({ files }) => files),
  controls,
  dangers,
  warnings,
  listens: ({ listen, listen_onion, listen_tls }) => [...listen, ...listen_onion, ...listen_tls],
  async open(house, settings) {
    const { post, folder, hostname } = house;
    const server = await serverKeys(folder, post.random);
    await openMailbox(post, SERVER, quotaOf(settings));
    const accounts = accountsOf(post);
    const home: HomeServer = {
      get domain() {
        return room?.domain ?? domainOf(settings, hostname);
      },
      keyOf: async (account: string) => (await accounts.get(account))?.publicKey,
      deliver: async (account: string, message: Uint8Array) => {
        const kept = await keep(post, account, partsOf(Buffer.from(message)));
        return kept === 'stored' || kept === 'duplicate';
      },
    };
    let room: Room | undefined;
    const forward = await Forwarding.open(post, home, settings);
    room = new Room({ post, server, hostname, settings, forward });
    const ports = new Ports();
    try {
      await ports.use(portsOf(room, house, settings));
    } catch (error) {
      await forward.close(0);
      throw error;
    }
    return new OpenCmtp(room, ports, forward);
  },
};

function dangers({ listen_onion }: CmtpSettings): Danger[] {
  const exposed = listen_onion.find(({ host }) => !isLoopback(host));
  if (exposed === undefined) return [];
  return [
    {
      setting: 'cmtp.listen_onion',
      message: `${formatEndpoint(exposed)} can be reached without tor, and no limit for each address applies there`,
      remedy: 'an onion service needs only 127.0.0.1; use `listen` for the open network',
    },
  ];
}

function warnings({ listen, dialect, fetch_words }: CmtpSettings): Danger[] {
  const open = listen.find(({ host }) => !isLoopback(host));
  if (open === undefined) return [];
  const found: Danger[] = [];
  if (dialect === 'auto') {
    found.push({
      setting: 'cmtp.dialect',
      message: `${formatEndpoint(open)} greets whoever is silent as the old reference server did, which tells what it is`,
      remedy: 'set dialect = "seed", unless old clients come there',
    });
  }
  if (fetch_words) {
    found.push({
      setting: 'cmtp.fetch_words',
      message: `over ${formatEndpoint(open)} users read their mail in the clear: others see who reads how much, and when`,
      remedy: 'set fetch_words = false; mail is read over listen_tls',
    });
  }
  return found;
}

class OpenCmtp implements OpenCounter<CmtpSettings> {
  readonly #room: Room;
  readonly #ports: Ports;
  readonly #forward: Forwarding;
  readonly #disown: () => void;

  constructor(room: Room, ports: Ports, forward: Forwarding) {
    this.#room = room;
    this.#ports = ports;
    this.#forward = forward;
    this.#disown = room.post.local.register(addressOwner(room));
  }

  get listening(): readonly Listening[] {
    return this.#ports.listening;
  }

  get connections(): number {
    return this.#ports.connections;
  }

  async reload(house: House, settings: CmtpSettings): Promise<void> {
    await this.#ports.use(portsOf(this.#room, house, settings));
    await this.#forward.use(settings);
    await openMailbox(house.post, SERVER, quotaOf(settings));
    this.#room.use(settings);
  }

  async close(grace: number): Promise<void> {
    this.#disown();
    await Promise.all([this.#ports.close(grace), this.#forward.close(grace)]);
  }
}

/** The settings that count are those in force when somebody comes, not those of when the port was opened. */
const MANNERS = {
  plain: ({ dialect, fetch_words }: CmtpSettings): Manners => ({
    dialect,
    words: wordsOf(fetch_words),
    anonymous: false,
  }),
  onion: ({ fetch_words }: CmtpSettings): Manners => ({
    dialect: 'seed',
    words: wordsOf(fetch_words),
    anonymous: true,
  }),
  tls: (): Manners => ({ dialect: 'seed', words: [...FETCHING, ...ACCOUNT_WORDS], anonymous: false }),
} as const;

const FETCHING = [...WORDS, ...FETCH_WORDS];

function wordsOf(fetching: boolean): readonly Word[] {
  return fetching ? FETCHING : WORDS;
}

function portsOf(room: Room, { post, identity }: House, settings: CmtpSettings): Port[] {
  const port = (what: string, at: Endpoint, manners: (settings: CmtpSettings) => Manners): Port => ({
    what,
    at,
    limits: {
      connections: settings.connections,
      perAddress: manners === MANNERS.onion ? undefined : settings.connections_per_address,
    },
    clock: post.clock,
    serve: (connection) => serve(connection, room, manners(room.settings)),
    refused: (reason) => room.count('(connect)', reason),
  });
  return [
    ...settings.listen.map((at) => port('plain', at, MANNERS.plain)),
    ...settings.listen_onion.map((at) => port('plain, for an onion service', at, MANNERS.onion)),
    ...settings.listen_tls.map((at) => ({ ...port('TLS', at, MANNERS.tls), identity })), // spec: cmtp 9 D24
  ];
}
