// IMA's chapter of the demo: a letter that one reader too many keeps from going out at all, then goes; and the copy that its reader keeps
// in step with the server.

import { SECOND, sleep } from '../base/time.ts';
import type { Connection } from '../net/connection.ts';
import { dial } from '../net/dial.ts';
import type { Chapter, Stage } from '../post/demo.ts';
import { compose } from './compose.ts';
import { ImaError } from './errors.ts';
import { ImdpClient } from './imdp/client.ts';
import { ImrpClient } from './imrp/client.ts';
import { mirrorOf } from './office/accounts.ts';
import { formatImrpCommand, IMRP_LINE_LIMIT } from './wire/imrp.ts';
import { headerOf } from './wire/message.ts';

const HOST = 'demo.example';
const ALICE = `alice@${HOST}`;
const BOB = `bob@${HOST}`;
const PASSWORD = 'correct horse';
const TEXT = 'The gate at the back is open tonight. Come alone.\n';
const ANY_PORT = 'listen = ["127.0.0.1:0"]';
const MIRROR_TIME = 2 * SECOND;

export const chapter: Chapter = {
  title: 'IMA: everybody is asked before anything is sent',
  settings: [
    `hostparts = ["${HOST}"]`,
    ...['server-receive', 'server-post-office', 'submission'].flatMap((table) => [`[ima.${table}]`, ANY_PORT]),
  ].join('\n'),
  async tell(stage) {
    const { say, ask } = stage;
    for (const address of [ALICE, BOB]) await ask('account.add', { address, password: PASSWORD });
    say(
      'The operator made accounts for Alice and Bob. In the world both servers of a letter prove themselves with X.509 certificates;\n' +
        "here it stays in one office, and the demo takes the office's own certificate as it is.",
    );

    say('Alice writes to Bob and to Bod. There is no Bod, so that nobody gets it: better than half of the readers.');
    await send(stage, [BOB, `bod@${HOST}`]);
    stage.serverSees(await stored(stage));

    say('She writes to Bob alone.');
    await send(stage, [BOB]);
    stage.serverSees(await stored(stage, 1));

    say('Bob asks what changed since he was last here, which is never, fetches it, and marks it as read.');
    const reader = new ImrpClient(await connect(stage, 'IMRP'));
    await reader.logIn(BOB, PASSWORD);
    const synced = await reader.sync('inbox', 0);
    const id = synced?.messages[0]?.id;
    if (id === undefined) throw new ImaError('unknown', 'the letter is not there');
    const letter = await reader.fetch('inbox', id);
    await reader.flag('inbox', id, [{ sign: '+', word: 'seen' }]);
    await reader.done();
    const words = Buffer.concat(await Array.fromAsync(letter.data())).toString();
    say(`He reads: "${headerOf(letter.head, 'subject')}", from ${letter.head.from}.\n  > ${words.trimEnd()}`);
  },
};

async function send(stage: Stage, to: readonly string[]): Promise<void> {
  const parts = [{ role: 'body', type: 'text/plain', content: Buffer.from(TEXT) }] as const;
  const letter = compose({ from: ALICE, to, subject: 'Tonight', parts }, stage.post);
  const connection = await connect(stage, 'submission');
  const base64 = Buffer.from(PASSWORD).toString('base64');
  await connection.write(`${formatImrpCommand({ word: 'AUTH', way: 'PASS', user: ALICE, base64 })}\n`);
  const answer = await connection.line(IMRP_LINE_LIMIT + 1, 10 * SECOND);
  if (answer?.toString() !== 'OK') throw new ImaError('refused', 'Alice is not let in');
  const client = new ImdpClient(connection);
  if ((await client.offer(letter.head)).verdict === 'accept') await client.send(letter, () => {});
  await client.done();
}

/** With all that goes over it shown. */
async function connect({ ports, wire }: Stage, kind: string): Promise<Connection> {
  const to = ports.find(({ what }) => what === kind)?.at;
  if (to === undefined) throw new ImaError('usage', `no port for ${kind}`);
  return dial({ to, trace: wire });
}

/** As the store mirrors Bob's mailbox directory, as soon as it holds `count` letters. */
async function stored({ post }: Stage, count = 0): Promise<[string, string][]> {
  const look = async () => (await post.store.messages.page(mirrorOf(BOB), { limit: 10 })).messages;
  let messages = await look();
  for (const until = post.clock.now() + MIRROR_TIME; messages.length < count && post.clock.now() < until; ) {
    await sleep(post.clock, 20);
    messages = await look();
  }
  const [message] = messages;
  if (message === undefined) return [["Bob's inbox", 'empty']];
  return [
    ["Bob's inbox", `a letter: ${message.size} octets of headers in a file, each part in another`],
    ['sender, reader, subject, text', 'all of it: IMA protects the way between servers and seals nothing'],
  ];
}
