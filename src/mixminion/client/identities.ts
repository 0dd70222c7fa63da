// The key ring as an object: identities, and the secrets from which their reply blocks are made.
// spec: mixminion-client-api 7; mixminion-e2e 9

import { type Random, systemRandom } from '../../base/random.ts';
import { type Clock, systemClock } from '../../base/time.ts';
import { EMPTY_KEY_RING, type KeyRing, openKeyRing, sealKeyRing, secretForNewBlocks } from './keyring.ts';
import { loadKeyRing, saveKeyRing } from './keyring-file.ts';
import { SurbSecret } from './surb-secret.ts';
import { asApi } from './translate.ts';

export interface KeyringOptions {
  readonly clock?: Clock;
  /** New secrets; when the ring is sealed the order of its items, its padding and its salt. */
  readonly random?: Random;
}

export class Keyring {
  #ring: KeyRing;
  #passphrase: string;
  readonly #clock: Clock;
  readonly #random: Random;

  /** An empty ring. */
  constructor(passphrase = '', options: KeyringOptions = {}) {
    this.#ring = EMPTY_KEY_RING;
    this.#passphrase = passphrase;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
  }

  /** The ring in an armoured text, expired secrets included. Throws Mix3BadFormatError, Mix3BadPassphraseError. */
  static open(text: string | Uint8Array, passphrase: string, options: KeyringOptions = {}): Keyring {
    const keyring = new Keyring(passphrase, options);
    keyring.#ring = asApi(() => openKeyRing(typeof text === 'string' ? Buffer.from(text) : text, passphrase));
    return keyring;
  }

  /**
   * The ring in a file, without secrets that expired; an empty one, not yet on disk, when there is no file. `ask` is
   * called when the empty passphrase does not open the file, or (`isNew`) for one to seal a new ring with. Errors as
   * `open`.
   */
  static load(path: string, ask: (isNew: boolean) => Promise<string>, options: KeyringOptions = {}): Promise<Keyring> {
    return asApi(async () => {
      const loaded = await loadKeyRing(path, () => ask(false), options.clock ?? systemClock);
      const keyring = new Keyring(loaded?.passphrase ?? (await ask(true)), options);
      if (loaded !== undefined) keyring.#ring = loaded.ring;
      return keyring;
    });
  }

  /** The armoured text, sealed under the passphrase. */
  seal(): Buffer {
    return asApi(() => sealKeyRing(this.#ring, this.#passphrase, this.#random));
  }

  /** Puts the ring in the place of a file that only its owner reads; durable when the promise resolves. */
  save(path: string): Promise<void> {
    return asApi(() => saveKeyRing(path, { ring: this.#ring, passphrase: this.#passphrase }, this.#random));
  }

  /** All secrets, or those of one identity (in any case), the longest-lived first: give them to `decodePacket`. */
  all(identity?: string): SurbSecret[] {
    const name = identity?.toLowerCase();
    return this.#ring.secrets
      .filter((secret) => name === undefined || secret.identity === name)
      .sort((a, b) => b.expires - a.expires)
      .map(secretOf);
  }

  /** The longest-lived secret of an identity, if it has one. */
  newest(identity = ''): SurbSecret | undefined {
    return this.all(identity)[0];
  }

  /** Adds a fresh secret for an identity, good for 90 days and to the next midnight. Save the ring before using it. */
  newKey(identity = ''): SurbSecret {
    const fresh = asApi(() => secretForNewBlocks(EMPTY_KEY_RING, identity, this.#clock.now(), this.#random));
    this.#ring = { ...this.#ring, secrets: [...this.#ring.secrets, fresh.secret] };
    return secretOf(fresh.secret);
  }

  /** The secret for new reply blocks: the newest with more than 30 days left, else a new one. Save the ring then. */
  forNewBlocks(identity = ''): SurbSecret {
    const { ring, secret } = asApi(() => secretForNewBlocks(this.#ring, identity, this.#clock.now(), this.#random));
    this.#ring = ring;
    return secretOf(secret);
  }
}

function secretOf({ identity, secret, expires }: KeyRing['secrets'][number]): SurbSecret {
  return new SurbSecret(secret, identity, new Date(expires));
}
