// What an IMMP server may answer to a client: the first octet chooses what was asked, the others are all that the server says,
// after which it is gone. The same octets are also tried as a greeting.

import { duplexPair } from 'node:stream';
import { deliver } from '../../src/immp/client/deliver.ts';
import { ClientError } from '../../src/immp/client/errors.ts';
import { greeted } from '../../src/immp/client/greeting.ts';
import { logIn } from '../../src/immp/client/log-in.ts';
import { changed, check, fetchMessages, fetchRaw, index, watch } from '../../src/immp/client/mailbox.ts';
import { keyOf, publish, push, subscribe, subscriptions } from '../../src/immp/client/push.ts';
import { ImmpSession } from '../../src/immp/client/session.ts';
import { WireError } from '../../src/immp/wire/errors.ts';
import { Connection } from '../../src/net/connection.ts';
import { NetError } from '../../src/net/errors.ts';
import { GOOD_REPLIES } from '../../test/support/immp-samples.ts';
import type { FuzzTarget } from '../harness.ts';

const alice = { local: 'alice', domain: 'b.com' };
const node = { local: 'alice/news', domain: 'b.com' };
const inbox = { folders: ['inbox'] };
const part = { type: 'text/plain', size: 2, content: true, chunks: () => [Buffer.from('hi')] };
const greeting = { domain: 'b.com', version: '1.0', methods: [], extensions: new Set<string>(), maxMessage: undefined };

const questions: readonly ((session: ImmpSession) => Promise<unknown>)[] = [
  (session) => session.ask({ word: 'NOOP' }),
  (session) => check(session, inbox, true),
  (session) => index(session, inbox),
  (session) => Array.fromAsync(fetchMessages(session, inbox)),
  (session) => Array.fromAsync(fetchRaw(session, inbox)),
  (session) => Promise.all([Array.fromAsync(fetchRaw(session, inbox)), Array.fromAsync(fetchRaw(session, inbox))]),
  (session) => Array.fromAsync(watch(session, [inbox])),
  (session) => changed(session, { word: 'MBOX DELETE', target: inbox }),
  (session) => deliver(session, { to: alice, parts: [part] }),
  (session) => deliver(session, { to: alice, subject: '"', parts: [part, part] }),
  (session) => push(session, { to: alice, from: node, block: part }),
  (session) => publish(session, node, part),
  (session) => subscribe(session, node),
  (session) => subscriptions(session),
  (session) => keyOf(session, 'b.com'),
  (session) =>
    logIn(session, {
      account: alice,
      password: () => Promise.reject(new ClientError('password', 'nobody is asked')),
    }),
];

const SEEDS = [
  '200 Ok',
  '240- /inbox::* u=24 t=1194 s=8 q=9\n240 "/a b::*" u=1 t=1',
  '250- {"uuid":"33af50bc-4841-4426-b27f-793186b52171","from":null,"origin":"b.com","to":"a@b.com","date":"2026"}\n250 ',
  'p1: 250- {"envelope":{"uuid":"x","from":null,"origin":"b.com","to":"a@b.com","received":"2026"},"parts":[]}\np1: 250 ',
  'p1: 251- UUID 33af50bc-4841-4426-b27f-793186b52171\np1: 251- LENGTH 5\nHellop1: 251 TOTAL 5 SHA256 185f8db32271fe25f561a6fc938b2e264306ec304eda518007d1764826381969',
  'p2: 251- LENGTH 1\nxp1: 404 Not found\np2: 251 TOTAL 1 SHA256 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881',
  'p1: 250- {"event":"watching"}\np1: 250- {"event":"new","path":"/inbox","uuid":"x","q":3}\np1: 250 ',
  '241 3 deleted',
  '270 Ok\n271 part1 Saving\n272 part1 saved\n273 33af50bc-4841-4426-b27f-793186b52171 Delivered',
  '270 Ok\n413 Too large\n271 part1 Saving\n272 part1 saved\n200 Ok',
  '271 part1 Saving\n276 33af50bc-4841-4426-b27f-793186b52171 Push held for approval',
  '271 part1 Saving\n284 Published to 3 subscribers',
  '380 Subscribing\n280 Subscribed to: News',
  '281 33af50bc-4841-4426-b27f-793186b52171 a/b@c.d "News"\n282 1 subscriptions.',
  `290 Public key for b.com (fingerprint 0x${'a'.repeat(40)}):\n291- -----BEGIN\n291 line\n291 `,
  '302 x\n303 n1=24c17bb6-11ef-4cfa-8c5c-440ceadc8431 n2=1 k=K3 h=scrypt s=0001020304050607 N=16384 r=8 p=1\n304 v=00\n210 x',
];

export const target: FuzzTarget = {
  about: 'what IMMP servers answer',
  seeds: () => [
    ...SEEDS.map((said, at) => Buffer.concat([Buffer.of(at), Buffer.from(`${said}\n`)])),
    ...GOOD_REPLIES.map((line, at) => Buffer.concat([Buffer.of(at), Buffer.from(`${line}\n`)])),
  ],
  async run(input) {
    const answers = input.subarray(1);
    await against(answers, (connection) => greeted(connection));
    const question = questions[(input[0] ?? 0) % questions.length];
    await against(answers, async (connection) => question?.(ImmpSession.upgraded(connection, greeting)));
  },
};

async function against(said: Buffer, work: (connection: Connection) => Promise<unknown>): Promise<void> {
  const [near, far] = duplexPair();
  const here = new Connection(near);
  try {
    far.resume(); // hears everything out
    far.end(said);
    await work(here);
  } catch (error) {
    if (![ClientError, NetError, WireError].some((kind) => error instanceof kind)) throw error;
  } finally {
    here.destroy();
    far.destroy();
  }
}
