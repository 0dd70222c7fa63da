// What strangers put inside of CMTP messages: bodies, attachments, logs, and messages of version 0. All of it can be read, and
// what was read as a body is written as the same octets.

import { readAttachment, writeAttachment } from '../../src/cmtp/client/attachment.ts';
import { readBody, writeBody } from '../../src/cmtp/client/body.ts';
import { readCard } from '../../src/cmtp/client/card.ts';
import { ClientError } from '../../src/cmtp/client/errors.ts';
import { logLines } from '../../src/cmtp/client/log.ts';
import { glanceAt, openMessage } from '../../src/cmtp/client/open-message.ts';
import { cmtpVectors, hex, type InnerVectors, type MessageVectors } from '../../test/support/cmtp.ts';
import type { FuzzTarget } from '../harness.ts';

export const target: FuzzTarget = {
  about: 'bodies, attachments and logs of CMTP messages',
  seeds() {
    const inner = cmtpVectors<InnerVectors>('inner-structures').messages;
    return [
      ...inner.map((one) => hex(one.inner_plaintext)),
      ...inner.flatMap((one) => one.attachments.map(({ plaintext }) => hex(plaintext))),
      ...cmtpVectors<MessageVectors>('messages').messages.map(({ message }) => hex(message)),
      Buffer.from('{"cmtp":"alice@here.test","publicKey":"","xzibit":"","former":[]}'),
    ];
  },
  async run(input) {
    const body = readBody(input);
    if (body.date !== undefined && !writeBody(body).equals(input))
      throw new Error('a body is written otherwise than read');
    const attachment = readAttachment(input);
    if (/[/\\\0]/.test(attachment.name) || attachment.name.startsWith('.'))
      throw new Error('a name that leads elsewhere');
    if (readAttachment(writeAttachment(attachment)).name !== attachment.name) throw new Error('a name that changes');
    logLines(input);
    await swallow(() => readCard(input));
    await swallow(() => glanceAt(input, []));
    await swallow(() => openMessage(input, [], async () => undefined));
  },
};

async function swallow(work: () => unknown): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
  }
}
