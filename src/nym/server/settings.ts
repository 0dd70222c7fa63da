// What the operator may set about the nymserver: the [nym] section.   spec: mixminion-nym 1, 6.4

import { z } from 'zod';
import { DAY } from '../../base/time.ts';
import { PathSpec } from '../../mixminion/directory/path-spec.ts';
import { isHostname } from '../../mixminion/packet/routing.ts';
import { countSetting, durationSetting, flagSetting, sizeSetting, textSetting } from '../../post/setting-kinds.ts';
import type { Limits } from './desk.ts';

/** A mail has to fit into one control message when it is sealed. */
const MOST_MAIL = 1000 * 1024;

export const settings = z.strictObject({
  domain: textSetting(
    '',
    'What is behind the @ of the nyms: their mail comes here. Empty: this office gives out no nyms. Needs the remailer ' +
      'of this office ([mix]) and its SMTP gateway ([smtp]).',
  ).refine((name) => name === '' || (isHostname(name) && name.includes('.')), {
    error: 'write a domain such as "nym.example.org"',
  }),
  approval: flagSetting(false, 'Whether a nym opens only when you approve of its name.'),
  new_nyms_per_day: countSetting(20, 'How many names are given out a day.', { min: 1, max: 100_000 }),
  reservation: durationSetting('7 d', 'How long a name is kept for whoever asked for it and has not confirmed.').refine(
    (time) => time >= DAY,
    { error: 'write a time of at least "1 d": answers take hours' },
  ),
  quota_size: sizeSetting('20 MiB', 'How much sealed mail one nym may keep here.'),
  quota_messages: countSetting(2000, 'How many mails that may be.', { min: 1, max: 100_000 }),
  mail_size: sizeSetting('512 KiB', 'The largest mail that is taken for a nym.').refine((size) => size <= MOST_MAIL, {
    error: 'write a size up to "1000 KiB"',
  }),
  relays_per_day: countSetting(20, 'How many mails a nym may send a day.', { max: 100_000 }),
  recipients_per_day: countSetting(50, 'How many recipients these may have together.', { max: 100_000 }),
  reply_path: textSetting(
    '~3',
    'The servers between this remailer and the reply blocks of a nym: about three, chosen at random.',
  ).refine(isReplyPath, { error: 'write a path such as "~3", "*2" or "Amber,?"' }),
});

export type NymSettings = z.infer<typeof settings>;

export function limitsOf(settings: NymSettings): Limits {
  return {
    quota: { bytes: settings.quota_size, messages: settings.quota_messages },
    mailSize: settings.mail_size,
    newNymsPerDay: settings.new_nyms_per_day,
    relaysPerDay: settings.relays_per_day,
    recipientsPerDay: settings.recipients_per_day,
    approval: settings.approval,
    reservation: settings.reservation,
  };
}

function isReplyPath(spec: string): boolean {
  try {
    PathSpec.parse(spec, { kind: 'reply' });
    return true;
  } catch {
    return false;
  }
}
