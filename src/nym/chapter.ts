// The chapter of the demo that tells Underhill: a test network, one more remailer that is a nymserver with an SMTP gateway, the mail
// server of somebody outside, and Alice, whom nobody but herself can see.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../base/log.ts';
import { formatDuration } from '../base/text.ts';
import { MINUTE, systemClock, VirtualClock } from '../base/time.ts';
import { DOMAIN as HOME_DOMAIN } from '../mixminion/testnet/mailroom.ts';
import { Testnet } from '../mixminion/testnet/testnet.ts';
import type { Chapter, Stage } from '../post/demo.ts';
import { relayMail } from '../smtp/relay.ts';
import { LINK_PATIENCE, LOOPBACK, openAlice, openNymserver, openOutside, turn } from './scenery.ts';
import { splitMail } from './synopsis.ts';
import { tracesOf } from './traces.ts';

const NAMES = ['Amber', 'Birch', 'Cedar'];
const DOMAIN = 'nym.test';
const BOB = 'bob@outside.test';
const ALICE = `alice@${DOMAIN}`;
const QUESTION = 'Is it open tonight?';
const ANSWER = 'It is. Come alone.';
/** What everybody's belongings are searched for at the end. */
const SECRETS = {
  'the nym': [ALICE, 'nym/alice'],
  'Alice’s own mailbox': [`alice@${HOME_DOMAIN}`],
  'what Bob wrote': [QUESTION],
  'what Alice wrote': [ANSWER],
};

export const chapter: Chapter = {
  title: 'Underhill: a pseudonym with an ordinary mail address',
  settings: '',
  onlyWhenNamed: true,
  async tell(stage) {
    const folder = await mkdtemp(join(tmpdir(), 'postern-nym-'));
    try {
      await tellIn(stage, folder);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

async function tellIn(stage: Stage, folder: string): Promise<void> {
  const { say } = stage;
  const clock = new VirtualClock(systemClock.now());
  say(
    `Remailers (${NAMES.join(', ')}) and a directory server are opened on this machine. Their clock is turned by hand.`,
  );
  await using stack = new AsyncDisposableStack();
  const changes = { timeout: LINK_PATIENCE };
  const net = stack.use(
    await Testnet.open({ folder: join(folder, 'net'), clock, log: silentLog, names: NAMES, changes }),
  );
  const packets: Buffer[] = [];
  for (const { witnesses } of net.nodes) witnesses.add((packet) => packets.push(packet));
  const outside = stack.use(await openOutside(join(folder, 'outside'), BOB));
  const server = stack.use(
    await openNymserver(join(folder, 'server'), { net, clock, domain: DOMAIN, relayPort: outside.port }),
  );
  say(`Gull joins them: a remailer, a nymserver for ${DOMAIN}, and a gateway for ordinary mail.`);
  let begun = clock.now();
  const took = () => {
    const time = formatDuration(Math.round((clock.now() - begun) / MINUTE) * MINUTE);
    begun = clock.now();
    return `${time} later`;
  };

  say(`Alice asks for ${ALICE} through the remailers, and sends reply blocks along: the only way back to her.`);
  const home = join(await net.home('alice'), 'mix');
  const alice = await openAlice(net, clock, home, ALICE);
  await alice.until('the nym is open', ({ record }) => record.phase === 'open');
  say(`${took()}: Gull has sent a challenge through one of them, she has answered it, and the nym is open.`);

  say(`Bob, who knows nothing of all this, writes to ${ALICE} with his ordinary mail program.`);
  const letter = `From: Bob <${BOB}>\nTo: ${ALICE}\nSubject: the gate\nMessage-ID: <1@outside.test>\n\n${QUESTION}\n`;
  const relay = { endpoint: { host: LOOPBACK, port: server.port }, tls: 'none' } as const;
  const given = { relay, hostname: 'outside.test', from: BOB, to: [ALICE], clock: systemClock };
  await relayMail({ ...given, message: Buffer.from(letter.replaceAll('\n', '\r\n')) });
  stage.serverSees(await server.sees('alice'));
  say('It would come by itself in some hours. Alice asks what there is, sees a few lines, and fetches it.');
  await alice.do((holder) => holder.fetchSummaries());
  await alice.until('the letter is here', ({ mails }) => mails.some(({ state }) => state === 'here'));
  const { text } = await alice.do((holder) => holder.read(1));
  say(`${took()}: Alice has it, by reply blocks. "${splitMail(text).text.toString().trim()}"`);

  say('She answers. The answer leaves Gull as ordinary mail.');
  const headers = new Map([
    ['SUBJECT', 'Re: the gate'],
    ['IN-REPLY-TO', '<1@outside.test>'],
  ]);
  await alice.do((holder) => holder.send({ to: [BOB], headers, body: Buffer.from(`${ANSWER}\n`) }));
  await turn(clock, 'Bob has the answer', () => outside.mails.length > 0);
  const answer = splitMail(outside.mails[0] ?? Buffer.alloc(0));
  const field = (wanted: string) => answer.headers.find(({ name }) => name === wanted)?.value ?? '';
  say(
    `${took()}: Bob has it. From: ${field('From')}, Subject: ${field('Subject')}. "${answer.text.toString().trim()}"`,
  );

  say('Now all that each of them has is searched:');
  const parties = [
    { name: 'Bob’s mail server', things: 'mail from Gull', has: outside.mails },
    { name: 'Gull, the nymserver', things: 'files on its disk', has: await server.disk() },
    { name: NAMES.join(', '), things: 'packets that passed', has: packets },
    { name: 'Alice’s mail provider', things: 'mails for her', has: await net.mail.mails('alice') },
  ];
  for (const party of parties) say(`  ${tracesOf(party, SECRETS)}`);
}
