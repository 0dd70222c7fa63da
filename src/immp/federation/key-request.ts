// KEY REQUEST from both sides: an armoured key in the lines of a reply.   spec: immp 2.11

import { ClientError } from '../client/errors.ts';
import type { ImmpSession } from '../client/session.ts';
import type { Answers } from '../session.ts';
import type { Imid } from '../wire/imid.ts';
import { formatImid } from '../wire/imid.ts';

/** Resolves with the key's armour; undefined when there is none. Throws ClientError. */
export async function requestKey(session: ImmpSession, of: Imid | string): Promise<string | undefined> {
  try {
    const replies = await session.ask({ word: 'KEY REQUEST', of });
    return replies.flatMap(({ code, more, text }) => (code === '291' && more ? [text] : [])).join('\n');
  } catch (error) {
    if (error instanceof ClientError && error.reply?.code === '404') return undefined;
    throw error;
  }
}

/** `fingerprint`: 40 hex digits. */
export async function sendKey(
  answers: Answers,
  of: Imid | string,
  fingerprint: string,
  armoured: string,
): Promise<void> {
  const name = typeof of === 'string' ? of : formatImid(of);
  const lines = armoured.trimEnd().split(/\r?\n/);
  await answers.session.connection.write(
    [
      answers.line('290', `Public key for ${name} (fingerprint 0x${fingerprint}):`, false),
      ...lines.map((line) => answers.line('291', line, true)),
      answers.line('291', '', false),
    ].join(''),
  );
}
