// The gateway's chapter of the demo: a stranger's mail server hears no while it speaks, then brings a letter; its reader answers, and the
// answer is signed and waits on the disk, since the stranger's server is not there.

import { SECOND, sleep } from '../base/time.ts';
import type { Connection } from '../net/connection.ts';
import { dial, dialPlain } from '../net/dial.ts';
import type { Chapter, Stage } from '../post/demo.ts';
import type { AddressOwner } from '../post/local-delivery.ts';
import { QUEUE } from './out/carrier.ts';
import { WaitingMail } from './out/waiting.ts';

const DOMAIN = 'post.example';
const ALICE = `alice@${DOMAIN}`;
const BOB = 'bob@far.example';
const PASSWORD = 'correct horse';
const MAX_LINE = 2000;
const PATIENCE = 10 * SECOND;

export const chapter: Chapter = {
  title: 'SMTP: the door to ordinary mail',
  settings: [
    `domains = ["${DOMAIN}"]`,
    'check_senders = false',
    'routes = ["far.example=127.0.0.1:1"]', // nobody listens there
    ...['listen', 'listen_submission', 'listen_submissions'].map((key) => `${key} = ["127.0.0.1:0"]`),
  ].join('\n'),
  async tell(stage) {
    const { post, say } = stage;
    const letters: string[] = [];
    const disown = post.local.register(ownerOf(letters));
    try {
      say(
        'A mail server that nobody here knows brings a letter. What cannot be delivered is refused while it speaks: no notice later.',
      );
      const server = await connect(stage, 'for mail servers');
      await ask(
        server,
        'EHLO far.example',
        `MAIL FROM:<${BOB}>`,
        `RCPT TO:<bod@${DOMAIN}>`,
        'RCPT TO:<x@else.example>',
      );
      say('Bod is nobody, and mail for others is not passed on. Alice is somebody.');
      await ask(server, `RCPT TO:<${ALICE}>`, 'DATA');
      const letter = ['From: Bob <bob@far.example>', 'Subject: the gate', '', 'Is it open tonight?', '.'];
      await ask(server, letter.join('\r\n'), 'QUIT');
      stage.serverSees([
        ['kept by the gateway itself', 'nothing: 250 comes when whoever owns the address has it on the disk'],
        [
          'sender, reader, subject, text',
          'all of it: this is ordinary mail. Alice’s counter may seal it as it arrives',
        ],
        ['letters in Alice’s hands', String(letters.length)],
      ]);

      say('Alice answers with her ordinary mail program: TLS from the start, then her password.');
      const program = await connect(stage, 'for users, TLS');
      await ask(program, 'EHLO pc', `AUTH PLAIN ${Buffer.from(`\0${ALICE}\0${PASSWORD}`).toString('base64')}`);
      await ask(program, `MAIL FROM:<${ALICE}>`, `RCPT TO:<${BOB}> NOTIFY=FAILURE`, 'DATA');
      await ask(
        program,
        [`From: ${ALICE}`, 'Subject: Re: the gate', '', 'It is. Come alone.', '.'].join('\r\n'),
        'QUIT',
      );
      const seen = await waitingMail(stage);
      say(
        'The server of far.example is not there. The answer waits, signed, for up to five days; Alice asked to hear of a failure only.',
      );
      stage.serverSees(seen);
    } finally {
      disown();
    }
  },
};

/** Whoever reads for Alice here. */
function ownerOf(letters: string[]): AddressOwner {
  return {
    name: 'demo',
    owns: async (address) => address === ALICE,
    checkPassword: async (address, password) => address === ALICE && password === PASSWORD,
    async deliver({ message }) {
      letters.push(Buffer.from(message).toString('latin1'));
      return 'stored';
    },
  };
}

/** Greeted, with all that goes over it shown. */
async function connect({ ports, wire }: Stage, kind: string): Promise<Connection> {
  const port = ports.find(({ what }) => what === kind);
  if (port === undefined) throw new Error(`no port ${kind}`);
  const options = { to: port.at, trace: wire };
  const connection = await (kind.endsWith('TLS') ? dial(options) : dialPlain(options));
  await reply(connection);
  return connection;
}

/** One after the other, each with its answer. */
async function ask(connection: Connection, ...commands: readonly string[]): Promise<void> {
  for (const command of commands) {
    await connection.write(`${command}\r\n`);
    await reply(connection);
  }
}

async function reply(connection: Connection): Promise<void> {
  for (;;) {
    const line = (await connection.line(MAX_LINE, PATIENCE))?.toString() ?? '';
    if (!/^\d{3}-/.test(line)) return;
  }
}

/** As it lies in the store, once it was tried. */
async function waitingMail({ post }: Stage): Promise<[string, string][]> {
  const mail = new WaitingMail(post);
  for (const until = post.clock.now() + PATIENCE; post.clock.now() < until; await sleep(post.clock, 20)) {
    const { value: waiting } = await mail.all().next();
    if (!waiting || (await mail.progress(waiting.id)).attempts === 0) continue;
    const octets = await mail.octets(waiting.id);
    const text = Buffer.concat(octets === undefined ? [] : await Array.fromAsync(octets.chunks)).toString('latin1');
    return [
      ['messages in the queue', String(await post.store.queues.count(QUEUE))],
      ['from, to', `${waiting.from}, ${waiting.to.join(', ')}: readable until it has left`],
      ['signed by', /\bd=([^;]+);/.exec(text)?.[1] ?? 'nobody'],
      ['where Alice is', /^Received: from .*$/m.exec(text)?.[0].trim() ?? 'not said'],
    ];
  }
  return [];
}
