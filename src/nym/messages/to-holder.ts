// Control messages from a nymserver to a nymholder. They have no envelope: the reply block that brought one tells whose nym it
// is about, and that only the server can have sent it.   spec: mixminion-nym 3

import { NymError } from '../errors.ts';
import { type Frame, ID_LENGTH, MAX_MESSAGE, readFrames, readIds, writeFrame, writeIds } from './frames.ts';
import { counted, FieldReader, text, uint } from './octets.ts';

const Code = { CREATED: 0x00, STATUS: 0x01, SUMMARY: 0x02, MSG: 0x03, DROPPED: 0x04, ERROR: 0x05 } as const;
/** Synopses in one set: each has a bit of a u16.   spec: mixminion-nym 3 */
export const MAX_SET = 16;

export interface Status {
  /** Mails held. */
  readonly messages: number;
  /** Reply blocks held, after those that carry this message. */
  readonly surbs: number;
  /** Octets allowed and used. */
  readonly quota: number;
  readonly used: number;
  /** SEQNOs of messages that were processed. */
  readonly acknowledged: readonly Buffer[];
}

export type HolderCommand =
  /** The nym that was granted, and what to answer with CREATE2. */
  | { readonly word: 'CREATED'; readonly nym: string; readonly challenge: Buffer }
  | ({ readonly word: 'STATUS' } & Status)
  /** An encrypted set of synopses; bit n of `valid` says whether the mail of the nth is still there. */
  | { readonly word: 'SUMMARY'; readonly valid: number; readonly sealed: Buffer }
  /** One encrypted mail. */
  | { readonly word: 'MSG'; readonly id: Buffer; readonly sealed: Buffer }
  | { readonly word: 'DROPPED'; readonly ids: readonly Buffer[] }
  /** `nonce` is the SEQNO of the message at fault, or `NO_ID`. */
  | { readonly word: 'ERROR'; readonly nonce: Buffer; readonly text: string };

/** Numbers too large for their fields are written as the largest that fits.   spec: mixminion-nym 3 */
export function writeHolderMessage(commands: readonly HolderCommand[]): Buffer {
  return Buffer.concat(commands.map(writeCommand));
}

/** Commands that nobody knows are passed over. Throws NymError `message` for anything else that is wrong. */
export function readHolderMessage(message: Buffer): HolderCommand[] {
  if (message.length > MAX_MESSAGE) throw new NymError('message', `longer than ${MAX_MESSAGE} octets`);
  return readFrames(new FieldReader(message)).flatMap((frame) => readCommand(frame) ?? []);
}

function writeCommand(command: HolderCommand): Buffer {
  switch (command.word) {
    case 'CREATED':
      return writeFrame(Code.CREATED, counted(1, Buffer.from(command.nym)), command.challenge);
    case 'STATUS': {
      const { messages, surbs, quota, used, acknowledged } = command;
      const numbers = [atMost(messages, 4), atMost(surbs, 2), atMost(quota, 4), atMost(used, 4)];
      return writeFrame(Code.STATUS, ...numbers, writeIds(acknowledged));
    }
    case 'SUMMARY':
      return writeFrame(Code.SUMMARY, uint(command.valid, 2), command.sealed);
    case 'MSG':
      return writeFrame(Code.MSG, writeIds([command.id]), command.sealed);
    case 'DROPPED':
      return writeFrame(Code.DROPPED, writeIds(command.ids));
    case 'ERROR':
      return writeFrame(Code.ERROR, writeIds([command.nonce]), Buffer.from(command.text));
  }
}

function readCommand({ code, data }: Frame): HolderCommand | undefined {
  const reader = new FieldReader(data);
  switch (code) {
    case Code.CREATED:
      return { word: 'CREATED', nym: text(reader.take(reader.uint(1))).toLowerCase(), challenge: reader.rest() };
    case Code.STATUS: {
      const [messages, surbs, quota, used] = [reader.uint(4), reader.uint(2), reader.uint(4), reader.uint(4)];
      return { word: 'STATUS', messages, surbs, quota, used, acknowledged: readIds(reader) };
    }
    case Code.SUMMARY:
      return { word: 'SUMMARY', valid: reader.uint(2), sealed: reader.rest() };
    case Code.MSG:
      return { word: 'MSG', id: reader.take(ID_LENGTH), sealed: reader.rest() };
    case Code.DROPPED:
      return { word: 'DROPPED', ids: readIds(reader) };
    case Code.ERROR:
      return { word: 'ERROR', nonce: reader.take(ID_LENGTH), text: text(reader.rest()) };
    default:
      return undefined;
  }
}

function atMost(value: number, octets: 2 | 4): Buffer {
  return uint(Math.min(value, 2 ** (8 * octets) - 1), octets);
}
