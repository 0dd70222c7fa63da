// The keys that XENROL and XROTATE bring, with the proof that whoever brings them has the secret one.   spec: cmtp 9 D22, D23

import { AccountError } from '../accounts.ts';
import { failed } from '../answers.ts';
import { SealError } from '../crypto/errors.ts';
import { PUBLIC_KEY_LENGTH, SIGNATURE_LENGTH, verify } from '../crypto/keys.ts';
import { XZIBIT_LENGTH } from '../crypto/xzibit.ts';
import type { Session } from '../session.ts';
import type { ProofOf, UserKeys } from '../wire/proofs.ts';

export interface BroughtKeys extends UserKeys {
  readonly signature: Buffer;
}

/** Key, xzibit, signature: 252 octets. */
export async function readUserKeys(session: Session): Promise<BroughtKeys> {
  const octets = await session.block(PUBLIC_KEY_LENGTH + XZIBIT_LENGTH + SIGNATURE_LENGTH);
  return {
    publicKey: octets.subarray(0, PUBLIC_KEY_LENGTH),
    xzibit: octets.subarray(PUBLIC_KEY_LENGTH, -SIGNATURE_LENGTH),
    signature: octets.subarray(-SIGNATURE_LENGTH),
  };
}

/** Throws Failure when the new key has not signed `proof`. */
export function checkProof(
  session: Session,
  account: string,
  keys: BroughtKeys,
  proof: (of: ProofOf, keys: UserKeys) => Buffer,
): void {
  const { server, domain } = session.room;
  const signed = proof({ server: server.publicKey, account, domain }, keys);
  if (!verify(keys.signature, signed, keys.publicKey)) throw failed('identification');
}

/** Runs it; what is wrong with the account or its keys becomes FAILURE. */
export async function changeAccount(change: Promise<void>): Promise<void> {
  try {
    await change;
  } catch (error) {
    if (error instanceof AccountError || error instanceof SealError) throw failed(error.code);
    throw error;
  }
}
