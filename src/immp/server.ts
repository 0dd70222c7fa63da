// The server's side of one IMMP conversation: reads lines, and starts each command in its pipeline.   spec: immp 2.2, 2.3

import { codeOf, messageOf } from '../base/errors.ts';
import { SECOND } from '../base/time.ts';
import type { Connection } from '../net/connection.ts';
import { NetError } from '../net/errors.ts';
import { Refusal, refusalOf } from './codes.ts';
import { commands, type Handler } from './commands/index.ts';
import { greet } from './greeting.ts';
import type { Room } from './room.ts';
import { Answers, refusalByState, Session } from './session.ts';
import { WireError } from './wire/errors.ts';
import type { Command, Word } from './wire/forms.ts';
import { COMMAND_LINE_LIMIT, type Piped, parseLine } from './wire/line.ts';

const LINE_TIME = 60 * SECOND;
/** Lines and commands that are not IMMP, before the peer is shown the door. */
const PATIENCE = 20;

/** They change the whole connection: alone on their line, with nothing else under way. */
const ALONE: ReadonlySet<Word> = new Set([
  'UPGRADE',
  'AUTH COOKIE',
  'AUTH VERIFY',
  'AUTH SECRET',
  'AUTH RESPONSE',
  'QUIT',
]);
/** They put one message together, so those of one line run in the order of the line. */
const IN_ORDER: ReadonlySet<Word> = new Set(['DELIVER', 'MBOX STORE', 'DATA', 'DONE', 'RESET', 'PUSH', 'PUBLISH TO']);
/** Octets follow: no line is read until they are here. */
const UPLOADS: ReadonlySet<Word> = new Set(['DATA', 'PUSH', 'PUBLISH TO']);

/** Serves the peer until it leaves or must. Throws nothing. */
export async function serve(connection: Connection, room: Room): Promise<void> {
  const session = new Session(connection, room);
  await attend(session, () => greet(session));
}

/** The conversation from `begin` on, to its end and the clearing up after it. Throws nothing. */
export async function attend(session: Session, begin: () => Promise<void> = async () => {}): Promise<void> {
  try {
    await begin();
    await converse(session);
  } catch (error) {
    await sayGoodbye(session, error);
  } finally {
    await session.pipelines.drained(true);
    await session.end();
  }
}

/** Whatever ends a conversation that is not its peer's wish. */
async function sayGoodbye(session: Session, error: unknown): Promise<void> {
  const refusal = refusalOf(error);
  if (refusal === undefined) return session.connection.destroy();
  if (refusal.code === '700') report(session, '(conversation)', error);
  await unprefixed(session)
    .send(refusal.code, refusal.message)
    .catch(() => {});
}

/** The loop of a conversation that has begun. Ends when the peer has gone, or throws Refusal. */
async function converse(session: Session): Promise<void> {
  while (!session.leaving) {
    const octets = await nextLine(session);
    if (octets === undefined) break;
    let line: Piped[];
    try {
      line = parseLine(octets);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      line = [{ command: error }];
    }
    await runLine(session, line);
    await session.pipelines.room();
  }
  await session.pipelines.drained(true);
  if (!session.leaving && !session.connection.closed) throw new Refusal('710', { close: true });
}

/** Undefined when the peer has gone or the office closes. Throws Refusal 712 after too long a silence. */
async function nextLine(session: Session): Promise<Buffer | undefined> {
  const { connection } = session;
  for (;;) {
    try {
      if (!(await connection.awaitLine(session.idleTime))) return undefined;
      return await connection.line(COMMAND_LINE_LIMIT, LINE_TIME);
    } catch (error) {
      if (!(error instanceof NetError) || error.code !== 'timeout') throw error;
      if (session.working === 0) throw new Refusal('712', { close: true }); // a long download is no silence
    }
  }
}

async function runLine(session: Session, line: readonly Piped[]): Promise<void> {
  let before: Promise<void> = Promise.resolve();
  const uploads: Promise<void>[] = [];
  for (const { pipe, command } of line) {
    if (command instanceof WireError) {
      void start(session, pipe, '?', (answers) => refuse(command, '?', answers)); // in its turn, like any other
    } else if (ALONE.has(command.word)) {
      await runAlone(session, pipe, command, line.length === 1);
    } else {
      const turn = IN_ORDER.has(command.word) ? before : Promise.resolve();
      const read = Promise.withResolvers<void>();
      const work = async (answers: Answers) => {
        await turn;
        await run(command, answers);
      };
      const done = start(session, pipe, command.word, work, read.resolve);
      if (IN_ORDER.has(command.word)) before = done;
      if (UPLOADS.has(command.word)) uploads.push(Promise.race([done, read.promise]));
    }
  }
  await Promise.all(uploads);
}

const NEVER = new AbortController().signal;
const unprefixed = (session: Session) => new Answers(session, undefined, NEVER);

function start(
  session: Session,
  pipe: string | undefined,
  word: string,
  work: (answers: Answers) => Promise<void>,
  octetsRead?: () => void,
): Promise<void> {
  try {
    return session.pipelines.start(pipe, (signal) => work(new Answers(session, pipe, signal, octetsRead)));
  } catch (error) {
    return refuse(error, word, new Answers(session, pipe, NEVER));
  }
}

async function runAlone(session: Session, pipe: string | undefined, command: Command, alone: boolean): Promise<void> {
  const answers = new Answers(session, pipe, NEVER);
  if (!alone)
    return refuse(new Refusal('701', { text: `${command.word} stands alone on its line` }), command.word, answers);
  await session.pipelines.unnamed();
  if (command.word !== 'QUIT' && session.pipelines.live) return refuse(new Refusal('405'), command.word, answers);
  await run(command, answers);
}

async function run(command: Command, answers: Answers): Promise<void> {
  const { session } = answers;
  const refused = refusalByState(command.word, session.peer.state);
  const handler = commands[command.word] as Handler<Word> | undefined;
  if (refused) return refuse(refused, command.word, answers);
  if (handler === undefined) return refuse(new Refusal('400'), command.word, answers);
  const works = command.word !== 'MBOX WATCH';
  if (works) session.working += 1;
  try {
    await handler(command, answers);
    session.failures.syntax = 0;
    session.room.count(command.word, 'ok');
  } catch (error) {
    await refuse(error, command.word, answers);
  } finally {
    if (works) session.working -= 1;
  }
}

/** Tells the peer what went wrong, and ends the conversation where that is due. */
async function refuse(error: unknown, word: string, answers: Answers): Promise<void> {
  const { session } = answers;
  const refusal = refusalOf(error);
  if (refusal === undefined) return void session.connection.destroy();
  session.room.count(word, refusal.code);
  if (refusal.code === '700') report(session, word, refusal.cause);
  if (refusal.code === '701' || refusal.code === '702') session.failures.syntax += 1;
  const tired = session.failures.syntax >= PATIENCE;
  try {
    await answers.send(refusal.code, refusal.message);
    if (tired) await unprefixed(session).send('711', new Refusal('711').message);
  } catch {
    session.connection.destroy();
  }
  if (!tired && !refusal.close) return;
  session.leaving = true;
  session.connection.leave();
}

function report({ room }: Session, word: string, cause: unknown): void {
  room.post.log.error('immp.command-failed', { word, reason: codeOf(cause) ?? messageOf(cause).slice(0, 80) });
}
