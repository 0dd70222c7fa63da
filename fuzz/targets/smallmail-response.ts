// Responses to a challenge. Nothing but the signature itself proves anything, so whatever proves carries its octets.

import { verifyResponse } from '../../src/smallmail/openpgp/identification.ts';
import { VECTOR } from '../../test/support/smallmail-vector.ts';
import type { FuzzTarget } from '../harness.ts';

const RS = VECTOR.response.subarray(-32); // the second half of the Ed25519 signature

export const target: FuzzTarget = {
  about: 'SmallMail responses to a challenge',
  seeds: () => [Buffer.from(VECTOR.response), Buffer.from('a30178daabacc8300100', 'hex')],
  async run(input) {
    const { key: certificate, challenge, signedAt: now } = VECTOR;
    const proved = await verifyResponse({ certificate, challenge, response: input, now, allowSha1: false });
    if (proved && !input.includes(RS)) throw new Error('a mailbox was proved without its signature');
  },
};
