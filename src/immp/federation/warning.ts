// The mail to the administrator about a server that shows another key than before.   spec: immp 1.8, 2.4

import { hash } from 'node:crypto';
import { codeOf } from '../../base/errors.ts';
import { uuidFrom } from '../auth/secrets.ts';
import { accept } from '../mail/accept.ts';
import type { Delivery } from '../mail/delivery.ts';
import type { Room } from '../room.ts';
import { spooled } from '../spool.ts';
import { imid } from '../wire/imid.ts';

/** Never throws: that nobody could be told is logged. */
export async function warnOfKey(
  room: Room,
  kind: 'immp' | 'immp-openpgp',
  domain: string,
  pinned: string,
  shown: string,
): Promise<void> {
  const { admin } = room.settings;
  const to = imid.read(admin === '' ? `admin@${room.domain}` : admin);
  if (to === undefined) return;
  const what = kind === 'immp' ? `The server of ${domain} shows another key` : `${domain} has another OpenPGP key`;
  const words = `${what} than before.

known: ${pinned}
shown: ${shown}

Mail that must be safe is not sent there, and other mail only if an authority vouches for the server. Ask its administrator, by
another way, whether the key was changed. If it was:

    postern pins accept ${kind} ${domain}

If not, somebody may be in between.
`;
  const warning: Delivery = {
    to,
    from: `mailer-daemon@${room.domain}`,
    sender: undefined,
    origin: room.domain,
    id: uuidFrom(hash('sha256', ['changed key', kind, domain, shown].join('\0'), 'buffer').subarray(0, 16)),
    said: { subject: what },
    importance: 'important',
    secure: false,
    parts: [{ class: 'content', type: 'text/plain; charset=utf-8', name: 'words', data: spooled(Buffer.from(words)) }],
    via: [],
  };
  try {
    if (to.domain.toLowerCase() === room.domain) await accept(room, warning, `mailer-daemon@${room.domain}`);
    else await room.carrier?.carry(warning);
  } catch (error) {
    room.post.log.error('immp.administrator-not-told', { code: codeOf(error) });
  }
}
