// The IMA counter as the office opens it: three ports, mail from and for other counters.   spec: ima 1.3, 2.5

import type { Connection } from '../net/connection.ts';
import { type Endpoint, formatEndpoint, isLoopback } from '../net/endpoint.ts';
import { type Port, Ports } from '../net/ports.ts';
import type { Counter, Danger, House, Listening, OpenCounter } from '../post/counter.ts';
import { controls } from './controls.ts';
import { Receiver } from './imdp/receiving.ts';
import { serveImdp } from './imdp/server.ts';
import { certificateOf, Reader } from './imrp/reading.ts';
import { ImaOffice } from './office/office.ts';
import { type ImaSettings, settings } from './settings.ts';
import { ASK_FOR_CERTIFICATE } from './trust/peer.ts';
import { greet } from './users/greeting.ts';
import { sameForm } from './wire/names.ts';

export const ima: Counter<ImaSettings> = {
  name: 'ima',
  title: 'IMA',
  settings,
  firstSteps: ['npx postern ima account add alice@HOST'],
  files: () => import('./files.ts').then(({ files }) => files),
  chapter: () => import('./chapter.ts').then(({ chapter }) => chapter),
  controls,
  warnings,
  listens: (settings) =>
    [settings['server-receive'], settings['server-post-office'], settings.submission].flatMap(({ listen }) => listen),
  async open(house, settings) {
    const office = await ImaOffice.open(house, settings);
    const open = new OpenIma(office);
    try {
      await open.listen(house, settings);
    } catch (error) {
      await open.close(0);
      throw error;
    }
    return open;
  },
};

function warnings(settings: ImaSettings): Danger[] {
  const open = settings['server-receive'].listen.find(({ host }) => !isLoopback(host));
  if (open === undefined || settings.cert !== '') return [];
  return [
    {
      setting: 'ima.cert',
      message: `at ${formatEndpoint(open)} other servers see the office's own certificate, and refuse it unless an authority signed it`,
      remedy: 'set ima.cert and ima.key to a certificate of your domain, or make a private authority: postern ca',
    },
  ];
}

class OpenIma implements OpenCounter<ImaSettings> {
  readonly #office: ImaOffice;
  readonly #ports = new Ports();
  readonly #receiver: Receiver;
  readonly #reader: Reader;
  readonly #disown: () => void;

  constructor(office: ImaOffice) {
    const { clock, random } = office.post;
    this.#office = office;
    this.#receiver = new Receiver(() => office.receiving());
    this.#reader = new Reader(
      () => ({
        ...{ clock, random, users: office.accounts, authorities: office.standing.authorities, count: office.count },
        mailboxOf: ({ mailbox }) => office.mailboxAt(mailbox),
        left: ({ address, mailbox }) => office.mirror.nudge(address, office.mailboxAt(mailbox)),
      }),
      clock,
    );
    this.#disown = office.post.local.register(office.owner());
  }

  get listening(): readonly Listening[] {
    return this.#ports.listening;
  }

  get connections(): number {
    return this.#ports.connections;
  }

  async listen(house: House, settings: ImaSettings): Promise<void> {
    await this.#ports.use(this.#portsOf(house, settings));
  }

  async reload(house: House, settings: ImaSettings): Promise<void> {
    await this.#office.use(house, settings);
    await this.listen(house, settings);
  }

  async close(grace: number): Promise<void> {
    this.#disown();
    await this.#ports.close(grace);
    await this.#office.close(grace);
  }

  #portsOf({ post }: House, settings: ImaSettings): Port[] {
    const port = (
      what: string,
      { connections, connections_per_address: perAddress }: { connections: number; connections_per_address: number },
      serve: (connection: Connection, socket: unknown) => Promise<void>,
    ) => {
      return (at: Endpoint): Port => ({
        ...{ what, at, serve, clock: post.clock, identity: this.#office.standing.own, tls: ASK_FOR_CERTIFICATE },
        limits: { connections, perAddress },
        refused: (reason) => this.#office.count(reason),
      });
    };
    const [receive, read, submit] = [settings['server-receive'], settings['server-post-office'], settings.submission];
    return [
      ...receive.listen.map(port('IMDP', receive, (connection, socket) => this.#receiver.serve(connection, socket))),
      ...read.listen.map(port('IMRP', read, (connection, socket) => this.#reader.serve(connection, socket))),
      ...submit.listen.map(port('submission', submit, (connection, socket) => this.#submission(connection, socket))),
    ];
  }

  /** A login, then the exchange of IMDP.   spec: ima 2.9 */
  async #submission(connection: Connection, socket: unknown): Promise<void> {
    const office = this.#office;
    const user = await greet(connection, certificateOf(socket), this.#reader.desk(connection));
    if (user === undefined) return;
    const own = sameForm(user.address);
    await serveImdp(connection, {
      maxSize: office.standing.settings['server-receive'].max_size,
      folder: undefined,
      maySend: ({ from, mailer }) => sameForm(from) === own && (mailer === undefined || sameForm(mailer) === own),
      judge: async () => undefined,
      handle: (letter, say) => office.submit(user, letter, say),
      count: office.count,
    });
  }
}
