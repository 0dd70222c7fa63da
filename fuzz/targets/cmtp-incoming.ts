// CMTP messages as the server reads them off a connection, in two pieces, beside the same octets read as a whole: what is behind the
// message is never taken for a part of it, and nothing of it is missed.

import { type Incoming, type MessageLimits, readIncoming } from '../../src/cmtp/incoming.ts';
import { WireError } from '../../src/cmtp/wire/errors.ts';
import { type Message, parseMessage } from '../../src/cmtp/wire/message.ts';
import { NetError } from '../../src/net/errors.ts';
import { connectionPair } from '../../src/net/memory.ts';
import { cmtpVectors, hex, type InnerVectors, type MessageVectors } from '../../test/support/cmtp.ts';
import type { FuzzTarget } from '../harness.ts';

const LIMITS: MessageLimits = { log: 1000, body: 10_000, attachments: 5, attachmentsSize: 10_000 };
const SILENCE = 5000;

export const target: FuzzTarget = {
  about: 'CMTP messages off a connection',
  seeds: () => [
    ...cmtpVectors<MessageVectors>('messages').messages.map(({ message }) => hex(message)),
    ...cmtpVectors<InnerVectors>('inner-structures').messages.map(({ message }) => hex(message)),
  ],
  async run(input) {
    const read = await readPieces(input);
    const whole = parsed(input);
    if (read === undefined) {
      if (whole !== undefined && fits(whole)) throw new Error('a good message is not read');
      return;
    }
    const { incoming, rest, behind } = read;
    const octets = Buffer.concat([incoming.head, incoming.log, rest, behind]);
    if (!octets.equals(input)) throw new Error('octets are lost, or read twice');
    if ((whole !== undefined) !== (incoming.envelope !== undefined && behind.length === 0)) {
      throw new Error('the two readers do not agree');
    }
  },
};

async function readPieces(input: Buffer): Promise<{ incoming: Incoming; rest: Buffer; behind: Buffer } | undefined> {
  const [here, there] = connectionPair();
  const cut = (input[0] ?? 0) + (input.at(-1) ?? 0);
  try {
    void there.write(input.subarray(0, cut)).catch(() => {});
    void there.write(input.subarray(cut)).catch(() => {});
    void there.close();
    const incoming = await readIncoming(here, LIMITS, SILENCE);
    const rest = Buffer.concat(await Array.fromAsync(incoming.rest));
    const behind: Buffer[] = [];
    while (await here.awaitLine(SILENCE)) behind.push(await here.chunk(1000, SILENCE));
    return { incoming, rest, behind: Buffer.concat(behind) };
  } catch (error) {
    if (error instanceof WireError || error instanceof NetError) return undefined;
    throw error;
  } finally {
    here.destroy();
  }
}

function parsed(input: Buffer): Message | undefined {
  try {
    return parseMessage(input);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

function fits({ log, body, attachments }: Message): boolean {
  const together = attachments.reduce((sum, { length }) => sum + length, 0);
  const few = attachments.length <= LIMITS.attachments && together <= LIMITS.attachmentsSize;
  return few && log.length <= LIMITS.log && body.length <= LIMITS.body;
}
