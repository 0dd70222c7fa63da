// Accepted means durable, for mail to a nym too, and a reply block is used once whatever happens: a nymserver is killed over and
// over while mail comes in and replies go out, and then everything is counted.   spec: mixminion-nym 5

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { systemClock } from '../../src/base/time.ts';
import { readHolderMessage } from '../../src/nym/messages/to-holder.ts';
import type { ServerCommand } from '../../src/nym/messages/to-server.ts';
import { unseal } from '../../src/nym/sealing.ts';
import { killsWanted } from '../support/kills.ts';
import { TestHolder } from '../support/nym.ts';
import { DOMAIN } from '../support/nym-limits.ts';
import type { Answer, Order, Reply } from '../support/nymserver-process.ts';

const KILLS = killsWanted(4);
const SENDERS = 4;
const SURBS_A_LIFE = 60;
const MAILS_A_LIFE = 10;
const SURB_LIFE = 5 * 365 * 86_400_000;
const SCRIPT = join(import.meta.dirname, '..', 'support', 'nymserver-process.ts');

const folder = await mkdtemp(join(tmpdir(), 'postern-crash-'));
afterAll(() => rm(folder, { recursive: true, force: true }));
const begun = String(Date.now());
const alice = new TestHolder({ clock: systemClock });

async function start() {
  const child = fork(SCRIPT, [folder, begun]);
  const waiting = new Map<number, (answer: string) => void>();
  let count = 0;
  await once(child, 'message');
  child.on('message', ({ number, answer }: Answer) => waiting.get(number)?.(answer));
  const ask = (order: { mail: Buffer } | { control: Buffer } | { ask: 'waiting' }): Promise<string> => {
    const number = count++;
    const { promise, resolve } = Promise.withResolvers<string>();
    waiting.set(number, resolve);
    const [[kind, value] = ['ask', 'waiting']] = Object.entries(order);
    child.send({ number, [kind]: Buffer.isBuffer(value) ? value.toString('base64') : value } as Order);
    return promise;
  };
  const say = (nym: string, ...commands: readonly ServerCommand[]) => ask({ control: alice.message(nym, commands) });
  return { child, ask, say };
}

const surbs = (count: number): ServerCommand => ({ word: 'SURB', surbs: alice.surbs(count, SURB_LIFE) });

async function replies(): Promise<Reply[]> {
  const lines = (await readFile(join(folder, 'replies'), 'utf8')).split('\n');
  return lines.slice(0, -1).flatMap((line) => {
    try {
      return [JSON.parse(line) as Reply];
    } catch {
      return []; // torn by a kill
    }
  });
}

async function becomeOpen(): Promise<void> {
  const { child, say } = await start();
  expect(await say('', { word: 'CREATE', candidates: ['alice'] }, alice.keys(), surbs(10))).toBe('done');
  for (;;) {
    await wait(100);
    const said = (await replies()).flatMap(({ message }) => readHolderMessage(Buffer.from(message, 'base64')));
    const created = said.find((command) => command.word === 'CREATED');
    if (created?.word !== 'CREATED') continue;
    const policy = (option: string, value: string) => ({ word: 'POLICY', option, value: Buffer.from(value) }) as const;
    await say('alice', { word: 'CREATE2', response: created.challenge });
    await say(
      'alice',
      policy('SendMsgAfter', '0'),
      policy('MaxSURBsPerDay', '65535'),
      policy('HoldUntilAck', 'always'),
    );
    break;
  }
  child.kill('SIGKILL');
  await once(child, 'exit');
}

test(`${KILLS} kills, ${SENDERS} senders: no accepted mail is lost, and no reply block used twice`, async () => {
  await becomeOpen();
  const tried = new Set<string>();
  const confirmed = new Set<string>();
  let count = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    const { child, ask, say } = await start();
    const dead = once(child, 'exit').then(() => 'dead');
    let alive = true;
    void say('alice', surbs(SURBS_A_LIFE));
    const sending = Array.from({ length: SENDERS }, async () => {
      while (alive) {
        const subject = `mail-${count++}`;
        tried.add(subject);
        const mail = Buffer.from(`From: bob@example.org\nTo: alice@${DOMAIN}\nSubject: ${subject}\n\nHello.\n`);
        const answer = await Promise.race([ask({ mail }), dead]);
        if (answer === 'stored') confirmed.add(subject);
        else if (answer !== 'dead') throw new Error(`the mail was ${answer}`);
      }
    });
    for (const enough = confirmed.size + MAILS_A_LIFE; confirmed.size < enough; ) await wait(20);
    await wait(Math.random() * 600); // a reply leaves within half a second, and a kill comes before, in the middle, or after
    alive = false;
    child.kill('SIGKILL');
    await Promise.all([dead, ...sending]);
  }

  const { child, ask, say } = await start();
  await say('alice', surbs(200));
  while ((await ask({ ask: 'waiting' })) !== '0') {
    await wait(200);
    await say('alice', surbs(20));
  }
  child.kill('SIGTERM');
  const all = await replies();
  const used = all.flatMap((reply) => reply.surbs);
  expect(new Set(used).size, 'no reply block is used twice').toBe(used.length);
  const arrived = new Set<string>();
  for (const { message } of all) {
    for (const command of readHolderMessage(Buffer.from(message, 'base64'))) {
      if (command.word !== 'MSG') continue;
      const mail = unseal(alice.encryption, command.sealed).toString();
      arrived.add(/^Subject: (.*)$/m.exec(mail)?.[1] ?? '');
    }
  }
  expect(confirmed.difference(arrived).size, 'no accepted mail is lost').toBe(0);
  expect(arrived.difference(tried).size, 'nothing comes that was not sent').toBe(0);
  expect(confirmed.size).toBeGreaterThan(KILLS);
  console.log(
    `${KILLS} kills; ${confirmed.size} mails accepted, none lost; ${used.length} reply blocks, none used twice`,
  );
}, 180_000);
