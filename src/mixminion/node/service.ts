// What the remailer of an office does for the office's other counters: delivers to an exit of theirs, and takes replies of theirs
// among the packets that it mixes.

import { serviceKey } from '../../post/services.ts';
import type { NymFields } from '../directory/descriptor-fields.ts';
import type { ExitModule } from '../exit/module.ts';
import type { Surb } from '../packet/surb.ts';

/** An exit that another counter brings. */
export interface ExitOffer {
  readonly module: ExitModule;
  /** What the remailer's descriptors say of it, but for the mbox. */
  readonly nym: Pick<NymFields, 'domain' | 'maximumSize'>;
  /** A name that mbox deliveries, when they are enabled, know besides those of the address file, and the address behind it. */
  readonly mbox: { readonly name: string; readonly address: string };
}

/** Offered by a counter that opens before the remailer, which looks when it opens and at each reload. */
export const exitOffer = serviceKey<ExitOffer>('exit');

export interface MixService {
  /**
   * Ways for so many reply packets: through this remailer first, so that they leave among others, then over servers as the
   * specifier has them. They hold for some hours. Throws PosternError `no-directory`, or as `generatePaths`.
   */
  replyWays(count: number, spec: string): ReplyWay[];
}

/** Sends one payload of 28672 octets by a reply block. Durable when this resolves. Throws PosternError `mix-full`. */
export type ReplyWay = (surb: Surb, payload: Buffer) => Promise<void>;

/** Offered by the remailer for as long as it is open. */
export const mixService = serviceKey<MixService>('mix');
