// Reading a server's replies, of either dialect, by what their first octets say.   spec: cmtp 4, 9 D2, D4, D6

import { SECOND } from '../../base/time.ts';
import type { Connection } from '../../net/connection.ts';
import { PUBLIC_KEY_LENGTH, SIGNATURE_LENGTH } from '../crypto/keys.ts';
import { XZIBIT_LENGTH } from '../crypto/xzibit.ts';
import { ClientError } from './errors.ts';

const NUL = 0;
/** A word or text before its NUL, the NUL counted. */
const MAX_TEXT = 65;
/** For one reply: a server answers MAIL only after its disk did. */
const REPLY_TIME = 120 * SECOND;
/** The old server's reply to a request for a key is this long, whatever it says. */
const REFERENCE_KEY_REPLY = 102;

/** A word or text with the signature that came with it. */
export interface SignedText {
  /** Without its NUL. */
  readonly text: string;
  readonly signature: Buffer;
}

export type Reply =
  /** Version 1: what follows depends on what was asked. */
  | { readonly kind: 'answer' }
  /** SUCCESS, FAILURE, or a text of version 0. */
  | ({ readonly kind: 'text' } & SignedText);

/** The start of a binary reply. Throws ClientError `protocol` when it is none; the connection is then of no more use. */
export async function readReply(connection: Connection): Promise<Reply> {
  const head = await connection.block(4, REPLY_TIME);
  const version = head.readUInt32BE();
  if (version === 1) return { kind: 'answer' };
  if (version === 0) return { kind: 'text', ...(await readSignedText(connection, '')) };
  const start = head.toString('latin1');
  if (start !== 'SUCC' && start !== 'FAIL') throw notCmtp();
  return { kind: 'text', ...(await readSignedText(connection, start)) };
}

/** The rest of a text of which `start` was read, its NUL, signature and NUL. */
async function readSignedText(connection: Connection, start: string): Promise<SignedText> {
  const text = start + (await readText(connection));
  const block = await connection.block(SIGNATURE_LENGTH + 1, REPLY_TIME);
  if (block[SIGNATURE_LENGTH] !== NUL) throw notCmtp();
  return { text, signature: block.subarray(0, SIGNATURE_LENGTH) };
}

/** A text before its NUL. */
export async function readText(connection: Connection, time = REPLY_TIME): Promise<string> {
  const token = await connection.token([NUL], MAX_TEXT, time);
  if (token === undefined) throw cut();
  return token.octets.toString('utf8');
}

export interface KeyReply {
  readonly key: Buffer;
  readonly signature: Buffer;
  /** Octets 16 to 83 of the whole reply, where the old server hides its "no key".   spec: cmtp 4.1 */
  readonly hidden: { readonly word: string; readonly signature: Buffer };
}

/** What follows the version of a key. */
export async function readKeyReply(connection: Connection): Promise<KeyReply> {
  const whole = Buffer.concat([Buffer.of(0, 0, 0, 1), await connection.block(REFERENCE_KEY_REPLY - 4, REPLY_TIME)]);
  return {
    key: whole.subarray(4, 4 + PUBLIC_KEY_LENGTH),
    signature: whole.subarray(4 + PUBLIC_KEY_LENGTH + 1, 4 + PUBLIC_KEY_LENGTH + 1 + SIGNATURE_LENGTH),
    hidden: { word: whole.toString('latin1', 16, 20), signature: whole.subarray(20, 20 + SIGNATURE_LENGTH) },
  };
}

export interface XzibitReply {
  readonly xzibit: Buffer;
  readonly signature: Buffer;
}

/** What follows the version of an xzibit. The old server leaves version and length out; then the salt is there.   spec: cmtp 9 D6 */
export async function readXzibitReply(connection: Connection): Promise<XzibitReply> {
  const next = await connection.block(8, REPLY_TIME);
  const prefixed = next.readUInt32BE(0) === XZIBIT_LENGTH && next.readUInt32BE(4) === 1;
  const start = prefixed ? next.subarray(4) : Buffer.concat([Buffer.of(0, 0, 0, 1), next]);
  const xzibit = Buffer.concat([start, await connection.block(XZIBIT_LENGTH - start.length, REPLY_TIME)]);
  return { xzibit, signature: await connection.block(SIGNATURE_LENGTH, REPLY_TIME) };
}

export function readBlock(connection: Connection, length: number): Promise<Buffer> {
  return connection.block(length, REPLY_TIME);
}

function notCmtp(): ClientError {
  return new ClientError('protocol', 'the server does not answer as CMTP does', {
    remedy: 'is this the port of a CMTP server?',
  });
}

function cut(): ClientError {
  return new ClientError('protocol', 'the server ended the conversation without an answer');
}
