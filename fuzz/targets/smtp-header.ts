// The header of a message as the gateway looks at it, and addresses.

import { parseMailAddress } from '../../src/smtp/addresses.ts';
import { fieldValue, fromAddress, LineEnds, splitMessage, withCrLf } from '../../src/smtp/header.ts';
import { withoutClaims } from '../../src/smtp/in/trace.ts';
import type { FuzzTarget } from '../harness.ts';

const SEEDS = [
  'From: "A, (b)" <a@b.test>\r\nSubject: x\r\n folded\r\n\r\nbody\r\n',
  'Authentication-Results: (c) "here.test" 1; spf=pass\r\nReceived: x\r\n\r\n',
  'From: a@b.test\n\n.\n..\r.\r\n',
];

export const target: FuzzTarget = {
  about: 'headers of ordinary mail: split, From, line ends',
  seeds: () => SEEDS.map((text) => Buffer.from(text, 'latin1')),
  run(input) {
    const lines = new LineEnds();
    lines.see(input);
    const message = withCrLf(input);
    if (lines.strict && input.at(-1) === 0x0a && !message.equals(input)) throw new Error('strict octets were changed');
    const { fields, rest } = splitMessage(message);
    const whole = Buffer.concat([...fields.map(({ octets }) => octets), rest]);
    if (!whole.equals(message)) throw new Error('fields and rest are another message');
    const from = fromAddress(fields);
    if (from !== undefined && parseMailAddress(from) === undefined) throw new Error('From holds no address');
    for (const field of withoutClaims(fields, 'here.test')) fieldValue(field);
  },
};
