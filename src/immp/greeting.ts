// What the server says first: the ways to encrypt, and what it is.   spec: immp 2.3

import type { Session } from './session.ts';
import { formatReply } from './wire/reply.ts';
import { writePairs } from './wire/texts.ts';

/** Methods offered, each with the versions of TLS that it means. */
export const METHODS = {
  TLS2: { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' },
  TLS3: { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' },
  TLS: { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' },
} as const;

/** Beside the keys of AUTH: what this server can beyond the draft. */
const EXTENSIONS = ['KEY', 'NEXT', 'WATCH', 'MBOX2', 'FRAME'];

export async function greet({ connection, room }: Session): Promise<void> {
  const line = (code: string, text: string, more = false) => formatReply({ code, text, more });
  const extensions = [...room.settings.auth.filter((method) => method !== 'K1'), ...EXTENSIONS].join(',');
  const about = { p: 'IMMP', v: '1.0', d: room.domain, m: room.settings.message_size, x: extensions };
  await connection.write(
    line('100', `IMMP/1.0 Server at ${room.domain}.`, true) +
      line('100', 'Please upgrade the connection to one of the following:', true) +
      line('100', 'TLS2 TLS3') +
      line('101', writePairs(about)),
  );
}
