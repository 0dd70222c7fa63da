// Exit type MBOX: mail to a user of this server, wherever the operator said that it goes.   spec: mixminion-server 4.3

import type { RetrySchedule } from '../../post/retry.ts';
import { RoutingType } from '../packet/routing.ts';
import { fits, type MailStyle, writeMail } from './mail.ts';
import type { ExitModule } from './module.ts';
import type { SendMail } from './send-mail.ts';

export interface MboxOptions {
  readonly schedule: RetrySchedule;
  readonly style: MailStyle;
  /** Addresses by name, as the address file has them. */
  readonly users: ReadonlyMap<string, string>;
  readonly send: SendMail;
}

export function mboxModule({ schedule, style, users, send }: MboxOptions): ExitModule {
  return {
    type: RoutingType.MBOX,
    name: 'mbox',
    schedule,
    async deliver(message, signal) {
      const to = users.get(message.address.toString('utf8'));
      if (to === undefined) return { result: 'drop', reason: 'unknown-user' };
      if (!fits(message, style)) return { result: 'drop', reason: 'too-large' };
      const mail = { to, from: style.returnAddress, text: writeMail(to, message, style), id: message.id };
      return send(mail, signal);
    },
  };
}
