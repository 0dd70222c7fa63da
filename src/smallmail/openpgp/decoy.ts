// A key that belongs to nobody: proofs for mailboxes that do not exist are checked against it, so that the two cases
// take the same steps.   spec: smallmail 2.6

import { openPgp } from './library.ts';

/** A new binary public key of the kind our clients make; its secret half is forgotten at once. */
export async function makeDecoy(): Promise<Uint8Array> {
  const { library } = await openPgp();
  const { publicKey } = await library.generateKey({
    type: 'curve25519',
    userIDs: [{ name: 'smallmail' }],
    format: 'binary',
    config: { v6Keys: false },
  });
  return publicKey;
}
