// Whether a server that was reached is the one that it should be, and for what that is enough.   spec: immp 2.4, 2.6

import { equalBytes, toHex } from '../../base/bytes.ts';
import type { Log } from '../../base/log.ts';
import type { Pins } from '../../post/pins.ts';
import type { ImmpSettings } from '../settings.ts';
import { FarError } from './errors.ts';

/** What the conversation is for: mail, mail that is to be safe, or the question whether a domain is what it says. */
export type Purpose = 'mail' | 'secure-mail' | 'proof';

export interface Shown {
  readonly domain: string;
  /** SHA-256 of the SubjectPublicKeyInfo. */
  readonly key: Buffer;
  /** An authority vouches for it. */
  readonly vouched: boolean;
}

export interface Judge {
  readonly pins: Pins;
  readonly settings: Pick<ImmpSettings, 'pin' | 'cookie'>;
  /** Our own key. */
  readonly own: Buffer;
  readonly log: Log;
  /** Told once of each other key that a server shows. */
  changed(domain: string, pinned: string, shown: string): Promise<void>;
}

/** True when the key is the pinned one. Throws FarError when the server may not be used for this. */
export async function judge(shown: Shown, purpose: Purpose, by: Judge): Promise<boolean> {
  const { domain, key, vouched } = shown;
  if (equalBytes(key, by.own)) throw new FarError('self', `${domain} is this office`);
  const pin = await by.pins.get(domain);
  if (pin === undefined) {
    const enough = vouched || (purpose === 'proof' ? by.settings.cookie.accept_tofu : true);
    if (!enough || (by.settings.pin.require_ca && !vouched)) {
      throw new FarError('untrusted', `nobody vouches for the key of ${domain}`);
    }
  }
  const check = await by.pins.check(domain, key);
  if (check !== 'changed') return true;
  if (vouched && by.settings.pin.roll === 'ca') {
    await by.pins.replace(domain, key, 'authority');
    return true;
  }
  by.log.warn('immp.server-key-changed', { vouched });
  if (pin?.offered !== toHex(key)) await by.changed(domain, pin?.fingerprint ?? '', toHex(key));
  if (vouched && purpose !== 'secure-mail') return false;
  throw new FarError('changed-key', `${domain} shows another key than before`);
}
