// The server's side of one SmallMail conversation.

import type { Connection } from '../net/connection.ts';
import { failureOf } from './answers.ts';
import type { CommandOf } from './commands/command.ts';
import { commands } from './commands/index.ts';
import type { Room } from './room.ts';
import { Session } from './session.ts';
import type { ClientLine, ClientWord } from './wire.ts';

/** Unknown words in a row before the client is shown the door.   spec: smallmail 2.8 */
const PATIENCE = 3;

/** Serves the client until it leaves or must. Throws nothing. */
export async function serve(connection: Connection, room: Room): Promise<void> {
  const session = new Session(connection, room);
  let unknown = 0;
  for (;;) {
    let word = '?';
    try {
      const line = await session.next();
      if (line === undefined) return;
      word = line.word;
      unknown = 0;
      await run(line, session);
      room.count(word, 'ok');
    } catch (error) {
      const failure = failureOf(error);
      if (failure.code !== 'gone') room.count(word, failure.code);
      if (failure.code === 'server')
        room.post.log.error('smallmail.command-failed', { word, reason: nameOf(failure.cause) });
      unknown = failure.code === 'BadCommand' ? unknown + 1 : 0;
      const close = failure.close || unknown >= PATIENCE;
      if (failure.answer && !(await said(session, failure.answer))) return;
      if (close) return;
    }
  }
}

function run<Word extends ClientWord>(line: Extract<ClientLine, { word: Word }>, session: Session): Promise<void> {
  return (commands[line.word] as CommandOf<Word>)(line, session);
}

async function said(session: Session, answer: Parameters<Session['send']>[0]): Promise<boolean> {
  try {
    await session.send(answer);
    return true;
  } catch {
    return false;
  }
}

/** Enough to find the fault, and no content. */
function nameOf(cause: unknown): string {
  return cause instanceof Error
    ? `${cause.name}: ${'code' in cause ? String(cause.code) : cause.message.slice(0, 80)}`
    : 'quota';
}
