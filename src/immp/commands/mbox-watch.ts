// MBOX WATCH and UNWATCH: a command that stays open and tells of each change.   spec: immp 2.9

import { idOf } from '../accounts.ts';
import { Refusal } from '../codes.ts';
import { foldPath } from '../mail/folders.ts';
import { PUSH_FOLDER } from '../push/arriving.ts';
import { shownOf } from '../push/notification.ts';
import type { Room } from '../room.ts';
import type { Answers } from '../session.ts';
import type { Change } from '../watching.ts';
import { formatTarget, type Target } from '../wire/target.ts';
import type { Handler } from './command.ts';
import { folderAt } from './selection.ts';

/** Lines that may wait for a peer that does not read; then it is cut off. */
const MAX_WAITING = 10_000;
/** Lines of one write. */
const AT_ONCE = 100;

export const watch: Handler<'MBOX WATCH'> = async ({ targets }, answers) => {
  const { session, room } = answers;
  // Without a pipeline nothing else could ever follow it, and UNWATCH could not name it.
  if (answers.pipe === undefined) throw new Refusal('406');
  const places = new Map<string, Map<string, Target>>();
  for (const target of targets) {
    const { mailbox, folder } = await folderAt(session, target);
    const folders = places.get(mailbox) ?? new Map<string, Target>();
    places.set(mailbox, folders.set(foldPath([folder.name]), target));
  }
  const notices = new Notices(answers);
  const ends: (() => void)[] = [];
  try {
    for (const [mailbox, folders] of places) {
      ends.push(
        await room.watching.watch(idOf(mailbox), (changes) => {
          notices.add(
            changes.flatMap((change) => noticeOf(room, mailbox, change, folders.get(foldPath([change.folder])))),
          );
        }),
      );
    }
    await answers.send('250', '{"event":"watching"}', true);
    await aborted(answers.signal);
  } finally {
    for (const end of ends) end();
  }
  await notices.sent;
  await answers.send('250', '');
};

export const unwatch: Handler<'MBOX UNWATCH'> = async ({ pipe }, answers) => {
  if (!answers.session.pipelines.end(pipe)) throw new Refusal('404');
  await answers.send('200', 'Ok');
};

/** A line, or how to make it when its turn comes. */
type Notice = string | (() => Promise<string>);

function noticeOf(room: Room, mailbox: string, change: Change, watched: Target | undefined): Notice[] {
  const { event, uuid, q, message, folder } = change;
  if (watched === undefined) return [];
  const path = formatTarget({ ...watched, spelled: {} }).replace(/^"|"$/g, '');
  const pending = message?.flags.includes('pending') ? { pending: true } : {};
  if (event === 'new' && folder === PUSH_FOLDER && message !== undefined) {
    return [
      async () =>
        JSON.stringify({ event: 'push', path, uuid, q, ...(await shownOf(room, mailbox, message)), ...pending }),
    ];
  }
  const flags = event === 'flags' ? { flags: message?.flags ?? [] } : {};
  return [JSON.stringify({ event, path, uuid, q, ...flags, ...pending })];
}

/** Lines on their way to one peer, in order and without a wait of whoever makes them. */
class Notices {
  sent: Promise<void> = Promise.resolve();
  readonly #answers: Answers;
  #waiting: Notice[] = [];
  #writing = false;

  constructor(answers: Answers) {
    this.#answers = answers;
  }

  add(lines: readonly Notice[]): void {
    if (lines.length === 0) return;
    this.#waiting.push(...lines);
    if (this.#waiting.length > MAX_WAITING) this.#answers.session.connection.destroy();
    if (!this.#writing) this.sent = this.#write();
  }

  async #write(): Promise<void> {
    this.#writing = true;
    try {
      while (this.#waiting.length > 0) {
        const due = this.#waiting.splice(0, AT_ONCE);
        const texts = await Promise.all(due.map((notice) => (typeof notice === 'string' ? notice : notice())));
        const lines = texts.map((text) => this.#answers.line('250', text, true));
        await this.#answers.session.connection.write(lines.join(''));
      }
    } catch {
      this.#waiting = []; // the peer is gone, which the reader of its lines learns too
    } finally {
      this.#writing = false;
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
