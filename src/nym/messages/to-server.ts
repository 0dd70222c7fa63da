// Control messages from a nymholder to his server: a signed envelope, and the commands in it.   spec: mixminion-nym 2
//
//   SIG 256 | NL u8 | NYM | SEQNO 20 | commands

import { messageOf } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { sha1 } from '../../crypto/hash.ts';
import { type RsaPrivateKey, RsaPublicKey } from '../../crypto/rsa.ts';
import { isMailbox, RoutingType } from '../../mixminion/packet/routing.ts';
import { parseSurb, type Surb, writeSurb } from '../../mixminion/packet/surb.ts';
import { type MessageHeaders, parseHeaderBlock, writeHeaderBlock } from '../../mixminion/payload/header-block.ts';
import { NymError } from '../errors.ts';
import { nymName } from '../names.ts';
import { type Frame, ID_LENGTH, MAX_MESSAGE, readFrames, readIds, writeFrame, writeIds } from './frames.ts';
import { counted, FieldReader, text, uint } from './octets.ts';

/** Of an identity key with 2048 bits, the only size there is. */
const SIGNATURE = 256;
const KEY_BITS = 2048;
const MAX_RECIPIENTS = 8;
const SEQUENCE = 0x30; // what a key in DER begins with

const Code = {
  CREATE: 0x00,
  CREATE2: 0x01,
  SURB: 0x02,
  NEWPK: 0x03,
  RELAY: 0x04,
  GET: 0x05,
  SUMMARIZE: 0x06,
  DELETE: 0x07,
  POLICY: 0x08,
} as const;

export type ServerCommand =
  /** Asks for the first of these names that is free; an empty one for any that the server thinks of. */
  | { readonly word: 'CREATE'; readonly candidates: readonly string[] }
  | { readonly word: 'CREATE2'; readonly response: Buffer }
  /** Reply blocks for the stock; none at all means: forget those that are there. `broken`: what followed was no reply block. */
  | { readonly word: 'SURB'; readonly surbs: readonly Surb[]; readonly broken?: true }
  | { readonly word: 'NEWPK'; readonly identity: RsaPublicKey; readonly encryption: RsaPublicKey }
  /** Ordinary mail from the nym. */
  | {
      readonly word: 'RELAY';
      readonly recipients: readonly string[];
      readonly headers: MessageHeaders;
      readonly body: Buffer;
    }
  | { readonly word: 'GET'; readonly ids: readonly Buffer[] }
  /** At most `most` synopses of mails newer than `after`; `most` 0 asks for a STATUS only. */
  | { readonly word: 'SUMMARIZE'; readonly most: number; readonly after: Buffer }
  | { readonly word: 'DELETE'; readonly ids: readonly Buffer[] }
  | { readonly word: 'POLICY'; readonly option: string; readonly value: Buffer };

/** A command that the server answers with ERROR and passes over.   spec: mixminion-nym 2, 6.1 */
export interface BadCommand {
  readonly word: 'bad';
  readonly code: number;
  readonly reason: string;
}

export interface ServerMessage {
  /** Empty when the message asks for a nym. */
  readonly nym: string;
  /** 20 random octets by which it is acknowledged. */
  readonly seqno: Buffer;
  readonly commands: readonly (ServerCommand | BadCommand)[];
  /** Whether this key signed it. Only a key of 2048 bits can have. */
  signedBy(key: RsaPublicKey): boolean;
}

interface Sayings {
  readonly nym: string;
  readonly seqno: Uint8Array;
  readonly commands: readonly ServerCommand[];
}

/** Throws NymError `field` or `name` for what cannot be said.   spec: mixminion-nym 2 */
export function writeServerMessage(sayings: Sayings, identity: RsaPrivateKey, random: Random): Buffer {
  return signMessage(writeSigned(sayings), identity, random);
}

/** All of a message but its signature, for one that may be signed again. Errors as `writeServerMessage`. */
export function writeSigned({ nym, seqno, commands }: Sayings): Buffer {
  if (seqno.byteLength !== ID_LENGTH) throw new NymError('field', `a SEQNO has ${ID_LENGTH} octets`);
  const name = Buffer.from(nym === '' ? '' : nymName(nym));
  const signed = Buffer.concat([counted(1, name), seqno, ...commands.map(writeCommand)]);
  if (SIGNATURE + signed.length > MAX_MESSAGE) {
    throw new NymError('field', `a control message has at most ${MAX_MESSAGE} octets`, { remedy: 'say it in several' });
  }
  return signed;
}

/** The whole message. */
export function signMessage(signed: Buffer, identity: RsaPrivateKey, random: Random): Buffer {
  return Buffer.concat([identity.sign(sha1(signed), random), signed]);
}

/** Throws NymError `message` when it is none at all. Commands that are wrong each for themselves stand there as `bad`. */
export function readServerMessage(message: Buffer): ServerMessage {
  if (message.length > MAX_MESSAGE) throw new NymError('message', `longer than ${MAX_MESSAGE} octets`);
  const whole = new FieldReader(message);
  const signature = whole.take(SIGNATURE);
  const signed = whole.rest();
  const reader = new FieldReader(signed);
  const nym = text(reader.take(reader.uint(1))).toLowerCase();
  const seqno = reader.take(ID_LENGTH);
  const commands = readFrames(reader).map(readCommand);
  return { nym, seqno, commands, signedBy: (key) => key.verify(signature, sha1(signed)) };
}

