// The vote file of a directory server: every vote that can be read can be written again.

import { parseVotes, type VoteLine, withVote } from '../../src/mixminion/authority/votes.ts';
import { DirectoryError } from '../../src/mixminion/directory/errors.ts';
import type { FuzzTarget } from '../harness.ts';

const KEY = 'AB'.repeat(20);

export const target: FuzzTarget = {
  about: 'vote files of Type III directory servers',
  seeds: () =>
    ['', `yes Alice ${KEY}\n`, `# a comment\n#abstain Bob ${KEY}\nignore Carol ${'01'.repeat(20)} # why\n`].map(
      (text) => Buffer.from(text),
    ),
  run(input) {
    try {
      const text = input.toString('latin1');
      const votes = parseVotes(text);
      for (const vote of votes) {
        const again = parseVotes(withVote(text.replace(/\r\n?/g, '\n'), vote));
        if (inOrder(again) !== inOrder(votes)) throw new Error('a vote written again changed the votes');
      }
    } catch (error) {
      if (!(error instanceof DirectoryError)) throw error;
    }
  },
};

/** Their order in the file means nothing. */
function inOrder(votes: readonly VoteLine[]): string {
  return votes
    .map((vote) => JSON.stringify(vote))
    .sort()
    .join();
}
