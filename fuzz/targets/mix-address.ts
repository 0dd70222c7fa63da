// Recipient addresses, and what each tells the last hop.

import { exitOf, parseAddress } from '../../src/mixminion/directory/address.ts';
import { AddressError } from '../../src/mixminion/directory/errors.ts';
import type { FuzzTarget } from '../harness.ts';

export const target: FuzzTarget = {
  about: 'Type III recipient addresses',
  seeds: () =>
    ['alice@example.com', 'mbox:bob@a@b', 'drop', 'test:abc', '0XaBcD:zz', 'smtp:a+b=c@d-e.example'].map((text) =>
      Buffer.from(text),
    ),
  run(input) {
    try {
      const { routingType, lastHop } = exitOf(parseAddress(input.toString('utf8')));
      if (routingType > 0xfffe || lastHop === '') throw new Error('an exit that no packet can have');
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
    }
  },
};
