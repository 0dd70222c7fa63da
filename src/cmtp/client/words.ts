// Our own words, spoken by a user who proves his key: reading and deleting mail, making an account, changing its keys. Never said
// to an old reference server.   spec: cmtp 9 D13, D22, D23

import { toHex } from '../../base/bytes.ts';
import { formatSize } from '../../base/text.ts';
import { MINUTE } from '../../base/time.ts';
import { type KeyPair, SIGNATURE_LENGTH, sign, verify } from '../crypto/keys.ts';
import { parseLength } from '../wire/message.ts';
import { zeroEnded } from '../wire/names.ts';
import {
  authProof,
  CHALLENGE_LENGTH,
  enrolProof,
  MESSAGE_ID_LENGTH,
  type ProofOf,
  rotateProof,
  type UserKeys,
} from '../wire/proofs.ts';
import type { Address } from './address.ts';
import { ClientError } from './errors.ts';
import type { CmtpSession } from './session.ts';

const MAX_LISTED = 1_000_000;
const LIST_ENTRY = MESSAGE_ID_LENGTH + 16;
/** Larger than any server of ours takes in, when it is not told otherwise. */
const MAX_MESSAGE = 256 * 1024 ** 2;
const FETCH_TIME = 60 * MINUTE;

export interface Listed {
  readonly id: Buffer;
  /** Octets. */
  readonly size: number;
  /** Seconds since 1970, as exact as the server keeps it. */
  readonly arrived: number;
}

/** Proves to the server that this is `address`, for the rest of the conversation. Throws ClientError `refused`. */
export async function prove(session: CmtpSession, address: Address, own: KeyPair): Promise<void> {
  refuseOld(session);
  const read = await session.askFor(
    `XCHAL\0${address.account}\0`,
    'the server does not let users prove their keys here',
  );
  const length = (await read(4)).readUInt32BE();
  if (length !== CHALLENGE_LENGTH) throw broken();
  const challenge = await read(CHALLENGE_LENGTH);
  if (!verify(await read(SIGNATURE_LENGTH), challenge, session.serverKey)) throw broken();
  const proof = sign(authProof(proofOf(session, address), challenge), own);
  await session.ask(
    Buffer.concat([zeroEnded('XAUTH'), proof]),
    'the server does not take the key as that of this account',
  );
}

/** All messages in the mailbox of whoever was proved. */
export async function listMessages(session: CmtpSession): Promise<Listed[]> {
  const read = await session.askFor('XLIST\0', 'the server does not list the mailbox');
  const count = (await read(4)).readUInt32BE();
  if (count > MAX_LISTED) throw broken();
  const listed: Listed[] = [];
  while (listed.length < count) {
    const entry = await read(LIST_ENTRY);
    const id = Buffer.from(entry.subarray(0, MESSAGE_ID_LENGTH));
    const [size, arrived] = [parseLength(entry, MESSAGE_ID_LENGTH), parseLength(entry, MESSAGE_ID_LENGTH + 8)];
    listed.push({ id, size, arrived });
  }
  return listed;
}

/** A whole message, signed by the server. Undefined when it is gone. */
export async function fetchMessage(
  session: CmtpSession,
  { id }: Pick<Listed, 'id'>,
  progress: (done: number, total: number) => void = () => {},
): Promise<Buffer | undefined> {
  let read: (length: number) => Promise<Buffer>;
  try {
    read = await session.askFor(Buffer.concat([zeroEnded('XFETCH'), id]), 'gone');
  } catch (error) {
    if (error instanceof ClientError && error.code === 'refused') return undefined;
    throw error;
  }
  const size = parseLength(await read(8));
  if (size > MAX_MESSAGE) {
    throw new ClientError('refused', `the message ${toHex(id)} has ${formatSize(size)}, which is too much`);
  }
  const chunks: Buffer[] = [];
  let done = 0;
  for await (const chunk of session.stream(size, FETCH_TIME)) {
    chunks.push(chunk);
    done += chunk.length;
    progress(done, size);
  }
  const message = Buffer.concat(chunks);
  if (!verify(await read(SIGNATURE_LENGTH), message, session.serverKey)) throw broken();
  return message;
}

/** False when it was gone already. */
export async function deleteMessage(session: CmtpSession, id: Uint8Array): Promise<boolean> {
  try {
    await session.ask(Buffer.concat([zeroEnded('XDELETE'), id]), 'gone');
    return true;
  } catch (error) {
    if (error instanceof ClientError && error.code === 'refused') return false;
    throw error;
  }
}

/** Makes an account with an invitation. Throws ClientError `refused`. */
export async function enrol(
  session: CmtpSession,
  address: Address,
  { token, own, xzibit }: { token: string; own: KeyPair; xzibit: Uint8Array },
): Promise<void> {
  refuseOld(session);
  const keys: UserKeys = { publicKey: own.publicKey, xzibit };
  const signature = sign(enrolProof(proofOf(session, address), token, keys), own);
  const names = [token, address.account].map(zeroEnded);
  const request = Buffer.concat([zeroEnded('XENROL'), ...names, keys.publicKey, keys.xzibit, signature]);
  await session.ask(request, 'the server does not make this account: the invitation is not good, or the name is taken');
}

/** Gives the account of whoever was proved another key, or the same key under another passphrase. */
export async function rotate(
  session: CmtpSession,
  address: Address,
  { own, xzibit }: { own: KeyPair; xzibit: Uint8Array },
): Promise<void> {
  const keys: UserKeys = { publicKey: own.publicKey, xzibit };
  const signature = sign(rotateProof(proofOf(session, address), keys), own);
  const request = Buffer.concat([zeroEnded('XROTATE'), keys.publicKey, keys.xzibit, signature]);
  await session.ask(request, 'the server does not take the new keys');
}

function proofOf({ serverKey }: CmtpSession, { account, domain }: Address): ProofOf {
  return { server: serverKey, account, domain };
}

function refuseOld({ dialect }: CmtpSession): void {
  if (dialect !== 'reference') return;
  throw new ClientError('refused', 'this is an old server: it has no way to fetch mail or to make accounts', {
    remedy: 'its mail is read on its own machine',
  });
}

function broken(): ClientError {
  return new ClientError('protocol', 'the server does not answer as it should, or its answer was changed');
}
