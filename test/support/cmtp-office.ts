// A CMTP counter with ports of its own and everything real but the process around it, and a way for its users to come in.

import { systemClock, type VirtualClock } from '../../src/base/time.ts';
import { cmtp } from '../../src/cmtp/counter.ts';
import { invite } from '../../src/cmtp/invitations.ts';
import { type CmtpSettings, settings as schema } from '../../src/cmtp/settings.ts';
import { makeSelfSigned, makeTlsKey } from '../../src/net/tls-identity.ts';
import type { House, OpenCounter } from '../../src/post/counter.ts';
import { type Client, openClient } from './client.ts';
import { openTestPost, type TestPost } from './post.ts';

const HOUR = 3_600_000;
export const PASSPHRASE = 'walnut gravel sunrise puppet ferry cobalt';

export interface CmtpOffice extends AsyncDisposable {
  readonly domain: string;
  readonly post: TestPost;
  readonly plain: number;
  readonly tls: number;
  /** The options that tell a client where it is. */
  readonly at: readonly string[];
  /** Takes other settings. */
  reload(changes: Record<string, unknown>): Promise<void>;
  /** A person with an account here, made with an invitation. */
  enrol(account: string, person?: Client): Promise<Client>;
}

export async function openCmtpOffice(
  domain: string,
  changes: Record<string, unknown> = {},
  clock: VirtualClock | typeof systemClock = systemClock,
): Promise<CmtpOffice> {
  process.env['POSTERN_PASSPHRASE'] ??= PASSPHRASE;
  const post = await openTestPost(clock);
  const identity = await makeSelfSigned('localhost', makeTlsKey(), Date.now());
  const house: House = { post, identity, folder: post.folder, hostname: domain };
  const own = { listen: ['127.0.0.1:0'], listen_tls: ['127.0.0.1:0'] };
  const settingsWith = (more: Record<string, unknown>): CmtpSettings => schema.parse({ ...own, ...changes, ...more });
  const open: OpenCounter<CmtpSettings> = await cmtp.open(house, settingsWith({}));
  const people: Client[] = [];
  const [plain = 0, tls = 0] = open.listening.map(({ at }) => at.port);
  const at = ['--server', `localhost:${plain}`, '--tls', `localhost:${tls}`];
  return {
    domain,
    post,
    plain,
    tls,
    at,
    reload: (more) => open.reload(house, settingsWith(more)),
    async enrol(account, person) {
      const client = person ?? (await openClient('cmtp'));
      if (person === undefined) people.push(client);
      const token = await invite(post, { until: post.clock.now() + HOUR, account });
      await client.run('enrol', `${account}@${domain}`, ...at, '--token', token);
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const person of people) await person[Symbol.asyncDispose]();
      await open.close(200);
      await post[Symbol.asyncDispose]();
    },
  };
}

/** Two offices of which each knows where the other is. */
export async function openTwoDomains(
  stack: AsyncDisposableStack,
  clock: VirtualClock | typeof systemClock = systemClock,
): Promise<[CmtpOffice, CmtpOffice]> {
  const [here, there] = await Promise.all([
    openCmtpOffice('here.test', {}, clock),
    openCmtpOffice('there.test', {}, clock),
  ]);
  stack.use(here);
  stack.use(there);
  await here.reload({ forward_hosts: [`there.test=localhost:${there.plain}`] });
  await there.reload({ forward_hosts: [`here.test=localhost:${here.plain}`] });
  return [here, there];
}

/** Asks until the answer is there, for a few seconds. */
export async function eventually<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < 200; tries += 1) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('it did not come about');
}
