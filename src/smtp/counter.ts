// The SMTP gateway as the office opens it: its ports, the way out for every counter's mail, its settings in force.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PosternError } from '../base/errors.ts';
import { type Endpoint, parseEndpoint } from '../net/endpoint.ts';
import { type Port, Ports } from '../net/ports.ts';
import type { Controls } from '../post/control.ts';
import type { Counter, Danger, House, Listening, OpenCounter } from '../post/counter.ts';
import { controls, openControls } from './controls.ts';
import { Desk } from './in/desk.ts';
import { MailPort, type Manners, type Role } from './in/server.ts';
import { Spool } from './in/spool.ts';
import { Carrier, type CarrierParts } from './out/carrier.ts';
import { isSafeRelay, type World } from './out/couriers.ts';
import { type DkimKey, dkimKey } from './out/dkim.ts';
import { policyFetcher } from './out/sts.ts';
import type { RelayHost } from './relay.ts';
import { type SmtpSettings, settings } from './settings.ts';

const MAIL_PORT = 25;

export const smtp: Counter<SmtpSettings> = {
  name: 'smtp',
  title: 'SMTP gateway',
  settings,
  firstSteps: ['npx postern smtp dkim'],
  chapter: () => import('./chapter.ts').then(({ chapter }) => chapter),
  controls,
  dangers,
  warnings,
  listens: ({ listen, listen_submission, listen_submissions }) => [
    ...listen,
    ...listen_submission,
    ...listen_submissions,
  ],
  open: (house, settings) => openGateway(house, settings, {}),
};

/** `changes` to the world are for tests. */
export async function openGateway(
  house: House,
  settings: SmtpSettings,
  changes: Partial<World>,
): Promise<OpenCounter<SmtpSettings>> {
  const { post, folder, hostname } = house;
  const fetch = policyFetcher(post.resolver, post.clock);
  const world: World = { hostname, port: MAIL_PORT, fetch, tlsa: undefined, ...changes };
  const spool = await Spool.open(join(folder, 'work'), post.random);
  const carrier = await Carrier.open(post, world, await carrierParts(house, settings));
  const open = new OpenGateway(carrier, spool, house, settings);
  try {
    await open.listen(house, settings);
  } catch (error) {
    await open.close(0);
    throw error;
  }
  return open;
}

class OpenGateway implements OpenCounter<SmtpSettings> {
  readonly controls: Controls<SmtpSettings> = openControls;
  readonly #carrier: Carrier;
  readonly #ports = new Ports();
  readonly #endOutgoing: () => void;
  readonly #count: (outcome: string) => void;
  readonly #refused: (reason: string) => void;
  readonly #mail: Readonly<Record<Role, MailPort>>;
  #desk: Desk;

  constructor(carrier: Carrier, spool: Spool, house: House, settings: SmtpSettings) {
    this.#carrier = carrier;
    const { metrics } = house.post;
    const count = metrics.counter('postern_smtp_in_total', 'Messages handed in over SMTP', ['outcome']);
    this.#count = (outcome) => count({ outcome });
    const help = 'Connections turned away at the SMTP ports';
    const refused = metrics.counter('postern_smtp_refused_connections_total', help, ['reason']);
    this.#refused = (reason) => refused({ reason });
    this.#desk = this.#makeDesk(house, settings);
    const failed = (reason: string) => house.post.log.debug('smtp.conversation-broke', { reason });
    const parts = { spool, desk: () => this.#desk, failed };
    const manners = mannersOf(house, settings);
    this.#mail = {
      exchange: new MailPort('exchange', parts, manners),
      submission: new MailPort('submission', parts, manners),
      submissions: new MailPort('submissions', parts, manners),
    };
    this.#endOutgoing = house.post.outgoing.use(carrier);
  }

  get listening(): readonly Listening[] {
    return this.#ports.listening;
  }

  get connections(): number {
    return this.#ports.connections;
  }

  async listen(house: House, settings: SmtpSettings): Promise<void> {
    await this.#ports.use(this.#portsOf(house, settings));
  }

