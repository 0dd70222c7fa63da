// The files that the operator of an exit writes: rules of the blacklist, addresses of users.

import { parseAddressFile } from '../../src/mixminion/exit/address-file.ts';
import { parseBlacklist } from '../../src/mixminion/exit/blacklist.ts';
import { ExitError } from '../../src/mixminion/exit/errors.ts';
import type { FuzzTarget } from '../harness.ts';

export const target: FuzzTarget = {
  about: 'blacklists and address files of Type III exits',
  seeds: () =>
    [
      '# comment\ndeny address a@b.c\ndeny user root\ndeny onehost b.c\ndeny allhosts c\n',
      'alice : alice@example.org\nBob=bob@example.org\n',
    ].map((text) => Buffer.from(text)),
  run(input) {
    const text = input.toString('utf8');
    // A pattern is the operator's own program: what it costs to run is not the reader's matter.
    refused(() => parseBlacklist(text.replace(/pattern/gi, 'address')).denies('user@host.example.org'));
    refused(() => parseAddressFile(text));
  },
};

function refused(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof ExitError)) throw error;
  }
}
