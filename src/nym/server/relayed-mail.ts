// What the world gets of a nym: ordinary mail, without a word about when or how it came here.   spec: mixminion-nym 2.5

import { toHex } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import type { MessageHeaders } from '../../mixminion/payload/header-block.ts';

/** What would let a name break out of its quotes, or a line out of its field. */
const UNSAFE = /["\\\r\n\0]/g;

/** RFC 5322, lines ended by LF. Text that is no ASCII is declared as 8-bit UTF-8 and left as it is. */
export function writeRelayedMail(
  given: { nym: string; domain: string; recipients: readonly string[]; headers: MessageHeaders; body: Buffer },
  now: number,
  random: Random,
): Buffer {
  const { nym, domain, recipients, headers, body } = given;
  const address = `${nym}@${domain}`;
  const name = headers.get('FROM')?.replace(UNSAFE, '');
  const is8Bit = body.some((octet) => octet >= 0x80);
  const fields: (readonly [name: string, value: string | undefined])[] = [
    ['From', name ? `"${name}" <${address}>` : address],
    ['To', recipients.join(', ')],
    ['Subject', headers.get('SUBJECT')],
    ['In-Reply-To', headers.get('IN-REPLY-TO')],
    ['References', headers.get('REFERENCES')],
    ['Date', new Date(now).toUTCString().replace('GMT', '+0000')],
    ['Message-ID', `<${toHex(random.bytes(16))}@${domain}>`],
    ['MIME-Version', '1.0'],
    ['Content-Type', is8Bit ? 'text/plain; charset=utf-8' : 'text/plain'],
    ['Content-Transfer-Encoding', is8Bit ? '8bit' : '7bit'],
  ];
  const lines = fields.flatMap(([field, value]) => (value === undefined ? [] : [`${field}: ${value}`]));
  return Buffer.concat([Buffer.from(`${lines.join('\n')}\n\n`, 'latin1'), body]);
}
