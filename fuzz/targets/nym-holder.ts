// Control messages to a nymholder, and the sets of synopses in them.

import { NymError } from '../../src/nym/errors.ts';
import { type HolderCommand, readHolderMessage, writeHolderMessage } from '../../src/nym/messages/to-holder.ts';
import { readSynopses, writeSynopses, writeSynopsis } from '../../src/nym/synopsis.ts';
import type { FuzzTarget } from '../harness.ts';

const ID = Buffer.alloc(20, 7);
const SET = writeSynopses([
  { id: ID, text: writeSynopsis(Buffer.from('From: bob@example.org\nSubject: hi\n\nHello.\n')) },
]);

const sample: readonly HolderCommand[] = [
  { word: 'CREATED', nym: 'alice', challenge: Buffer.from([0, ...ID]) },
  { word: 'STATUS', messages: 2, surbs: 17, quota: 1 << 20, used: 2048, acknowledged: [ID] },
  { word: 'SUMMARY', valid: 1, sealed: SET },
  { word: 'MSG', id: ID, sealed: Buffer.from('sealed') },
  { word: 'DROPPED', ids: [ID, ID] },
  { word: 'ERROR', nonce: ID, text: 'no' },
];

export const target: FuzzTarget = {
  about: 'control messages to a nymholder, and sets of synopses',
  seeds: () => [writeHolderMessage(sample), SET, ...sample.map((command) => writeHolderMessage([command]))],
  run(input) {
    try {
      const commands = readHolderMessage(input);
      const written = writeHolderMessage(commands);
      if (!writeHolderMessage(readHolderMessage(written)).equals(written)) {
        throw new Error('a message changed as it was written and read');
      }
    } catch (error) {
      if (!(error instanceof NymError)) throw error;
    }
    try {
      const set = readSynopses(input);
      if (!writeSynopses(set).equals(input)) throw new Error('a set changed as it was read and written');
    } catch (error) {
      if (!(error instanceof NymError)) throw error;
    }
  },
};
