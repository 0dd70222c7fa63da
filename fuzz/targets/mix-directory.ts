// Directories of both versions, plain and compressed, without asking for signatures over them.

import { Directory } from '../../src/mixminion/directory/directory.ts';
import { DirectoryError } from '../../src/mixminion/directory/errors.ts';
import { descriptorOf, directoryText } from '../../test/support/mixminion-directory.ts';
import { mixminionFile } from '../../test/support/vectors.ts';
import type { FuzzTarget } from '../harness.ts';

export const target: FuzzTarget = {
  about: 'Type III directories',
  seeds: () =>
    [mixminionFile('directory-0.2.txt'), directoryText([]), directoryText([descriptorOf('Ash')])].map((text) =>
      Buffer.from(text, 'latin1'),
    ),
  run(input) {
    try {
      const directory = Directory.parse(input, { validate: false });
      if (directory.getServers({ recommendedOnly: true }).length > directory.descriptorCount)
        throw new Error('too many');
    } catch (error) {
      if (!(error instanceof DirectoryError)) throw error;
    }
  },
};
