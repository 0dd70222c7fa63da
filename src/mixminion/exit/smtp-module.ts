// Exit type SMTP: mail to any address that did not opt out.   spec: mixminion-server 4.2

import type { RetrySchedule } from '../../post/retry.ts';
import { isMailbox, RoutingType } from '../packet/routing.ts';
import type { Blacklist } from './blacklist.ts';
import { fits, type MailStyle, writeMail } from './mail.ts';
import type { ExitModule } from './module.ts';
import type { SendMail } from './send-mail.ts';

/** Characters of an address that mail servers have to take. (RFC 5321, 4.5.3.1.3) */
const MAX_ADDRESS = 254;

export interface SmtpOptions {
  readonly schedule: RetrySchedule;
  readonly style: MailStyle;
  readonly blacklist: Blacklist;
  readonly send: SendMail;
}

export function smtpModule({ schedule, style, blacklist, send }: SmtpOptions): ExitModule {
  return {
    type: RoutingType.SMTP,
    name: 'smtp',
    schedule,
    async deliver(message, signal) {
      const to = message.address.toString('latin1');
      if (to.length > MAX_ADDRESS || !isMailbox(to)) return { result: 'drop', reason: 'bad-address' };
      if (blacklist.denies(to)) return { result: 'drop', reason: 'blacklisted' };
      if (!fits(message, style)) return { result: 'drop', reason: 'too-large' };
      const mail = { to, from: style.returnAddress, text: writeMail(to, message, style), id: message.id };
      return send(mail, signal);
    },
  };
}
