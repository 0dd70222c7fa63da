// What the operator may ask of CMTP beside its wire: accounts, and invitations for people who make theirs by themselves.
// spec: cmtp 9 D23

import { z } from 'zod';
import { fromHex, toHex } from '../base/bytes.ts';
import { DAY } from '../base/time.ts';
import { type Controls, control } from '../post/control.ts';
import { queueControls } from '../post/queue-controls.ts';
import { accountsOf, mailboxOf } from './accounts.ts';
import { QUEUE, WaitingMail } from './forward/queue.ts';
import { invite } from './invitations.ts';
import { serverKeys } from './server-keys.ts';
import { type CmtpSettings, domainOf, quotaOf } from './settings.ts';

const INVITATION_DAYS = 7;

const octets = z.string().transform((digits, context) => {
  const read = fromHex(digits);
  if (read !== undefined) return read;
  context.addIssue({ code: 'custom', message: 'write octets as hex digits', input: digits });
  return z.NEVER;
});
const account = z.string();
const withKeys = z.strictObject({ account, publicKey: octets, xzibit: octets });

export const controls: Controls<CmtpSettings> = {
  /** Makes an account of a public key and an xzibit that its user has made. */
  'account.add': control(withKeys, async ({ post, settings, hostname }, { account, ...keys }) => {
    await accountsOf(post).add(account, keys, quotaOf(settings));
    return { address: `${account}@${domainOf(settings, hostname)}` };
  }),
  'account.rotate': control(withKeys, async ({ post }, { account, ...keys }) => {
    await accountsOf(post).rotate(account, keys);
    return {};
  }),
  /** Removes an account with all its mail. */
  'account.remove': control(z.strictObject({ account }), async ({ post }, { account }) => {
    await accountsOf(post).remove(account);
    return {};
  }),
  'account.list': control(z.strictObject({}), async ({ post }) => {
    const accounts = accountsOf(post);
    const listed: object[] = [];
    for await (const name of accounts.names()) {
      const [found, mailbox] = await Promise.all([accounts.get(name), post.store.mailboxes.get(mailboxOf(name))]);
      if (found === undefined || mailbox === undefined) continue; // removed just now
      const { publicKey, since, former } = found;
      listed.push({ account: name, publicKey: toHex(publicKey), since, formerKeys: former.length, ...mailbox.used });
    }
    return listed;
  }),
  ...queueControls(QUEUE, async function* (post) {
    for await (const jobs of new WaitingMail(post).jobs()) {
      yield jobs.map(({ message, to }) => ({ message, domain: to.domain.toLowerCase() }));
    }
  }),
  /** A token for one account, of one name or of any, good for some days. */
  'invitation.new': control(
    z.strictObject({ account: account.optional(), days: z.number().positive().max(365).default(INVITATION_DAYS) }),
    async ({ post, settings, hostname }, { account, days }) => {
      const until = post.clock.now() + days * DAY;
      return { token: await invite(post, { until, account }), until, domain: domainOf(settings, hostname) };
    },
  ),
  /** By which others know this server. */
  'server.key': control(z.strictObject({}), async ({ post, settings, folder, hostname }) => {
    const { publicKey } = await serverKeys(folder, post.random);
    return { domain: domainOf(settings, hostname), publicKey: toHex(publicKey) };
  }),
};
