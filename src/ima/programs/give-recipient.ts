// server-give-recipient: puts a message into an inbox directory.   spec: ima 1.3, 2.7

import { ImaError } from '../errors.ts';
import { MailFolder } from '../mailbox/folder.ts';
import { roomOf } from '../mailbox/room.ts';
import { letterFromInput } from './input.ts';
import type { Program } from './program.ts';

export const giveRecipient: Program<'server-give-recipient'> = {
  name: 'server-give-recipient',
  about:
    'Stores a message in a mailbox directory, its attachments apart. The message is read from FILE, or from standard input.',
  usage: 'INBOX [FILE]',
  example: 'server-give-recipient /var/mail/ima/b.example/bob/inbox < message',
  async run({ positionals: [inbox, file], settings, stdin, clock, random }) {
    if (inbox === undefined) throw new ImaError('usage', 'which inbox? server-give-recipient INBOX [FILE]');
    await using letter = await letterFromInput(file, stdin);
    await new MailFolder(inbox, { clock, random }).deliver(letter, { room: roomOf(settings) });
    return 0;
  },
};
