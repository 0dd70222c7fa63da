// The secret of an identity, from which its reply blocks are made and by which their answers are read.
// spec: mixminion-client-api 2

import { type Random, systemRandom } from '../../base/random.ts';
import { Mix3BadArgsError } from './errors.ts';

const LENGTH = 20;

export class SurbSecret {
  /** 20 octets. */
  readonly bytes: Buffer;
  /** The name of the identity; empty for the default one. */
  readonly identity: string;
  /** When it is over; undefined for one that is in no key ring. */
  readonly expires: Date | undefined;

  /** Copies `bytes`. Throws Mix3BadArgsError when they are not 20. */
  constructor(bytes: Uint8Array, identity = '', expires?: Date) {
    if (bytes.byteLength !== LENGTH) throw new Mix3BadArgsError(`a SURB secret has ${LENGTH} octets`);
    this.bytes = Buffer.from(bytes);
    this.identity = identity;
    this.expires = expires;
  }

  /** A fresh one, kept nowhere: a `Keyring` makes those that last. */
  static generate(identity = '', random: Random = systemRandom): SurbSecret {
    return new SurbSecret(random.bytes(LENGTH), identity);
  }

  /** Overwrites the octets; what was copied from them elsewhere stays. */
  destroy(): void {
    this.bytes.fill(0);
  }
}
