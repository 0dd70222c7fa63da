// Sending: a message waits in the outbox, sealed to its writer, until the own server has given the reader's key; then it is sealed to
// that and handed over, one for each reader.
// spec: cmtp 4.1, 4.3, 9 D8, D12, D16

import { toHex } from '../../base/bytes.ts';
import { carry, post, replaceBody } from '../../base/outbox.ts';
import { NetError } from '../../net/errors.ts';
import type { KeyPair } from '../crypto/keys.ts';
import { openXzibit } from '../crypto/xzibit.ts';
import { type Address, formatAddress } from './address.ts';
import { composeMessage, type Draft, sealParts } from './compose.ts';
import { type Courier, converse } from './courier.ts';
import { ClientError } from './errors.ts';
import { type Account, knownKey, rememberKey } from './home.ts';
import { openParts } from './open-message.ts';
import { isDraft, markDraft, outboxOf, unmarkDraft, type WaitingLetter } from './outbox.ts';
import type { CmtpSession, Sent } from './session.ts';
import { prove } from './words.ts';

const CHUNK = 256 * 1024;

export interface Letter extends Omit<Draft, 'to' | 'from'> {
  readonly to: Address;
  /** Signs it inside.   spec: cmtp 9 D20 */
  readonly isSigned: boolean;
  /** Takes the reader's key even if it is another than before. */
  readonly takesNewKey: boolean;
}

/** Puts a message into the outbox, where nobody but its writer can open it. It is durable when this resolves. Throws ClientError `unsendable`. */
export async function postLetter(
  { home, clock, random }: Courier,
  { account, domain }: Account,
  own: KeyPair,
  { to, takesNewKey, isSigned, ...letter }: Letter,
): Promise<WaitingLetter> {
  const from = { account, domain };
  const signer = isSigned ? own : undefined;
  const draft = composeMessage({ ...letter, to, from }, { recipientKey: own.publicKey, signer, random });
  const note = { from, to, takesNewKey, notBefore: clock.now(), tries: 0 };
  return post(outboxOf(home), note, markDraft(draft), random);
}

/**
 * Brings a message to the own server. When that fails it stays in the outbox, and the error is thrown: ClientError `unknown` when
 * the reader has no key, `changed-key` when it is another than before, `undeliverable`, `not-now`, NetError. The first try that
 * gets the reader's key seals it; later ones send the same octets, which a server keeps once.   spec: cmtp 4.3
 * Undefined when another process has sent it.
 */
export async function carryLetter(
  courier: Courier,
  account: Account,
  pairs: readonly [KeyPair, ...KeyPair[]],
  waiting: WaitingLetter,
): Promise<{ sent: Sent; size: number } | undefined> {
  const outbox = outboxOf(courier.home);
  return carry(outbox, waiting, (body) =>
    converse(courier, account, async (session) => {
      if (account.tls !== undefined) await prove(session, account, pairs[0]); // elsewhere it may not be understood
      let message = body;
      if (isDraft(body)) {
        const recipientKey = await keyFor(courier, session, waiting, waiting.to.domain !== account.domain);
        const { signed, ...parts } = openParts(unmarkDraft(body), pairs);
        const signer = signed === undefined ? undefined : pairs[0];
        message = sealParts(parts, { recipientKey, signer, random: courier.random });
        await replaceBody(outbox, waiting, message);
      }
      const outgoing = { attachments: message.readUInt32BE(4), chunks: chunksOf(message, courier.progress) };
      return { sent: await session.mail(outgoing), size: message.length };
    }),
  );
}

/** Whether a letter may leave another time though this try failed: its server was away, or said not now. */
export function mayPass(error: unknown): boolean {
  return error instanceof NetError || (error instanceof ClientError && error.code === 'not-now');
}

async function keyFor(
  courier: Courier,
  session: CmtpSession,
  letter: Pick<Letter, 'to' | 'takesNewKey'>,
  isForeign: boolean,
): Promise<Buffer> {
  const { to } = letter;
  const name = formatAddress(to);
  // The old reference server looks at no domain and gives its own user of that name: it is not asked.   spec: cmtp 4.1
  const key =
    isForeign && session.dialect === 'reference'
      ? undefined
      : await session.keyOf(to.account, isForeign ? to.domain : '');
  if (key === undefined) {
    throw new ClientError('unknown', `the server knows no key of ${name}`, {
      remedy: isForeign
        ? 'is the address right? It asks other domains only for users who prove themselves: give the account --tls'
        : 'is the address right?',
    });
  }
  const before = await knownKey(courier.home, to);
  if (before !== undefined && before !== toHex(key) && !letter.takesNewKey) {
    throw new ClientError('changed-key', `${name} has another key than when you last wrote`, {
      remedy: 'ask there, by another way, whether it was changed; if it was: send again with --new-key',
    });
  }
  await rememberKey(courier.home, to, toHex(key));
  return key;
}

/** The key that the own server gives for somebody, hex digits, and the one that is remembered. Throws ClientError `unknown`. */
export async function findKey(
  courier: Courier,
  account: Account,
  passphrase: string | undefined,
  address: Address,
): Promise<{ key: string; known: string | undefined }> {
  const key = await senderKeys(courier, account, passphrase)(address);
  if (key === undefined) throw new ClientError('unknown', `the server knows no key of ${formatAddress(address)}`);
  return { key: toHex(key), known: await knownKey(courier.home, address) };
}

/** Asks the own server for the keys of others; for those of other domains the account is proved. */
export function senderKeys(courier: Courier, account: Account, passphrase: string | undefined) {
  return (sender: Address): Promise<Buffer | undefined> => {
    const isForeign = sender.domain !== account.domain;
    return converse(courier, account, async (session) => {
      if (sender.account === '') return isForeign ? undefined : session.serverKey;
      if (isForeign && session.dialect === 'reference') return undefined;
      if (isForeign && account.tls !== undefined && passphrase !== undefined) {
        const own = await openXzibit(account.xzibit, passphrase);
        await prove(session, account, own);
      }
      return session.keyOf(sender.account, isForeign ? sender.domain : '');
    });
  };
}

function* chunksOf(message: Buffer, progress?: Courier['progress']): Generator<Buffer> {
  for (let at = 0; at < message.length; at += CHUNK) {
    yield message.subarray(at, at + CHUNK);
    progress?.(Math.min(message.length, at + CHUNK), message.length);
  }
}
