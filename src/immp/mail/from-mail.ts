// Mail in the old format, from another counter or a gateway, as a message for an IMMP account.   spec: immp 2.8

import { hash } from 'node:crypto';
import { MailError } from '../../mail/errors.ts';
import { readMime } from '../../mail/read-mime.ts';
import type { AddressOwner, Arrival } from '../../post/local-delivery.ts';
import { uuidFrom } from '../auth/secrets.ts';
import { Refusal } from '../codes.ts';
import type { Room } from '../room.ts';
import { spooled } from '../spool.ts';
import { accountName, type Imid, imid } from '../wire/imid.ts';
import { accept } from './accept.ts';
import type { Delivery } from './delivery.ts';
import type { Envelope, Part } from './message.ts';

const MAX_PARTS = 200;

/** This counter as the owner of its accounts' addresses. */
export function addressOwner(room: Room): AddressOwner {
  const ours = (address: string): Imid | undefined => {
    const read = address.length > 512 ? undefined : imid.read(address);
    return read?.domain.toLowerCase() === room.domain ? read : undefined;
  };
  return {
    name: 'immp',
    async owns(address) {
      const to = ours(address);
      return to !== undefined && (await room.accounts.recipient(to)) !== undefined;
    },
    async deliver(arrival) {
      const to = ours(arrival.to);
      if (to === undefined) return 'unknown';
      if (arrival.message.byteLength > room.settings.message_size) return 'refused';
      try {
        return await accept(room, await deliveryOf(arrival, to, room), `(${arrival.via})`);
      } catch (error) {
        if (error instanceof MailError) return 'refused';
        if (!(error instanceof Refusal)) throw error;
        if (error.code === '450') return 'unknown';
        if (error.code === '441') return 'full';
        if (error.code === '430') return 'refused';
        throw error;
      }
    },
    async checkPassword(address, password) {
      const to = ours(address);
      return to !== undefined && room.secrets.checkPassword(accountName(to), password, room.settings);
    },
  };
}

async function deliveryOf({ from, message, once, via }: Arrival, to: Imid, room: Room): Promise<Delivery> {
  const mail = await readMime(message);
  const content: Part = {
    class: 'content',
    type: 'text/plain; charset=utf-8',
    name: 'text',
    data: spooled(Buffer.from(mail.text)),
  };
  const html = mail.files.find(({ name, type }) => name === 'letter.html' && type === 'text/html');
  const names = new Set(['text']);
  const others = mail.files.slice(0, MAX_PARTS - 1).map((file): Part => {
    const name = freeName(file.name, names);
    return { class: file === html ? 'content' : 'attachment', type: file.type, name, data: spooled(file.content) };
  });
  const sender = from === '' ? undefined : from;
  const domain = sender?.slice(sender.lastIndexOf('@') + 1).toLowerCase();
  return {
    to,
    from: sender && imid.read(sender) ? sender : undefined,
    sender: undefined,
    origin: domain ?? via,
    id: once ? uuidFrom(hash('sha256', once, 'buffer').subarray(0, 16)) : uuidFrom(room.post.random.bytes(16)),
    said: saidBy(mail),
    importance: undefined,
    secure: false,
    parts: [content, ...others],
    via: [],
  };
}

function saidBy(mail: Awaited<ReturnType<typeof readMime>>): Partial<Envelope> {
  const headers = Object.fromEntries(
    ['from', 'to', 'cc', 'list-id'].flatMap((name) => (mail.field(name) === '' ? [] : [[name, mail.field(name)]])),
  );
  return {
    subject: mail.subject,
    ...(mail.date === undefined ? {} : { date: new Date(mail.date).toISOString() }),
    ...(mail.messageId === '' ? {} : { headers: { ...headers, 'message-id': mail.messageId } }),
  };
}

function freeName(wanted: string, taken: Set<string>): string {
  let name = wanted;
  for (let count = 2; taken.has(name); count += 1) name = `${count}-${wanted}`;
  taken.add(name);
  return name;
}
