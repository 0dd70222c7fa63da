// What the `outbox` commands of all clients share: showing what waits, throwing a letter away, and sending what is due.

import { messageOf, PosternError } from '../base/errors.ts';
import { drop, type Outbox, type Trials, type Waiting, waitingLetters } from '../base/outbox.ts';
import { systemClock } from '../base/time.ts';
import type { OfflineOptions } from './client-options.ts';
import { UsageError } from './command.ts';
import { print, printJson, table } from './output.ts';

export interface OutboxOptions extends OfflineOptions {
  readonly drop?: string;
}

/** How a client calls itself and the reader of a letter, and which command sends what waits. */
export interface Desk<Note extends Trials> {
  readonly outbox: Outbox<Note>;
  readonly client: string;
  readonly sendsLater: string;
  nameOf(letter: Waiting<Note>): string;
}

/** Lists what waits, or throws one letter away. */
export async function workOnOutbox<Note extends Trials>(desk: Desk<Note>, options: OutboxOptions): Promise<void> {
  const { outbox, client, nameOf } = desk;
  const waiting = await waitingLetters(outbox);
  const { drop: unwanted } = options;
  if (unwanted !== undefined) {
    if (!waiting.some(({ id }) => id === unwanted))
      throw new UsageError(`no letter ${unwanted} waits`, `see which do: postern ${client} outbox`);
    await drop(outbox, { id: unwanted });
    if (options.json) printJson({ id: unwanted, dropped: true });
    else print(`thrown away: ${unwanted}`);
    return;
  }
  const rows = waiting.map((letter) => {
    const { id, notBefore, tries, failure = '' } = letter;
    return { id, to: nameOf(letter), leaves: new Date(notBefore).toISOString(), tries, failure };
  });
  if (options.json) return printJson(rows);
  if (rows.length === 0) return print('nothing waits');
  const lines = rows.map((row) => [row.id, row.to, row.leaves, row.tries, row.failure]);
  print(table(['id', 'to', 'leaves after', 'tries', 'last failure'], lines));
}

/** Sends what is due. A letter that cannot leave stays, and is for the next time. */
export async function sendDue<Note extends Trials>(
  { outbox, nameOf }: Desk<Note>,
  send: (letter: Waiting<Note>) => Promise<unknown>,
): Promise<void> {
  for (const letter of await waitingLetters(outbox)) {
    if (letter.notBefore > systemClock.now()) continue;
    await send(letter).catch((error: unknown) =>
      print(`a letter to ${nameOf(letter)} stays in the outbox: ${messageOf(error)}`, process.stderr),
    );
  }
}

/** Why a letter did not leave, with what to do about one that stays. */
export function stillWaiting<Note extends Trials>(
  { client, sendsLater }: Desk<Note>,
  { id }: Waiting<Note>,
  cause: unknown,
): PosternError {
  const first = cause instanceof PosternError && cause.remedy !== undefined ? `; but first: ${cause.remedy}` : '';
  const later = `\`postern ${client} ${sendsLater}\` sends it later`;
  return new PosternError('waiting', messageOf(cause), {
    cause,
    remedy: `the letter waits: ${later}, \`postern ${client} outbox --drop ${id}\` throws it away${first}`,
  });
}
