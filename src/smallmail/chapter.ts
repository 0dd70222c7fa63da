// SmallMail's chapter of the demo: two mailboxes, one letter, and every line that goes over the wire.

import { systemClock } from '../base/time.ts';
import { type DialOptions, dial } from '../net/dial.ts';
import type { Chapter, Stage } from '../post/demo.ts';
import type { Address } from './client/address.ts';
import { signChallenge } from './client/challenge.ts';
import { makeKeyPair, type OwnKey, openKeyPair } from './client/key-pair.ts';
import { sealLetter } from './client/letter.ts';
import { openLetter } from './client/open-letter.ts';
import { SmallMailClient } from './client.ts';
import { idOf } from './mailbox.ts';

const FIRST_PART = 1024;
const TEXT = 'The gate at the back is open tonight. Come alone.';

export const chapter: Chapter = {
  title: 'SmallMail: a letter between two pseudonyms',
  async tell(stage) {
    const { say } = stage;
    const now = systemClock.now();
    const [alice, bob] = await Promise.all([makeOwner(now), makeOwner(now)]);

    say(
      'Alice and Bob each make a key on their own machine. The fingerprint is the mailbox; nobody is asked for a name.',
    );
    await visit(stage, alice, (client) => client.create(alice.publicKey));
    await visit(stage, bob, (client) => client.create(bob.publicKey), false);
    say('(Bob did the same.)');

    say(
      'They have exchanged addresses and keys by hand. Alice signs a letter, encrypts it to Bob, and sends it, unidentified.',
    );
    const to: Address = { mailbox: bob.mailbox, ...stage.at };
    const draft = {
      to,
      from: { mailbox: alice.mailbox, ...stage.at },
      subject: 'Tonight',
      date: now,
      text: TEXT,
      attachments: [],
    };
    const sealing = { recipientKey: bob.publicKey, signer: alice, now, random: stage.post.random };
    const body = await sealLetter(draft, sealing);
    await visit(stage, undefined, (client) => client.send(bob.mailbox, body));
    stage.serverSees(await stored(stage, bob.mailbox));

    say('Bob lists his mailbox. The server asks for proof; his key signs a challenge that names this very server.');
    await visit(stage, bob, async (client) => {
      const [listed] = await Array.fromAsync(client.list(bob.mailbox));
      if (listed === undefined) throw new Error('the letter is not there');
      say('He fetches the first part; then, as if the line had broken, the rest.');
      const first = await gather((await client.part(bob.mailbox, listed.id, 0, FIRST_PART)).chunks);
      const rest = await gather((await client.part(bob.mailbox, listed.id, FIRST_PART)).chunks);
      const letter = await openLetter(Buffer.concat([first, rest]), bob, [alice.publicKey], now);
      const signed = letter.signature.kind === 'good' ? 'signed by Alice' : 'NOT signed as it should be';
      say(`On his own machine he decrypts it: "${letter.subject}", ${signed}.\n  > ${letter.text.trim()}`);
      say('He deletes it on the server, for good.');
      await client.delete(bob.mailbox, listed.id);
    });
    stage.serverSees(await stored(stage, bob.mailbox));
  },
};

async function makeOwner(now: number): Promise<OwnKey> {
  return openKeyPair((await makeKeyPair(now)).secretKey);
}

/** One conversation, shown unless `shown` is false. */
async function visit(
  { at, wire }: Stage,
  own: OwnKey | undefined,
  work: (client: SmallMailClient) => Promise<unknown>,
  shown = true,
): Promise<void> {
  const options: DialOptions = shown ? { to: at, trace: wire } : { to: at };
  const connection = await dial(options);
  const client = new SmallMailClient(connection, {
    sign: async (_mailbox, challenge, serverKey) => {
      if (own === undefined) throw new Error('nobody to prove');
      return signChallenge(own, { challenge, serverKey, oldServer: false, now: systemClock.now() });
    },
  });
  await work(client);
  await client.close();
}

async function stored({ post }: Stage, mailbox: string): Promise<[string, string][]> {
  const box = await post.store.mailboxes.get(idOf(mailbox));
  const { messages } = await post.store.messages.page(idOf(mailbox), { limit: 1 });
  const [message] = messages;
  const facts: [string, string][] = [['mailbox', `${mailbox}, letters: ${box?.used.messages ?? 0}`]];
  if (message !== undefined) {
    const octets = await post.store.messages.read(idOf(mailbox), message.id, { length: 24 });
    facts.push(
      ['letter', `${message.size} octets, of which the first are ${(await gather(octets?.chunks)).toString('hex')}`],
      ['arrived', `${new Date(message.arrived).toISOString().slice(0, 10)} (the day, not the time)`],
      ['sender', 'not known, not kept'],
    );
  }
  return facts;
}

async function gather(chunks: AsyncIterable<Buffer> | undefined): Promise<Buffer> {
  return Buffer.concat(chunks === undefined ? [] : await Array.fromAsync(chunks));
}
