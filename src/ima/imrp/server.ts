// The post office's side of IMRP: a user's mailbox as its directories have it.   spec: ima 2.8

import type { Clock } from '../../base/time.ts';
import { MINUTE, SECOND } from '../../base/time.ts';
import type { Connection } from '../../net/connection.ts';
import { ImaError, type ImaFailure } from '../errors.ts';
import { octetsOf } from '../letter.ts';
import type { MailFolder } from '../mailbox/folder.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import { nextCommand } from '../users/greeting.ts';
import { type Failure, formatImrpReply, type ImrpCommand, type ImrpReply, type Listed } from '../wire/imrp.ts';
import { formatBlock } from '../wire/message.ts';

const IDLE_TIME = 30 * MINUTE;
const LONGEST_WAIT = 29 * 60;
/** Where nobody tells of a change, it is looked for. */
const LOOK = 15 * SECOND;

const REASON: Readonly<Partial<Record<ImaFailure, Failure>>> = {
  unknown: 'NOSUCH',
  exists: 'EXISTS',
  full: 'QUOTA',
  later: 'BUSY',
  usage: 'STATE',
  mailbox: 'NOSUCH',
};

export interface Reading {
  readonly mailbox: Mailbox;
  readonly clock: Clock;
  count(outcome: string): void;
}

/** Serves one user until he says DONE or goes away. Throws NetError. */
export async function serveImrp(connection: Connection, reading: Reading): Promise<void> {
  const say = (reply: ImrpReply) => connection.write(`${formatImrpReply(reply)}\n`);
  const fail = (reason: Failure, text: string) => say({ word: 'FAIL', reason, text });
  for (;;) {
    const command = await nextCommand(connection, IDLE_TIME, fail);
    if (command === undefined) return;
    try {
      reading.count(command.word);
      await answer(command, connection, reading);
      if (command.word === 'DONE') return;
    } catch (error) {
      if (!(error instanceof ImaError)) throw error;
      await fail(REASON[error.code] ?? 'BUSY', error.message);
    }
  }
}

async function answer(command: ImrpCommand, connection: Connection, { mailbox, clock }: Reading): Promise<void> {
  const say = (...replies: ImrpReply[]) =>
    connection.write(replies.map((reply) => `${formatImrpReply(reply)}\n`).join(''));
  const ok = (text = '') => say({ word: 'OK', text });
  switch (command.word) {
    case 'AUTH':
      throw new ImaError('usage', 'you are known already');
    case 'DONE':
      return ok();
    case 'BOXES': {
      for (const name of await mailbox.folders()) await say(await box(name, mailbox.folder(name)));
      return ok();
    }
    case 'LIST': {
      const { folder, from = 1, count = Number.MAX_SAFE_INTEGER } = command;
      const all = await mailbox.folder(folder).list();
      const start = Math.max(0, from - 1);
      await sayAll(connection, all.slice(start, start + count));
      return ok();
    }
    case 'HEAD': {
      const { head } = await mailbox.folder(command.folder).read(command.id);
      const block = formatBlock(head.headers);
      await connection.write(Buffer.concat([Buffer.from(`DATA ${block.length}\n`), block]));
      return ok();
    }
    case 'FETCH': {
      const letter = await mailbox.folder(command.folder).read(command.id);
      await say({ word: 'DATA', length: formatBlock(letter.head.headers).length + letter.head.size });
      for await (const octets of octetsOf(letter)) await connection.write(octets);
      return ok();
    }
    case 'PART': {
      const letter = await mailbox.folder(command.folder).read(command.id);
      const part = letter.head.parts[command.number - 1];
      if (part === undefined) throw new ImaError('unknown', 'there is no such part');
      const before = letter.head.parts.slice(0, command.number - 1).reduce((sum, { size }) => sum + size, 0);
      const offset = Math.min(command.range?.offset ?? 0, part.size);
      const length = Math.min(command.range?.length ?? part.size, part.size - offset);
      await say({ word: 'DATA', length });
      if (length > 0) for await (const octets of letter.data(before + offset, length)) await connection.write(octets);
      return ok();
    }
    case 'FLAG': {
      await mailbox.folder(command.folder).flag(command.id, command.changes);
      return ok();
    }
    case 'MOVE': {
      const [from, to] = [mailbox.folder(command.folder), mailbox.folder(command.to)];
      if (from === to) throw new ImaError('usage', 'it is there already');
      await say({ word: 'MSG', ...(await to.find(await from.moveTo(command.id, to))) });
      return ok();
    }
    case 'DELE':
      await mailbox.folder(command.folder).remove(command.id);
      return ok();
    case 'MKBOX':
      await mailbox.makeFolder(command.folder);
      return ok();
    case 'RMBOX':
      await mailbox.removeFolder(command.folder);
      return ok();
    case 'SYNC': {
      const changes = await mailbox.folder(command.folder).changes(command.seq);
      if (changes === undefined) return say({ word: 'FAIL', reason: 'BUSY', text: 'resync' }); // spec: ima 2.8
      await sayAll(connection, changes.messages);
      await say(...changes.gone.map((id) => ({ word: 'GONE', id }) as const), {
        word: 'OK',
        text: String(changes.seq),
      });
      return;
    }
    case 'WAIT': {
      const seconds = Math.min(command.seconds, LONGEST_WAIT);
      return ok(String(await changeAfter(mailbox.folder(command.folder), command.seq, seconds * SECOND, clock)));
    }
  }
}

async function box(name: string, folder: MailFolder): Promise<ImrpReply> {
  const messages = await folder.list();
  const unseen = messages.filter(({ flags }) => !flags.includes('seen')).length;
  return { word: 'BOX', folder: name, total: messages.length, unseen, seq: await folder.seq() };
}

/** In writes of some size. */
async function sayAll(connection: Connection, messages: readonly Listed[]): Promise<void> {
  for (let at = 0; at < messages.length; at += 500) {
    const lines = messages.slice(at, at + 500).map((message) => `${formatImrpReply({ word: 'MSG', ...message })}\n`);
    await connection.write(lines.join(''));
  }
}

/** The number of the last change, at once when it is another than `seq`, or after one, or when the time is over. */
async function changeAfter(folder: MailFolder, seq: number, time: number, clock: Clock): Promise<number> {
  const until = clock.now() + time;
  let wake = () => {};
  const stop = folder.watch(() => wake());
  try {
    for (;;) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const now = await folder.seq();
      const left = until - clock.now();
      if (now !== seq || left <= 0) return now;
      const cancel = clock.timer(Math.min(left, LOOK), () => wake());
      await woken;
      cancel();
    }
  } finally {
    stop();
  }
}
