// SmallMail addresses: what is read is written so that it reads as the same.

import { formatAddress, formatUri, parseAddress } from '../../src/smallmail/client/address.ts';
import type { FuzzTarget } from '../harness.ts';

const FPR = '6A5A7A8A650F0C12961ED8F74278AF1D067C0E57';
const PIN = '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881';

export const target: FuzzTarget = {
  about: 'SmallMail addresses',
  seeds: () =>
    [`${FPR}@mail.example`, `smallmail:${FPR}@h:7?pin=${PIN}`, `${PIN}@[2001:db8::1]:1995`].map((text) =>
      Buffer.from(text),
    ),
  run(input) {
    const address = parseAddress(input.toString('latin1'));
    if (address === undefined) return;
    const expected = JSON.stringify(address);
    for (const text of [formatAddress(address), formatUri(address)]) {
      if (JSON.stringify(parseAddress(text)) !== expected) throw new Error(`${text} reads as another address`);
    }
  },
};