function writeCommand(command: ServerCommand): Buffer {
  switch (command.word) {
    case 'CREATE': {
      const names = command.candidates.map((name) => counted(1, Buffer.from(name === '' ? '' : nymName(name))));
      return writeFrame(Code.CREATE, uint(names.length, 1), uint(0, 1), ...names); // no proof of work
    }
    case 'CREATE2':
      return writeFrame(Code.CREATE2, command.response);
    case 'SURB':
      return writeFrame(Code.SURB, ...command.surbs.map(writeSurb));
    case 'NEWPK':
      return writeFrame(Code.NEWPK, ...[command.identity, command.encryption].map((key) => counted(2, derOf(key))));
    case 'RELAY': {
      const info = Buffer.from(recipientsOf(command.recipients).join('\0'), 'latin1');
      const body = Buffer.concat([writeHeaderBlock(command.headers), command.body]);
      const head = Buffer.concat([uint(info.length, 2), uint(RoutingType.SMTP, 2)]);
      return writeFrame(Code.RELAY, head, info, counted(4, body));
    }
    case 'GET':
      return writeFrame(Code.GET, writeIds(command.ids));
    case 'SUMMARIZE':
      return writeFrame(Code.SUMMARIZE, uint(command.most, 2), writeIds([command.after]));
    case 'DELETE':
      return writeFrame(Code.DELETE, writeIds(command.ids));
    case 'POLICY':
      return writeFrame(Code.POLICY, counted(1, Buffer.from(command.option)), command.value);
  }
}

function readCommand(frame: Frame): ServerCommand | BadCommand {
  try {
    return readGood(frame);
  } catch (error) {
    return { word: 'bad', code: frame.code, reason: messageOf(error) };
  }
}

function readGood({ code, data }: Frame): ServerCommand {
  const reader = new FieldReader(data);
  switch (code) {
    case Code.CREATE:
      return readCreate(reader);
    case Code.CREATE2:
      return { word: 'CREATE2', response: reader.rest() };
    case Code.SURB:
      return readSurbs(data);
    case Code.NEWPK:
      return readKeys(reader);
    case Code.RELAY:
      return readRelay(reader);
    case Code.GET:
      return { word: 'GET', ids: readIds(reader) };
    case Code.SUMMARIZE:
      return { word: 'SUMMARIZE', most: reader.uint(2), after: reader.take(ID_LENGTH) };
    case Code.DELETE:
      return { word: 'DELETE', ids: readIds(reader) };
    case Code.POLICY:
      return { word: 'POLICY', option: text(reader.take(reader.uint(1))), value: reader.rest() };
    default:
      throw new NymError('message', 'there is no such command');
  }
}

/** Names that cannot be nyms are passed over: the next candidate may do.   spec: mixminion-nym 2.1 */
function readCreate(reader: FieldReader): ServerCommand {
  const count = reader.uint(1);
  if (reader.uint(1) !== 0) throw new NymError('message', 'this server asks for no proof of work');
  const candidates: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const asked = reader.take(reader.uint(1)).toString('utf8');
    try {
      candidates.push(asked === '' ? '' : nymName(asked));
    } catch (error) {
      if (!(error instanceof NymError)) throw error;
    }
  }
  return { word: 'CREATE', candidates };
}

/** spec: mixminion-nym 2.3 */
function readSurbs(data: Buffer): ServerCommand {
  const surbs: Surb[] = [];
  for (let at = 0; at < data.length; ) {
    try {
      const { surb, length } = parseSurb(data.subarray(at));
      surbs.push(surb);
      at += length;
    } catch {
      if (surbs.length === 0) throw new NymError('message', 'this is no reply block');
      return { word: 'SURB', surbs, broken: true };
    }
  }
  return { word: 'SURB', surbs };
}

/** Both forms: with a length in front of the second key, and without.   spec: mixminion-nym 2.4 */
function readKeys(reader: FieldReader): ServerCommand {
  const identity = keyOf(reader.take(reader.uint(2)));
  const encryption = keyOf(reader.peek() === SEQUENCE ? reader.rest() : reader.take(reader.uint(2)));
  return { word: 'NEWPK', identity, encryption };
}

function keyOf(der: Buffer): RsaPublicKey {
  const key = RsaPublicKey.fromDer(der);
  if (key.bits !== KEY_BITS || key.exponent !== 65537n) {
    throw new NymError('message', `keys have ${KEY_BITS} bits and the exponent 65537`);
  }
  return key;
}

function derOf(key: RsaPublicKey): Buffer {
  const der = key.toDer();
  keyOf(der);
  return der;
}

/** Both forms: with a length in front of the body, and without.   spec: mixminion-nym 2.5 */
function readRelay(reader: FieldReader): ServerCommand {
  const infoLength = reader.uint(2);
  if (reader.uint(2) !== RoutingType.SMTP) throw new NymError('message', 'mail is relayed to mail addresses only');
  const recipients = recipientsOf(reader.take(infoLength).toString('latin1').split('\0'));
  const rest = reader.rest();
  const withLength = rest[0] === 0 && rest.length >= 4 && rest.readUInt32BE() === rest.length - 4;
  const { headers, body, flaw } = parseHeaderBlock(withLength ? rest.subarray(4) : rest);
  if (flaw === 'no header block') throw new NymError('message', 'the mail has no header block');
  return { word: 'RELAY', recipients, headers, body };
}

/** Sorted and each once. Throws NymError `field`. */
function recipientsOf(given: readonly string[]): string[] {
  const recipients = [...new Set(given)].sort();
  if (recipients.length === 0 || recipients.length > MAX_RECIPIENTS || !recipients.every(isMailbox)) {
    throw new NymError('field', `mail goes to 1 to ${MAX_RECIPIENTS} mail addresses`);
  }
  return recipients;
}
