// Opens packets at once, in the thread that asks: for simulations, where nothing may happen outside the clock.

import type { RsaPrivateKey } from '../../../crypto/rsa.ts';
import { openPacket } from './open-packet.ts';
import type { Unwrapper } from './unwrapper.ts';

export function directUnwrapper(): Unwrapper {
  let keys: readonly RsaPrivateKey[] = [];
  return {
    width: 1,
    open: async (packet) => openPacket(packet, keys),
    useKeys(given) {
      keys = given;
    },
    async close() {},
  };
}
