// Messages on their way to a server: DELIVER, DATA for each part, DONE.   spec: immp 2.8

import { ENVELOPE_NAME, ENVELOPE_TYPE } from '../mail/envelope-part.ts';
import type { CommandOf } from '../wire/forms.ts';
import type { Imid, NodeName } from '../wire/imid.ts';
import { parameter } from '../wire/kind.ts';
import type { Reply } from '../wire/reply.ts';
import { delivered, queued } from '../wire/texts.ts';
import { ClientError } from './errors.ts';
import type { ImmpSession, Sending } from './session.ts';

/** Commands of one line, at most; the server takes 32. */
const AT_ONCE = 16;
/** Octets of names and types that one line holds with ease. */
const LABELS_AT_ONCE = 2048;

export interface OutgoingPart {
  readonly name?: string | undefined;
  readonly type?: string | undefined;
  /** Octets, exactly. */
  readonly size: number;
  /** The body of the message, or one of several forms of it, rather than something attached. */
  readonly content?: boolean;
  /** Shown inside the content. */
  readonly inline?: boolean;
  chunks(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** What a message says of itself besides its parts; `to` are all its readers, as they may be shown. */
export interface Said {
  readonly to?: readonly string[];
  readonly cc?: readonly string[];
  readonly subject?: string;
  readonly 'reply-to'?: string;
  readonly 'in-reply-to'?: string;
  /** RFC 3339. */
  readonly date?: string;
}

export interface OutgoingMessage {
  /** An IMID, or a domain for what is sealed to it. */
  readonly to: Imid | string;
  readonly from?: NodeName | undefined;
  /** The server vouches for the domain and does not say who it was. */
  readonly anonymous?: boolean;
  readonly subject?: string | undefined;
  /** The message's UUID; the same for each recipient, and when it is sent again. */
  readonly id?: string | undefined;
  readonly importance?: 'important' | 'low' | undefined;
  /** Only over connections whose key is the known one. */
  readonly secure?: boolean;
  readonly said?: Said;
  readonly parts: readonly OutgoingPart[];
}

export type Sent =
  /** It lies in the recipient's mailbox. */
  | { readonly state: 'delivered'; readonly id: string }
  /** The server has it in its queue for another domain. */
  | { readonly state: 'queued'; readonly id: string }
  /** It went to the subscribers of a node. */
  | { readonly state: 'published'; readonly text: string };

/** Called with the octets that went out since the last call. */
export type Progress = (octets: number) => void;

/** Throws ClientError `refused`, `not-now`; nothing of the message is stored then. */
export async function deliver(session: ImmpSession, message: OutgoingMessage, progress?: Progress): Promise<Sent> {
  const { subject, said, parts } = message;
  const inLine = subject === undefined || subjectFits(subject);
  const all = { ...said, ...(inLine ? {} : { subject }) };
  const envelope = Object.keys(all).length === 0 ? [] : [envelopePart(all)];
  const command = deliverCommand(inLine ? message : { ...message, subject: undefined });
  return sent(await upload(session, command, [...envelope, ...parts], progress));
}

/** The part that carries what DELIVER has no room for. */
export function envelopePart(said: Said): OutgoingPart {
  const octets = Buffer.from(JSON.stringify(said));
  return { name: ENVELOPE_NAME, type: ENVELOPE_TYPE, size: octets.length, chunks: () => [octets] };
}

/** A word of a line holds no quote and no control character, and a line is not long.   spec: immp 2.1 */
function subjectFits(subject: string): boolean {
  return Buffer.byteLength(subject) <= LABELS_AT_ONCE && parameter.read(parameter.write(subject)) === subject;
}

/** Opens with `command`, sends the parts, and gives the answer to DONE. */
export async function upload(
  session: ImmpSession,
  command: CommandOf<'DELIVER'> | CommandOf<'MBOX STORE'>,
  parts: readonly OutgoingPart[],
  progress?: Progress,
): Promise<Reply> {
  const sendings: Sending[] = [{ command }, ...parts.map((part) => dataOf(part, progress))];
  // One part alone: all in one line. If it is refused there is nothing that DONE could send.
  if (parts.length === 1) sendings.push({ command: { word: 'DONE' } });
  const replies: Reply[] = [];
  try {
    for (const line of lines(sendings)) {
      for (const exchange of await session.send(line)) {
        const [last] = (await exchange.all()).slice(-1);
        if (last) replies.push(last);
      }
    }
    if (parts.length !== 1) replies.push(...(await session.ask({ word: 'DONE' })).slice(-1));
  } catch (error) {
    // What came through of it must not wait for more. After a DELIVER that was refused there is nothing open, and no harm done.
    if (error instanceof ClientError) await session.ask({ word: 'RESET' }).catch(() => {});
    throw error;
  }
  const answer = replies.at(-1);
  if (answer === undefined) throw new Error('a message without an answer');
  return answer;
}

function deliverCommand(message: OutgoingMessage): CommandOf<'DELIVER'> {
  const { to, from, subject, id, importance, secure, anonymous, parts } = message;
  const switches = [
    ...(importance === 'important' ? ['+IMPORTANT'] : importance === 'low' ? ['-IMPORTANT'] : []),
    ...(parts.length > 1 ? ['+MULTIPART'] : []),
    ...(secure ? ['+SECURE'] : []),
    ...(anonymous ? ['-FROM'] : []),
  ];
  return {
    word: 'DELIVER',
    to,
    switches,
    ...(from === undefined ? {} : { from }),
    ...(subject === undefined ? {} : { subject }),
    ...(id === undefined ? {} : { id }),
  };
}

function dataOf({ name, type, size, content, inline, chunks }: OutgoingPart, progress?: Progress): Sending {
  const switches = [...(content ? ['+CONTENT'] : []), ...(inline ? ['+INLINE'] : [])];
  const label = { ...(name === undefined ? {} : { name }), ...(type === undefined ? {} : { type }) };
  return { command: { word: 'DATA', ...label, length: size, switches }, block: counted(chunks, size, progress) };
}

/** Exactly `size` octets. Throws ClientError `unsendable` when there are more or fewer. */
export async function* counted(
  chunks: OutgoingPart['chunks'],
  size: number,
  progress?: Progress,
): AsyncGenerator<Uint8Array, void, void> {
  let left = size;
  for await (const chunk of chunks()) {
    left -= chunk.byteLength;
    if (left < 0) break;
    yield chunk;
    progress?.(chunk.byteLength);
  }
  if (left !== 0) throw new ClientError('unsendable', 'a file changed while it was being sent');
}

function lines(sendings: readonly Sending[]): Sending[][] {
  const all: Sending[][] = [];
  let labels = 0;
  for (const sending of sendings) {
    const { command } = sending;
    const size = command.word === 'DATA' ? Buffer.byteLength(`${command.name}${command.type}`) : 0;
    const line = all.at(-1);
    labels += size;
    if (line !== undefined && line.length < AT_ONCE && labels <= LABELS_AT_ONCE) line.push(sending);
    else {
      all.push([sending]);
      labels = size;
    }
  }
  return all;
}

function sent(reply: Reply): Sent {
  if (reply.code === '284') return { state: 'published', text: reply.text };
  const state = reply.code === '274' ? 'queued' : 'delivered';
  const id = state === 'queued' ? queued.read(reply.text) : delivered.read(reply.text);
  if (id === undefined) throw new ClientError('protocol', 'the server does not say what became of it', { reply });
  return { state, id };
}
