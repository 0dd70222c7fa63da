// Mail that other counters bring for people here: an RFC 5322 message becomes a CMTP one, sealed to its reader as it arrives.
// spec: cmtp 5, 9 D16, D17

import { asBuffer } from '../base/bytes.ts';
import { SECOND } from '../base/time.ts';
import { MailError } from '../mail/errors.ts';
import { type Mail, readMime } from '../mail/read-mime.ts';
import type { Acceptance, AddressOwner, Arrival } from '../post/local-delivery.ts';
import type { Post } from '../post/post.ts';
import type { Account } from './accounts.ts';
import { writeAttachment } from './client/attachment.ts';
import { writeBody } from './client/body.ts';
import { seal } from './crypto/box.ts';
import { keep, partsOf } from './mailbox.ts';
import type { Room } from './room.ts';
import { limitsOf } from './settings.ts';
import { formatMessage } from './wire/message.ts';
import { type Place, parsePlace } from './wire/names.ts';

const VERSION = 1;
const MAX_ADDRESS = 512;

interface Content {
  readonly body: Buffer;
  readonly attachments: readonly Buffer[];
}

export function addressOwner(room: Room): AddressOwner {
  const accountOf = async (address: string): Promise<Account | undefined> => {
    const place = parsePlace(address);
    return place && room.isHere(place.domain) ? room.accounts.get(place.account) : undefined;
  };
  return {
    name: 'cmtp',
    owns: async (address) => (await accountOf(address)) !== undefined,
    async deliver(arrival): Promise<Acceptance> {
      const account = await accountOf(arrival.to);
      if (account === undefined) return 'unknown';
      const content = await contentOf(arrival, room.post);
      if (!fits(content, room)) return 'refused';
      const { random } = room.post;
      const message = formatMessage({
        version: VERSION,
        to: { account: account.name, domain: room.domain },
        from: senderOf(arrival.from, room),
        log: Buffer.alloc(0),
        body: seal(content.body, account.publicKey, random),
        attachments: content.attachments.map((file) => seal(file, account.publicKey, random)),
      });
      room.count('(local)', arrival.via);
      return keep(room.post, account.name, { ...partsOf(message), once: arrival.once });
    },
  };
}

/** Text and files; what cannot be taken apart arrives whole, as a file. */
async function contentOf({ message, from }: Arrival, { clock }: Post): Promise<Content> {
  const now = Math.floor(clock.now() / SECOND);
  let mail: Mail;
  try {
    mail = await readMime(message);
  } catch (error) {
    if (!(error instanceof MailError)) throw error;
    const body = writeBody({ date: now, subject: '', replyTo: from, copies: [], text: '' });
    return { body, attachments: [writeAttachment({ name: 'message.eml', content: asBuffer(message) })] };
  }
  const date = mail.date === undefined ? now : Math.max(0, Math.floor(mail.date / SECOND));
  const subject = plain(mail.subject).slice(0, 1000);
  const body = writeBody({ date, subject, replyTo: replyAddress(mail, from), copies: [], text: plain(mail.text) });
  return { body, attachments: mail.files.map(writeAttachment) };
}

/** Where the writer wants answers: the address in Reply-To or From, or the envelope's sender. */
function replyAddress(mail: Mail, from: string): string {
  const field = mail.field('reply-to') || mail.field('from');
  const [, address = field.trim()] = /<([^<>]*)>/.exec(field) ?? [];
  return /^[^\s\p{Cc}]+@[^\s\p{Cc}]+$/u.test(address) && address.length <= MAX_ADDRESS ? address : from;
}

/** The envelope's sender, or the server where he has no name that CMTP can carry: answers then go by the body's reply address. */
function senderOf(from: string, { domain }: Room): Place {
  return parsePlace(from) ?? { account: '', domain };
}

function fits({ body, attachments }: Content, { settings }: Room): boolean {
  const limits = limitsOf(settings);
  const together = attachments.reduce((sum, { length }) => sum + length, 0);
  return body.length < limits.body && attachments.length <= limits.attachments && together < limits.attachmentsSize;
}

/** Without the NULs by which CMTP would end it. */
function plain(text: string): string {
  return text.replaceAll('\0', '').toWellFormed();
}
