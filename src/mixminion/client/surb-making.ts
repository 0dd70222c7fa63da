// Reply blocks of one's own, from the secrets of the key ring and the settings.   spec: mixminion-server 9.1; mixminion-e2e 9

import { DAY, startOfDay } from '../../base/time.ts';
import type { Address } from '../directory/address.ts';
import { type ComposingDesk, choosePaths } from './compose.ts';
import { Mix3BadArgsError } from './errors.ts';
import type { Keyring } from './identities.ts';
import { Surb } from './surb.ts';

/** Blocks that one call may make. */
const MAX_BLOCKS = 1000;

export interface SurbWish {
  readonly count: number;
  /** Where the answers are to be delivered. */
  readonly address: Address;
  /** The identity whose secret they are made from; empty for the default one. */
  readonly identity?: string | undefined;
  /** A path specifier; that of the settings when not given. */
  readonly path?: string | undefined;
  /** Milliseconds, cut to the midnight before; that of the settings when not given. */
  readonly lifetime?: number | undefined;
}

export interface MadeSurb {
  readonly surb: Surb;
  readonly decodingHandle: Buffer;
}

/**
 * Makes reply blocks; the ring may have a new secret afterwards: save it before a block is given away. Throws as
 * `generatePaths`, and Mix3BadArgsError for a lifetime that no secret has.
 */
export function makeSurbs(desk: ComposingDesk, keyring: Keyring, wish: SurbWish): MadeSurb[] {
  const { clock, random, settings } = desk;
  const { count, address, identity = '', path, lifetime = settings.surbs.lifetime } = wish;
  if (!(count >= 1 && count <= MAX_BLOCKS))
    throw new Mix3BadArgsError(`from 1 to ${MAX_BLOCKS} reply blocks at a time`);
  if (lifetime < DAY) throw new Mix3BadArgsError('a reply block lives for a day or more');
  const now = clock.now();
  const until = startOfDay(now + lifetime);
  const paths = choosePaths(desk, count, { kind: 'surb', path, address, until });
  const lasting = keyring.forNewBlocks(identity);
  const secret = Number(lasting.expires) < until ? keyring.newKey(identity) : lasting;
  if (Number(secret.expires) < until)
    throw new Mix3BadArgsError('no secret lives as long as that', { remedy: 'ask for 90 days at most' });
  return paths.map(({ path1 }) =>
    Surb.generate({ path: path1, address, validFrom: now, validUntil: until, secret, random }),
  );
}
