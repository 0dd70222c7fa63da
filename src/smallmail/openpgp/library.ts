// OpenPGP.js, loaded when the first key is looked at and not before: a command that needs none starts faster.

import type { Config, PublicKeyPacket, PublicSubkeyPacket } from 'openpgp';

export type KeyPacket = PublicKeyPacket | PublicSubkeyPacket;
type Library = typeof import('openpgp');

let loaded: Promise<{ library: Library; config: Config }> | undefined;

/**
 * The library, and a configuration in which it judges no hash of a message: what is accepted there is our rule.
 * A key's signatures on itself may still be SHA-1, as keys of 2009 have them; MD5 and RIPEMD never count.
 * What it signs carries no notation with the library's name.
 */
export function openPgp(): Promise<{ library: Library; config: Config }> {
  loaded ??= import('openpgp').then((library) => ({
    library,
    config: {
      ...library.config,
      rejectMessageHashAlgorithms: new Set(),
      nonDeterministicSignaturesViaNotation: false,
    },
  }));
  return loaded;
}
