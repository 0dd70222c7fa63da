// The mail addresses of a nymserver: the nyms, the one that closes them, and the one for clients that know no exit type of ours.

import { codeOf } from '../../base/errors.ts';
import { readMessages } from '../../mixminion/payload/text.ts';
import type { Acceptance, AddressOwner, Arrival } from '../../post/local-delivery.ts';
import { nymOf, takeMail, takesMail } from './arrival.ts';
import { takeControl } from './control.ts';
import type { Desk } from './desk.ts';
import { takeShutdownMail } from './shutdown.ts';

/** spec: mixminion-nym 7 */
const SHUTDOWN = 'nym-shutdown';
/** Where an exit delivers control messages by MBOX: the name that the descriptor tells.   spec: mixminion-nym 9 */
export const CONTROL = 'nymserver';
/** Nothing but the mix brings control messages. */
const MIX = 'mix';

export function nymAddresses(desk: Desk): AddressOwner {
  return {
    name: 'nym',
    async owns(address) {
      const local = nymOf(address, desk.domain);
      if (local === undefined) return false;
      return local === SHUTDOWN || local === CONTROL || takesMail(await desk.vault.record(local));
    },
    async deliver(arrival) {
      const local = nymOf(arrival.to, desk.domain);
      if (local === undefined) return 'unknown';
      if (local === SHUTDOWN) return shutdown(desk, arrival);
      if (local === CONTROL) return control(desk, arrival);
      const accepted = await desk.turns.take(local, () => takeMail(desk, local, arrival));
      desk.count(`mail-${accepted}`);
      return accepted;
    },
  };
}

/** Taken whatever it says: nothing is ever answered.   spec: mixminion-nym 7 */
async function shutdown(desk: Desk, { message }: Arrival): Promise<Acceptance> {
  try {
    await takeShutdownMail(desk, message);
  } catch (error) {
    if (codeOf(error) !== 'mime') throw error;
  }
  return 'stored';
}

async function control(desk: Desk, { message, via }: Arrival): Promise<Acceptance> {
  if (via !== MIX) return 'refused';
  for (const { type, contents } of armoured(message)) {
    if (type === 'binary' || type === 'plaintext') desk.count(await takeControl(desk, contents));
  }
  return 'stored';
}

function armoured(message: Uint8Array): ReturnType<typeof readMessages> {
  try {
    return readMessages(message);
  } catch {
    return [];
  }
}
