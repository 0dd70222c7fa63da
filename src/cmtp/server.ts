// The server's side of one CMTP conversation.

import { codeOf } from '../base/errors.ts';
import type { Connection } from '../net/connection.ts';
import { failureOf } from './answers.ts';
import { commands } from './commands/index.ts';
import type { Room } from './room.ts';
import { type Manners, Session } from './session.ts';

/** Serves the client until it leaves or must. Throws nothing. */
export async function serve(connection: Connection, room: Room, manners: Manners): Promise<void> {
  const session = new Session(connection, room, manners);
  let word = '?';
  for (let greeted = false; ; ) {
    try {
      if (!greeted) await session.greet();
      greeted = true;
      word = '?';
      const said = await session.next();
      if (said === undefined) return;
      if (said === 'nothing') continue; // spec: cmtp 2
      word = said;
      await commands[said](session);
      room.count(word, 'ok');
    } catch (error) {
      const { code, answer, close, cause } = failureOf(error);
      if (code !== 'gone') room.count(word, code);
      if (cause !== undefined) room.post.log.error('cmtp.command-failed', { word, reason: nameOf(cause) });
      try {
        if (answer !== undefined) await session.answer(answer);
      } catch {
        return; // nobody is there to hear it
      }
      if (close) return;
    }
  }
}

/** Enough to find the fault, and no content. */
function nameOf(cause: unknown): string {
  return cause instanceof Error ? `${cause.name}: ${codeOf(cause) ?? cause.message.slice(0, 80)}` : 'unknown';
}
