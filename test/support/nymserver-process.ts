// A nymserver as a process of its own, to be killed: mail and control messages come over IPC, replies go to a file that is synced.
// Its hours are seconds.

import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLog } from '../../src/base/log.ts';
import { noMetrics } from '../../src/base/metrics.ts';
import { systemRandom } from '../../src/base/random.ts';
import { fastClock } from '../../src/base/time.ts';
import { surbDigest } from '../../src/mixminion/packet/surb.ts';
import { fixedResolver } from '../../src/net/resolver.ts';
import { Curtain } from '../../src/nym/server/curtain.ts';
import { Nymserver } from '../../src/nym/server/nymserver.ts';
import { LocalDelivery } from '../../src/post/local-delivery.ts';
import { OutgoingMail } from '../../src/post/outgoing-mail.ts';
import type { Post } from '../../src/post/post.ts';
import { Services } from '../../src/post/services.ts';
import { openSqliteStore } from '../../src/store/sqlite/open.ts';
import { DOMAIN, LIMITS } from './nym-limits.ts';

export type Order =
  | { readonly number: number; readonly mail: string }
  | { readonly number: number; readonly control: string }
  | { readonly number: number; readonly ask: 'waiting' };

export interface Answer {
  readonly number: number;
  readonly answer: string;
}

/** One line of the file of replies. */
export interface Reply {
  readonly surbs: readonly string[];
  readonly message: string;
}

const SPEED = 3600;
const [, , folder = '', begun = ''] = process.argv;
const clock = fastClock({ begun: Number(begun), speed: SPEED });
const store = await openSqliteStore({ file: join(folder, 'store.db') });
const post: Post = {
  ...{ store, clock, random: systemRandom, log: silentLog, metrics: noMetrics, resolver: fixedResolver({}) },
  local: new LocalDelivery(),
  outgoing: new OutgoingMail(),
  services: new Services(),
};
const replies = await open(join(folder, 'replies'), 'a');
const server = new Nymserver({
  post,
  limits: { ...LIMITS, quota: { bytes: 1024 ** 3, messages: 100_000 } },
  domain: DOMAIN,
  curtain: await Curtain.open(join(folder, 'curtain'), systemRandom, clock.now()),
  prepareReply: () => async (message, surbs) => {
    const reply: Reply = { surbs: surbs.map(surbDigest), message: message.toString('base64') };
    await replies.write(`${JSON.stringify(reply)}\n`);
    await replies.sync();
  },
  sendMail: async () => {},
  count: () => {},
});
server.start();

async function obey(order: Order): Promise<string> {
  if ('ask' in order) {
    await server.idle();
    return String((await server.desk.vault.waiting('alice')).length);
  }
  if ('control' in order) return server.control(Buffer.from(order.control, 'base64'));
  const message = Buffer.from(order.mail, 'base64');
  return server.addresses.deliver({ to: `alice@${DOMAIN}`, from: 'bob@example.org', message, via: 'smtp' });
}

process.on('message', (order: Order) => {
  void obey(order).then((answer) => process.send?.({ number: order.number, answer } satisfies Answer));
});
process.send?.('ready');
