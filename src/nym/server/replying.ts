// The way of a control message to a nymholder: packed into payloads, each behind a reply block, by the remailer of this office.
// spec: mixminion-nym 3, 9

import { PosternError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import type { MixService } from '../../mixminion/node/service.ts';
import { encodeMessage } from '../../mixminion/payload/encode.ts';
import type { SendReply } from './desk.ts';

/** The header block of a message that has no headers. */
const NO_HEADERS = Buffer.from('\n');

/**
 * Throws PosternError `mix-closed`, and what `MixService.replyWays` does, before anything is spent; what comes back throws
 * `reply-blocks` when the message takes more packets than it has reply blocks.
 */
export function prepareReply(mix: MixService | undefined, path: string, packets: number, random: Random): SendReply {
  if (mix === undefined) {
    throw new PosternError('mix-closed', 'the remailer of this office is closed', { remedy: 'set mix.enabled = true' });
  }
  const ways = mix.replyWays(packets, path);
  return async (message, surbs) => {
    const payloads = encodeMessage(Buffer.concat([NO_HEADERS, message]), { overhead: 0, random });
    if (payloads.length > Math.min(surbs.length, ways.length)) {
      throw new PosternError('reply-blocks', 'a message takes more packets than was thought');
    }
    for (const [index, payload] of payloads.entries()) {
      const [way, surb] = [ways[index], surbs[index]];
      if (way !== undefined && surb !== undefined) await way(surb, payload);
    }
  };
}