  async reload(house: House, settings: SmtpSettings): Promise<void> {
    const parts = await carrierParts(house, settings);
    await this.listen(house, settings);
    await this.#carrier.use(parts);
    this.#desk = this.#makeDesk(house, settings);
    for (const port of Object.values(this.#mail)) port.use(mannersOf(house, settings));
  }

  async close(grace: number): Promise<void> {
    this.#endOutgoing();
    for (const port of Object.values(this.#mail)) port.leave();
    await Promise.all([this.#ports.close(grace), this.#carrier.close(grace)]);
  }

  #makeDesk({ post, hostname }: House, settings: SmtpSettings): Desk {
    return new Desk({ post, hostname, settings, carrier: this.#carrier, count: this.#count });
  }

  #portsOf({ post, identity }: House, settings: SmtpSettings): Port[] {
    const port = (role: Role, what: string, at: Endpoint): Port => ({
      what,
      at,
      limits: { connections: settings.connections, perAddress: settings.connections_per_address },
      clock: post.clock,
      ...(role === 'submissions' ? { identity } : {}),
      serve: (connection) => this.#mail[role].serve(connection),
      refused: this.#refused,
    });
    return [
      ...settings.listen.map((at) => port('exchange', 'for mail servers', at)),
      ...settings.listen_submission.map((at) => port('submission', 'for users, STARTTLS', at)),
      ...settings.listen_submissions.map((at) => port('submissions', 'for users, TLS', at)),
    ];
  }
}

function mannersOf({ hostname, identity }: House, settings: SmtpSettings): Manners {
  const { message_size: size, recipients, idle_time: idleTime } = settings;
  return { hostname, identity, size, recipients, idleTime };
}

async function carrierParts({ folder }: House, settings: SmtpSettings): Promise<CarrierParts> {
  let key: Promise<DkimKey> | undefined;
  const makeKey = () => {
    key ??= dkimKey(folder, settings.dkim_selector);
    return key;
  };
  return { settings, key: makeKey, relay: await relayOf(settings) };
}

/** Throws PosternError `config` when the password cannot be read. */
async function relayOf(settings: SmtpSettings): Promise<RelayHost | undefined> {
  const { relay, relay_tls: tls, relay_user: user, relay_password_file: file } = settings;
  const endpoint = relay === '' ? undefined : parseEndpoint(relay, 587);
  if (endpoint === undefined) return undefined;
  if (user === '') return { endpoint, tls };
  try {
    return { endpoint, tls, user, password: (await readFile(file, 'utf8')).replace(/\r?\n$/, '') };
  } catch (cause) {
    throw new PosternError('config', 'the password for the smart host cannot be read', {
      cause,
      remedy: 'smtp.relay_password_file names a file that the office may read',
    });
  }
}

function dangers({ relay, relay_tls: tls, relay_user, relay_password_file }: SmtpSettings): Danger[] {
  const endpoint = relay === '' ? undefined : parseEndpoint(relay, 587);
  if (endpoint === undefined) return [];
  const found: Danger[] = [];
  if (!isSafeRelay({ endpoint, tls })) {
    found.push({
      setting: 'smtp.relay_tls',
      message: 'all outgoing mail would go to the smart host in the clear',
      remedy: 'set "starttls" or "implicit", or use a smart host on this machine',
    });
  }
  if ((relay_user === '') !== (relay_password_file === '')) {
    found.push({
      setting: 'smtp.relay_user',
      message: 'a name without a password, or a password without a name',
      remedy: 'set relay_user and relay_password_file, or neither',
    });
  }
  return found;
}

function warnings({ listen, postmaster, relay }: SmtpSettings): Danger[] {
  const found: Danger[] = [];
  if (listen.some(({ port }) => port === MAIL_PORT) && postmaster === '') {
    found.push({
      setting: 'smtp.postmaster',
      message: 'mail for postmaster@ is refused; other mail servers may think less of this one',
      remedy: 'name an address of this office',
    });
  }
  if (relay === '') {
    found.push({
      setting: 'smtp.tls_out',
      message: 'DANE is not looked at when mail goes out: Node’s resolver does not say whether an answer was checked',
      remedy: 'nothing to do; MTA-STS is looked at, and a smart host that knows DANE can be set as smtp.relay',
    });
  }
  return found;
}
