// Whole CMTP messages: refused with WireError, or read so that they are written as the same octets.

import { WireError } from '../../src/cmtp/wire/errors.ts';
import { formatMessage, parseMessage } from '../../src/cmtp/wire/message.ts';
import { cmtpVectors, hex, type InnerVectors, type MessageVectors } from '../../test/support/cmtp.ts';
import type { FuzzTarget } from '../harness.ts';

export const target: FuzzTarget = {
  about: 'CMTP messages',
  seeds: () => [
    ...cmtpVectors<MessageVectors>('messages').messages.map(({ message }) => hex(message)),
    ...cmtpVectors<InnerVectors>('inner-structures').messages.map(({ message }) => hex(message)),
  ],
  run(input) {
    try {
      const message = parseMessage(input);
      if (!formatMessage(message).equals(input)) throw new Error('a message is written otherwise than read');
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
    }
  },
};
