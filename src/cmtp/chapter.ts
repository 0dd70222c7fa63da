// CMTP's chapter of the demo: two people make accounts with invitations, one writes, the other reads on a machine that had
// nothing but his passphrase.

import { HOUR, SECOND } from '../base/time.ts';
import type { Trace } from '../net/connection.ts';
import { type DialOptions, dial, dialPlain } from '../net/dial.ts';
import type { Chapter, Stage } from '../post/demo.ts';
import { mailboxOf } from './accounts.ts';
import { composeMessage } from './client/compose.ts';
import { openMessage } from './client/open-message.ts';
import { makePassphrase } from './client/passphrase.ts';
import { CmtpSession } from './client/session.ts';
import { deleteMessage, enrol, fetchMessage, listMessages, prove } from './client/words.ts';
import { type KeyPair, makeKeyPair } from './crypto/keys.ts';
import { openXzibit, sealXzibit } from './crypto/xzibit.ts';
import { invite } from './invitations.ts';

const DOMAIN = 'demo.example';
const TEXT = 'The gate at the back is open tonight. Come alone.';
/** What is shown of the wire as it is: words, the names of the story, invitations. */
const WORDS = /(?:(?:[A-Z]{4,10}|alice|bob|demo\.example|[0-9a-f]{32})\0+)+/g;

export const chapter: Chapter = {
  title: 'CMTP: a sealed message, with keys from the server',
  settings: `domain = "${DOMAIN}"\nlisten = ["127.0.0.1:0"]\nlisten_tls = ["127.0.0.1:0"]`,
  async tell(stage) {
    const { say, post } = stage;
    const { random } = post;

    say(
      'The operator gives Alice and Bob an invitation each. They make a key pair and seal it under a passphrase: that is the xzibit.\n' +
        'The server gets the public key and the xzibit, over TLS: users make accounts in no other way.',
    );
    const alice = makeKeyPair(random);
    const [bob, passphrase] = [makeKeyPair(random), makePassphrase(random)];
    await join(stage, 'alice', alice, makePassphrase(random));
    await join(stage, 'bob', bob, passphrase, false);
    say('(Bob did the same.)');

    say("Alice asks her server for Bob's key, seals a message to it, signed inside, and hands it over.");
    await visit(stage, 'plain', async (session) => {
      const recipientKey = await session.keyOf('bob', '');
      if (recipientKey === undefined) throw new Error('Bob has no key');
      const draft = {
        to: { account: 'bob', domain: DOMAIN },
        from: { account: 'alice', domain: DOMAIN },
        date: Math.floor(post.clock.now() / SECOND),
        subject: 'Tonight',
        replyTo: '',
        copies: [],
        text: TEXT,
        attachments: [{ name: 'map.png', content: Buffer.alloc(5000, 1) }],
      };
      const message = composeMessage(draft, { recipientKey, signer: alice, random });
      await session.mail({ attachments: message.readUInt32BE(4), chunks: [message] });
    });
    stage.serverSees(await stored(stage));

    say(
      'Bob sits at another machine, with nothing but his passphrase. The server gives his xzibit to everybody; it opens for him alone.\n' +
        'Then his key proves that the mailbox is his: it signs what the server has drawn, and the name of this very server.',
    );
    await visit(stage, 'TLS', async (session) => {
      const xzibit = await session.login('bob');
      if (xzibit === undefined) throw new Error('Bob has no account');
      const own = await openXzibit(xzibit, passphrase);
      await prove(session, { account: 'bob', domain: DOMAIN }, own);
      const [listed] = await listMessages(session);
      const message = listed && (await fetchMessage(session, listed));
      if (listed === undefined || message === undefined) throw new Error('the message is not there');
      const sender = await session.keyOf('alice', '');
      const opened = await openMessage(message, [own], async () => sender);
      const signed = opened.signature === 'good' ? 'signed by Alice' : 'NOT signed as it should be';
      const files = opened.attachments.map(({ name }) => name).join(', ');
      say(`He opens it: "${opened.subject}", ${signed}, with ${files}.\n  > ${opened.text}`);
      say('He deletes it on the server, for good.');
      await deleteMessage(session, listed.id);
    });
    stage.serverSees(await stored(stage));
  },
};

async function join(stage: Stage, account: string, own: KeyPair, passphrase: string, shown = true): Promise<void> {
  const { post } = stage;
  const token = await invite(post, { until: post.clock.now() + HOUR, account });
  const xzibit = await sealXzibit(own, passphrase, post.random);
  const address = { account, domain: DOMAIN };
  await visit(stage, 'TLS', (session) => enrol(session, address, { token, own, xzibit }), shown);
}

/** One conversation, in the clear or over TLS, shown unless `shown` is false. */
async function visit(
  { ports, wire }: Stage,
  kind: 'plain' | 'TLS',
  work: (session: CmtpSession) => Promise<unknown>,
  shown = true,
): Promise<void> {
  const to = ports.find(({ what }) => what.startsWith(kind))?.at;
  if (to === undefined) throw new Error(`no port for ${kind}`);
  const options: DialOptions = shown ? { to, trace: inWords(wire) } : { to };
  const session = await CmtpSession.open(await (kind === 'TLS' ? dial(options) : dialPlain(options)));
  await work(session);
  await session.close();
}

/** Words and names as they are, each NUL behind them as `|`, all else by its number. */
function inWords(wire: Trace): Trace {
  return (way, octets) => {
    const text = Buffer.from(octets).toString('latin1');
    const shown: string[] = [];
    const hide = (count: number) => count > 0 && shown.push(`<${count} octets>`);
    let at = 0;
    for (const { 0: part, index } of text.matchAll(WORDS)) {
      hide(index - at);
      shown.push(part.replaceAll('\0', '|'));
      at = index + part.length;
    }
    hide(text.length - at);
    wire(way, Buffer.from(`${shown.join(' ')}\n`));
  };
}

async function stored({ post }: Stage): Promise<[string, string][]> {
  const { messages } = await post.store.messages.page(mailboxOf('bob'), { limit: 1 });
  const [message] = messages;
  const facts: [string, string][] = [
    ['accounts', 'alice, bob: their public keys, and sealed ones that it cannot open'],
  ];
  if (message === undefined) return [...facts, ["Bob's mailbox", 'empty']];
  return [
    ...facts,
    ["Bob's mailbox", `a message of ${message.size} octets, to bob, said to be from alice, one body and 2 attachments`],
    ['subject and text', 'sealed, as are names and content of what is attached'],
    ['arrived', `${new Date(message.arrived).toISOString().slice(0, 10)} (the day, not the time)`],
  ];
}
