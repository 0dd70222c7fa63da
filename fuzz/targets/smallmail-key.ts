// Keys as CRID brings them: refused with KeyError, or read as a certificate that reads again as the same.

import { readCertificate } from '../../src/smallmail/openpgp/certificate.ts';
import { KeyError } from '../../src/smallmail/openpgp/errors.ts';
import { VECTOR } from '../../test/support/smallmail-vector.ts';
import type { FuzzTarget } from '../harness.ts';

export const target: FuzzTarget = {
  about: 'SmallMail keys',
  seeds: () => [Buffer.from(VECTOR.key)],
  async run(input) {
    try {
      const { octets } = await readCertificate(input, VECTOR.signedAt);
      const again = await readCertificate(octets, VECTOR.signedAt);
      if (!again.octets.equals(octets)) throw new Error('the plain form of a key is not plain');
    } catch (error) {
      if (!(error instanceof KeyError)) throw error;
    }
  },
};
