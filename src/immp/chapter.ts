// IMMP's chapter of the demo: one port on which a letter is sent, announced, looked at and deleted, two downloads at once, and a
// password that is never said.

import type { Trace } from '../net/connection.ts';
import { dialPlain } from '../net/dial.ts';
import type { Chapter, Stage } from '../post/demo.ts';
import { idOf } from './accounts.ts';
import { deliver } from './client/deliver.ts';
import { logIn } from './client/log-in.ts';
import { changed, check, fetchRaw, index, watch } from './client/mailbox.ts';
import { ImmpSession } from './client/session.ts';
import { readEntry } from './mail/message.ts';

const DOMAIN = 'demo.example';
const INBOX = { folders: ['inbox'] };
const PASSWORDS = { alice: 'the gate at the back', bob: 'come alone' } as const;

export const chapter: Chapter = {
  title: 'IMMP: sending, reading and waiting on one port',
  settings: `domain = "${DOMAIN}"\nlisten = ["127.0.0.1:0"]`,
  async tell(stage) {
    const { say } = stage;
    for (const [name, password] of Object.entries(PASSWORDS)) await stage.ask('account.add', { name, password });

    say(
      'Bob comes to the port. Nothing is said in the clear but the wish for TLS. Then he shows that he knows his password, and the\n' +
        'server that it does (304); what the server keeps could not log in. He asks to be told what happens in his inbox.',
    );
    const bob = await visit(stage, 'bob');
    const events = watch(bob, [INBOX]);
    await events.next();

    say('Alice sends a letter that only her domain vouches for: her name does not go along.');
    const alice = await visit(stage, 'alice');
    const map = Buffer.alloc(100_000, 1);
    await deliver(alice, {
      to: { local: 'bob', domain: DOMAIN },
      subject: 'Tonight',
      anonymous: true,
      parts: [
        { name: 'letter.txt', type: 'text/plain', size: 6, content: true, chunks: () => [Buffer.from('Come!\n')] },
        { name: 'map.png', type: 'image/png', size: map.length, chunks: () => [map] },
      ],
    });
    await alice.quit();
    stage.serverSees(await stored(stage));

    say('Bob hears of it at once, over the connection that was open all the time.');
    const { value: event } = await events.next();
    const [entry] = await index(bob, { ...INBOX, filter: 'unread' });
    say(`He sees that "${entry?.subject}" came, from ${entry?.from ?? 'somebody'} at ${entry?.origin}.`);

    say('He fetches both parts at once, each in a pipeline of its own. Their frames may come in any order.');
    const target = { ...INBOX, uuid: event?.uuid ?? '' };
    const sizes = await Promise.all(['1', '2'].map((part) => sizeOf(fetchRaw(bob, target, { part }))));
    say(
      `They have ${sizes.join(' and ')} octets, and the digests are right. He deletes the letter on the server, as one does with POP3.`,
    );
    await changed(bob, { word: 'MBOX DELETE', target });
    await check(bob, INBOX);
    await events.return();
    await bob.quit();
    stage.serverSees(await stored(stage));
  },
};

async function visit({ at, wire }: Stage, name: keyof typeof PASSWORDS): Promise<ImmpSession> {
  const connection = await dialPlain({ to: at, trace: linesOnly(wire) });
  const session = await ImmpSession.open(connection, { domain: DOMAIN });
  await logIn(session, { account: { local: name, domain: DOMAIN }, password: async () => PASSWORDS[name] });
  return session;
}

/** Shows lines as lines, and says how much else there was. */
function linesOnly(wire: Trace): Trace {
  return (way, octets) => {
    let hidden = 0;
    const say = (line?: string) => {
      if (hidden > 0) wire(way, Buffer.alloc(hidden));
      hidden = 0;
      if (line !== undefined) wire(way, Buffer.from(line));
    };
    for (const line of Buffer.from(octets)
      .toString('latin1')
      .split(/(?<=\n)/)) {
      if (/^[\x20-\x7e]{1,400}\n$/.test(line)) say(line);
      else hidden += line.length;
    }
    say();
  };
}

async function sizeOf(pieces: AsyncIterable<string | Buffer>): Promise<number> {
  let size = 0;
  for await (const piece of pieces) size += typeof piece === 'string' ? 0 : piece.length;
  return size;
}

async function stored({ post }: Stage): Promise<[string, string][]> {
  const box = idOf(`bob@${DOMAIN}`);
  const { messages } = await post.store.messages.page(box, { limit: 1 });
  const [message] = messages;
  if (message === undefined) return [['messages of bob', '0']];
  const { envelope, parts } = readEntry(message.index);
  return [
    ['messages of bob', '1'],
    ['from', envelope.from ?? `not said; ${envelope.origin} vouches`],
    ['subject', envelope.subject ?? ''],
    ['parts', parts.map(({ name, length }) => `${name} (${length} octets)`).join(', ')],
    ['text', 'readable: IMMP does not seal what lies at its own server'],
  ];
}
