// An IMMP counter with a port of its own and everything real but the process around it, and accounts for people at the command line.

import { systemClock, type VirtualClock } from '../../src/base/time.ts';
import { controls } from '../../src/immp/controls.ts';
import { immp } from '../../src/immp/counter.ts';
import { type ImmpSettings, settings as schema } from '../../src/immp/settings.ts';
import { makeSelfSigned, makeTlsKey, type TlsIdentity } from '../../src/net/tls-identity.ts';
import type { House } from '../../src/post/counter.ts';
import { type Client, openClient } from './client.ts';
import { PASSWORD } from './immp.ts';
import { openTestPost, type TestPost } from './post.ts';

export interface ImmpOffice extends AsyncDisposable {
  readonly domain: string;
  readonly post: TestPost;
  readonly port: number;
  /** The option that tells a client where it is. */
  readonly at: readonly string[];
  /** Asks as the operator does. */
  ask(name: string, argument: unknown): Promise<unknown>;
  /** Takes other settings. */
  reload(changes: Record<string, unknown>): Promise<void>;
  readonly identity: TlsIdentity;
  /** Shows another TLS key, or announces one. */
  show(identity: TlsIdentity): Promise<void>;
  /** A person at the command line, logged in to a new account. */
  person(account: string): Promise<Client>;
}

export async function openImmpOffice(
  domain: string,
  changes: Record<string, unknown> = {},
  clock: VirtualClock | typeof systemClock = systemClock,
): Promise<ImmpOffice> {
  process.env['POSTERN_PASSWORD'] = PASSWORD;
  const post = await openTestPost(clock);
  let house: House = {
    post,
    identity: await makeSelfSigned(domain, makeTlsKey(), Date.now()),
    folder: post.folder,
    hostname: domain,
  };
  const own = { listen: ['127.0.0.1:0'], scrypt_n: 16384, connections_per_account: 50 };
  const settingsWith = (more: Record<string, unknown>): ImmpSettings => schema.parse({ ...own, ...changes, ...more });
  const settings = settingsWith({});
  const open = await immp.open(house, settings);
  const people: Client[] = [];
  const port = open.listening[0]?.at.port ?? 0;
  const at = ['--server', `localhost:${port}`];
  const ask = async (name: string, argument: unknown) => {
    const control = controls[name];
    if (control === undefined) throw new Error(`there is no control ${name}`);
    return control.run({ post, settings, folder: post.folder, hostname: domain }, control.argument.parse(argument));
  };
  return {
    domain,
    post,
    port,
    at,
    ask,
    reload: (more) => open.reload(house, settingsWith(more)),
    get identity() {
      return house.identity;
    },
    show: (identity) => {
      house = { ...house, identity };
      return open.reload(house, settings);
    },
    async person(account) {
      await ask('account.add', { name: account, password: PASSWORD });
      const client = await openClient('immp');
      people.push(client);
      await client.run('login', `${account}@${domain}`, ...at);
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const person of people) await person[Symbol.asyncDispose]();
      await open.close(200);
      await post[Symbol.asyncDispose]();
    },
  };
}
