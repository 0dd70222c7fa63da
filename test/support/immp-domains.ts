// IMMP domains on loopback, each with a port, a store and a key of its own, that know where the others are.

import type { Clock } from '../../src/base/time.ts';
import { systemClock } from '../../src/base/time.ts';
import { Federation } from '../../src/immp/federation/federation.ts';
import { Room } from '../../src/immp/room.ts';
import { serve } from '../../src/immp/server.ts';
import { type ImmpSettings, settings as schema } from '../../src/immp/settings.ts';
import { Ports } from '../../src/net/ports.ts';
import { makeSelfSigned, makeTlsKey, type TlsIdentity } from '../../src/net/tls-identity.ts';
import { ImmpTypist } from './immp.ts';
import { openTestPost, type TestPost } from './post.ts';

export interface ImmpDomain extends AsyncDisposable {
  readonly domain: string;
  readonly post: TestPost;
  readonly room: Room;
  readonly federation: Federation;
  readonly port: number;
  use(changes: object): Promise<void>;
  /** Shows another certificate from now on. */
  show(identity: TlsIdentity): void;
  account(name: string): Promise<void>;
  /** Types as this user, who has logged in. */
  as(name: string): ImmpTypist;
  /** Types as another domain that has shown who it is. */
  asDomain(domain: string): ImmpTypist;
  /** The messages of a user's folder. */
  index(name: string, folder?: string): Promise<Record<string, unknown>[]>;
  /** What FETCH shows of one of them. */
  open(name: string, uuid: unknown): Promise<Shown>;
  /** The office is away: its port is closed. */
  leave(): Promise<void>;
  /** It listens again, at the same port. */
  comeBack(): Promise<void>;
  /** Cuts every conversation. */
  restart(): Promise<void>;
}

export interface Shown {
  readonly envelope: Record<string, unknown>;
  readonly parts: readonly {
    readonly name: string;
    readonly class: string;
    readonly type: string;
    readonly data: string;
  }[];
}

export async function openImmpDomain(
  domain: string,
  changes: object = {},
  clock: Clock = systemClock,
): Promise<ImmpDomain> {
  const post = await openTestPost(clock);
  const settingsWith = (more: object) =>
    schema.parse({
      ...{ scrypt_n: 16384, deliver_rate: '100000/h', cookie: { accept_tofu: true } },
      ...changes,
      ...more,
    }) as ImmpSettings;
  const identity = await makeSelfSigned(domain, makeTlsKey(), Date.now());
  const house = { post, identity, folder: post.folder, hostname: domain };
  let settings = settingsWith({});
  const room = await Room.open(house, settings);
  const federation = await Federation.open(room);
  room.push.out.start();
  const listen = async (port: number) => {
    const ports = new Ports();
    await ports.use([
      {
        what: 'IMMP',
        at: { host: '127.0.0.1', port },
        limits: { connections: 1000, perAddress: 1000 },
        clock,
        serve: (connection) => serve(connection, room),
        refused: () => {},
      },
    ]);
    return ports;
  };
  let ports: Ports | undefined = await listen(0);
  const port = ports.listening[0]?.at.port ?? 0;
  const typist = (account: string) => new ImmpTypist(room, { state: 'local', account, since: clock.now() });
  const here: ImmpDomain = {
    domain,
    post,
    room,
    federation,
    port,
    async use(more) {
      settings = settingsWith(more);
      room.use(house, settings);
      await federation.use();
    },
    show(other) {
      Object.assign(house, { identity: other });
      room.use(house, settings);
    },
    async account(name) {
      await room.accounts.create(`${name}@${domain}`, { bytes: 1e9, messages: 1_000_000 });
    },
    as: (name) => typist(`${name}@${domain}`),
    asDomain: (other) => new ImmpTypist(room, { state: 'remote', domain: other }),
    async index(name, folder = 'inbox') {
      const user = here.as(name);
      const lines = await user.json(`MBOX INDEX /${folder} +JSON`);
      user.hangUp();
      return lines;
    },
    async open(name, uuid) {
      const user = here.as(name);
      const [message] = await user.json(`MBOX FETCH /#${String(uuid)} +JSON`);
      user.hangUp();
      return message as unknown as Shown;
    },
    async leave() {
      await ports?.close(0);
      ports = undefined;
    },
    async comeBack() {
      ports ??= await listen(port);
    },
    async restart() {
      await here.leave();
      await here.comeBack();
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([ports?.close(0), federation.close(0), room.push.out.close(0)]);
      await post[Symbol.asyncDispose]();
    },
  };
  return here;
}

/** Domains of which each knows where the others are. */
export async function openImmpDomains<const Names extends readonly string[]>(
  stack: AsyncDisposableStack,
  names: Names,
  clock: Clock = systemClock,
): Promise<{ [At in keyof Names]: ImmpDomain }> {
  const domains = await Promise.all(names.map((name) => openImmpDomain(name, {}, clock)));
  for (const domain of domains) stack.use(domain);
  for (const domain of domains) await domain.use(hostsOf(domains));
  return domains as { [At in keyof Names]: ImmpDomain };
}

export function hostsOf(domains: readonly Pick<ImmpDomain, 'domain' | 'port'>[]): { hosts: string[] } {
  return { hosts: domains.map(({ domain, port }) => `${domain}=127.0.0.1:${port}`) };
}
