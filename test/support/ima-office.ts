// IMA counters of several domains in this process, that find each other.

import { join } from 'node:path';
import { type Clock, systemClock } from '../../src/base/time.ts';
import { ima } from '../../src/ima/counter.ts';
import { ImdpClient } from '../../src/ima/imdp/client.ts';
import { ImrpClient } from '../../src/ima/imrp/client.ts';
import { settings as schema } from '../../src/ima/settings.ts';
import { dialIma } from '../../src/ima/trust/peer.ts';
import { fixedResolver, type NameRecords } from '../../src/net/resolver.ts';
import { readTlsIdentity } from '../../src/net/tls-identity.ts';
import type { OpenCounter } from '../../src/post/counter.ts';
import type { World } from './ima.ts';
import { openTestPost, type TestPost } from './post.ts';

export const PASSWORD = 'correct horse';

export interface TestIma extends AsyncDisposable {
  readonly host: string;
  readonly post: TestPost;
  readonly open: OpenCounter<unknown>;
  /** The folder of all mailboxes here. */
  readonly mailboxes: string;
  ask(name: string, argument: object): Promise<unknown>;
  addUser(name: string, options?: object): Promise<string>;
  /** Logged in. */
  read(user: string): Promise<ImrpClient>;
  /** Logged in at submission. */
  submit(user: string): Promise<ImdpClient>;
}

export interface ImaOptions {
  readonly settings?: Record<string, object | string | boolean | readonly string[]>;
  readonly clock?: Clock;
}

/** Opens a domain whose SRV records the others read in `names`. */
export async function openIma(
  world: World,
  host: string,
  names: Map<string, NameRecords>,
  options: ImaOptions = {},
): Promise<TestIma> {
  const { clock = systemClock } = options;
  const post = await openTestPost(clock, fixedResolver(names));
  const { certificate, key } = await world.certificate(host);
  const house = { post, identity: readTlsIdentity(certificate, key), folder: post.folder, hostname: host };
  const listen = { listen: ['127.0.0.1:0'] };
  const given = options.settings ?? {};
  const table = (name: string) => ({ ...listen, ...(typeof given[name] === 'object' ? given[name] : {}) });
  const settings = schema.parse({
    ...{ extra_ca: [world.rootFile], only_extra_ca: true },
    ...given,
    'server-receive': table('server-receive'),
    'server-post-office': table('server-post-office'),
    submission: table('submission'),
  });
  const open = await ima.open(house, settings);
  const portOf = (what: string) => open.listening.find((port) => port.what === what)?.at.port ?? 0;
  names.set(`_imdp._tcp.${host}`, { srv: [{ host: '127.0.0.1', port: portOf('IMDP'), priority: 0, weight: 0 }] });
  const dial = (what: string) =>
    dialIma({ to: { host: '127.0.0.1', port: portOf(what) }, host, trust: world.trust, clock });
  const ask = async (name: string, argument: object) => {
    const asked = ima.controls?.[name];
    if (asked === undefined) throw new Error(`no control ${name}`);
    return asked.run({ post, settings, folder: post.folder, hostname: host }, asked.argument.parse(argument));
  };
  return {
    ...{ host, post, open: open as OpenCounter<unknown>, ask, mailboxes: join(post.folder, 'mailboxes', host) },
    async addUser(name, more = {}) {
      const address = `${name}@${host}`;
      await ask('account.add', { address, password: PASSWORD, ...more });
      return address;
    },
    async read(user) {
      const client = new ImrpClient(await dial('IMRP'));
      await client.logIn(user, PASSWORD);
      return client;
    },
    async submit(user) {
      const connection = await dial('submission');
      await connection.write(`AUTH PASS ${user} ${Buffer.from(PASSWORD).toString('base64')}\n`);
      const answer = (await connection.line(4097, 10_000))?.toString();
      if (answer !== 'OK') throw new Error(`no login: ${answer}`);
      return new ImdpClient(connection);
    },
    async [Symbol.asyncDispose]() {
      await open.close(100);
      await post[Symbol.asyncDispose]();
    },
  };
}
