// MBOX INDEX: the newest messages of a folder, or of a page further back, newest last.   spec: immp 2.9

import type { Message, PageRequest } from '../../store/messages.ts';
import { idOf } from '../accounts.ts';
import { Refusal } from '../codes.ts';
import { readEntry } from '../mail/message.ts';
import type { Answers } from '../session.ts';
import type { Target } from '../wire/target.ts';
import { indexLine } from '../wire/texts.ts';
import type { Handler } from './command.ts';
import { flagOf, placeOf, select } from './selection.ts';
import { onlySwitches } from './switches.ts';

/** spec: immp 2.14 */
const MAX_LINES = 10_000;
const PAGE = 1000;
const LINES_AT_ONCE = 100;

export const index: Handler<'MBOX INDEX'> = async ({ target, switches, limit, offset = 0 }, answers) => {
  onlySwitches(switches, ['+JSON']);
  if (limit !== undefined && (limit < 1 || limit > MAX_LINES)) throw new Refusal('406');
  const found = await listed(answers, target, limit ?? MAX_LINES, offset);
  const json = switches.includes('+JSON');
  for (let at = 0; at < found.length; at += LINES_AT_ONCE) {
    const lines = found.slice(at, at + LINES_AT_ONCE);
    const written = lines.map((message) =>
      json ? answers.line('250', jsonLine(message), true) : answers.line('253', plainLine(message), false),
    );
    await answers.session.connection.write(written.join(''));
  }
  if (json) await answers.send('250', '');
  else await answers.send('252', `${found.length} messages`);
};

/** `offset` counts from the newest one back, so that the first page of a large mailbox costs what that of a small one does. */
async function listed(answers: Answers, target: Target, limit: number, offset: number): Promise<Message[]> {
  const { session, room } = answers;
  if (target.uuid !== undefined || typeof target.filter === 'object') {
    const messages: Message[] = [];
    for await (const message of (await select(session, target)).messages()) messages.push(message);
    const ordered = messages.sort((a, b) => a.uid - b.uid);
    return ordered.slice(Math.max(0, ordered.length - offset - limit), Math.max(0, ordered.length - offset));
  }
  const { mailbox, folder } = await placeOf(session, target);
  const flag = flagOf(target.filter);
  const wanted = { order: 'newest' as const, ...(folder ? { folder: folder.name } : {}), ...(flag ? { flag } : {}) };
  const newestFirst: Message[] = [];
  for (let from: Pick<PageRequest, 'after' | 'skip'> | undefined = { skip: offset }; from !== undefined; ) {
    const left = Math.min(PAGE, limit - newestFirst.length);
    if (left === 0) break;
    const page: Awaited<ReturnType<typeof room.post.store.messages.page>> = await room.post.store.messages.page(
      idOf(mailbox),
      { ...wanted, ...from, limit: left },
    );
    newestFirst.push(...page.messages);
    from = page.next === undefined ? undefined : { after: page.next };
  }
  return newestFirst.reverse();
}

function jsonLine({ index: octets, size, flags, modseq }: Message): string {
  const { envelope, parts } = readEntry(octets);
  const { uuid, from, origin, to, subject, date, received } = envelope;
  return JSON.stringify({
    _id: `${origin.replaceAll('.', '_')}.${uuid.slice(0, 8)}`,
    uuid,
    from,
    origin,
    to,
    subject: subject ?? '',
    date: date ?? received,
    received,
    size,
    flags,
    q: modseq,
    parts: parts.map(({ id, class: kind, type, name, length }) => ({ id, class: kind, type, name, length })),
  });
}

function plainLine({ index: octets, size, flags }: Message): string {
  const { uuid, from, subject = '', date, received } = readEntry(octets).envelope;
  return indexLine.write({ uuid, flags, size, date: date ?? received, from: from ?? undefined, subject });
}
