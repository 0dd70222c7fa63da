// Server descriptors: what is read without its signature can be written again, and then reads the same.

import { ServerDescriptor } from '../../src/mixminion/directory/descriptor.ts';
import { writeDescriptor } from '../../src/mixminion/directory/descriptor-write.ts';
import { DirectoryError } from '../../src/mixminion/directory/errors.ts';
import { descriptorOf, identity, seeded } from '../../test/support/mixminion-directory.ts';
import { mixminionFile } from '../../test/support/vectors.ts';
import type { FuzzTarget } from '../harness.ts';

export const target: FuzzTarget = {
  about: 'Type III server descriptors',
  seeds: () => [mixminionFile('desc-Amber.txt'), mixminionFile('desc-Cedar.txt'), descriptorOf('Ash').text].map(octets),
  run(input) {
    const text = input.toString('latin1');
    let read: ServerDescriptor;
    try {
      read = ServerDescriptor.parse(text, { validate: false }).descriptor;
    } catch (error) {
      if (error instanceof DirectoryError) return;
      throw error;
    }
    const written = writeDescriptor(read.fields, identity, seeded(1));
    const again = ServerDescriptor.parse(written, { validate: false }).descriptor;
    if (writeDescriptor(again.fields, identity, seeded(1)) !== written) throw new Error('written otherwise than read');
  },
};

function octets(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
