// Mail that comes to a nym from anybody: its synopsis, and what filters make of it; and filters that anybody might write.

import { NymError } from '../../src/nym/errors.ts';
import { parseFilter } from '../../src/nym/filter/parse.ts';
import { runFilter } from '../../src/nym/filter/run.ts';
import { readShutdowns } from '../../src/nym/shutdown-phrase.ts';
import { splitMail, writeSynopsis } from '../../src/nym/synopsis.ts';
import type { FuzzTarget } from '../harness.ts';

const LONGEST_SYNOPSIS = 2000;
const FILTER =
  'if anyof (header :contains "subject" "spam", header :matches "from" "*@*.example") { discard; } else { keep; }';
const MAIL = 'Received: from a by b\r\nFrom: bob@example.org\r\nSubject: spam\r\n folded\r\n\r\nHello.\r\n';

function judge(mail: Buffer, filter: string): void {
  const headers = splitMail(mail).headers.map(({ name, value }) => [name.toLowerCase(), value] as const);
  runFilter(parseFilter(filter), { headers, envelope: { from: '', to: 'alice@nym.test' }, size: mail.length });
}

export const target: FuzzTarget = {
  about: 'mail to a nym, and the filters of nymholders',
  seeds: () => [Buffer.from(MAIL), Buffer.from(FILTER), Buffer.from('SHUTDOWN alice seven geese\n')],
  run(input) {
    if (writeSynopsis(input).length >= LONGEST_SYNOPSIS) throw new Error('a synopsis is too long');
    const text = input.toString('utf8');
    readShutdowns('', text);
    for (const [mail, filter] of [
      [input, FILTER],
      [Buffer.from(MAIL), text],
    ] as const) {
      try {
        judge(mail, filter);
      } catch (error) {
        if (!(error instanceof NymError)) throw error;
      }
    }
  },
};
