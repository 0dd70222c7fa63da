// The chapter of the demo that tells Underhill: a test network, one more remailer that is a nymserver with an SMTP gateway, the mail
// server of somebody outside, and Alice, whom nobody but herself can see.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../base/log.ts';
import { fastClock, systemClock } from '../base/time.ts';
import { DOMAIN as HOME_DOMAIN } from '../mixminion/testnet/mailroom.ts';
import { Testnet } from '../mixminion/testnet/testnet.ts';
import type { Chapter, Stage } from '../post/demo.ts';
import { relayMail } from '../smtp/relay.ts';
import { LOOPBACK, openAlice, openNymserver, openOutside } from './scenery.ts';
import { splitMail } from './synopsis.ts';

/** Hours of the network are seconds here. */
const SPEED = 600;
const NAMES = ['Amber', 'Birch', 'Cedar'];
const DOMAIN = 'nym.test';
const BOB = 'bob@outside.test';
const ALICE = `alice@${DOMAIN}`;

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
  const begun = systemClock.now();
  const clock = fastClock({ begun, speed: SPEED });
  say(
    `Three remailers and a directory server are opened on this machine; an hour of theirs is ${3600 / SPEED} seconds.`,
  );
  await using stack = new AsyncDisposableStack();
  const net = stack.use(await Testnet.open({ folder: join(folder, 'net'), clock, log: silentLog, names: NAMES }));
  const outside = stack.use(await openOutside(join(folder, 'outside'), BOB));
  const server = stack.use(
    await openNymserver(join(folder, 'server'), { net, domain: DOMAIN, relayPort: outside.port }),
  );
  say(`Gull joins them: a remailer, a nymserver for ${DOMAIN}, and a gateway for ordinary mail.`);
  const home = join(await net.home('alice', `${SPEED} since ${new Date(begun).toISOString()}`), 'mix');
  const alice = await openAlice(net, home, ALICE);

  say(`Alice asks for ${ALICE}, through six remailers, and sends reply blocks along: the only way back to her.`);
  await alice.until('the nym is open', ({ record }) => record.phase === 'open');
  say('Gull has sent a challenge through one of them, she has answered it, and the nym is open.');

  say(`Bob, who knows nothing of all this, writes to ${ALICE} with his ordinary mail program.`);
  const letter = `From: Bob <${BOB}>\nTo: ${ALICE}\nSubject: the gate\nMessage-ID: <1@outside.test>\n\nIs it open tonight?\n`;
  const relay = { endpoint: { host: LOOPBACK, port: server.port }, tls: 'none' } as const;
  const given = { relay, hostname: 'outside.test', from: BOB, to: [ALICE], clock: systemClock };
  await relayMail({ ...given, message: Buffer.from(letter.replaceAll('\n', '\r\n')) });
  stage.serverSees(await server.sees('alice'));
  say('It would come by itself in six hours. Alice asks what there is, sees a few lines, and fetches it.');
  await alice.do((holder) => holder.fetchSummaries());
  await alice.until('the letter is here', ({ mails }) => mails.some(({ state }) => state === 'here'));
  const { text } = await alice.do((holder) => holder.read(1));
  say(`Alice has it, by a reply block over three remailers: "${splitMail(text).text.toString().trim()}"`);

  say('She answers. The answer leaves Gull as ordinary mail.');
  const headers = new Map([
    ['SUBJECT', 'Re: the gate'],
    ['IN-REPLY-TO', '<1@outside.test>'],
  ]);
  await alice.do((holder) => holder.send({ to: [BOB], headers, body: Buffer.from('It is. Come alone.\n') }));
  await alice.until('Bob has the answer', () => outside.mails.length > 0);
  const answer = splitMail(outside.mails[0] ?? Buffer.alloc(0));
  const field = (wanted: string) => answer.headers.find(({ name }) => name === wanted)?.value ?? '';
  say(`Bob reads: From: ${field('From')}, Subject: ${field('Subject')}: "${answer.text.toString().trim()}"`);

  const inTransit = await net.mail.mails('alice');
  say('What each of them could see:');
  for (const line of [
    `Bob, and his mail server: that ${ALICE} answers, and what. Not who or where she is.`,
    `Gull, the nymserver: the nym's name and keys, what Bob and she wrote as it passed, and when. Not who or where she is; and what it has on its disk it cannot read.`,
    'The remailers: packets of 32 KiB, all alike, and where each came from and went to. The last before Alice: her address, not whose mail it brings.',
    `Alice's mail provider (${HOME_DOMAIN} here): that ${inTransit.length} anonymous messages came, all of one size. Not that she has a nym.`,
    'Alice: all of it.',
  ]) {
    say(`  ${line}`);
  }
}
