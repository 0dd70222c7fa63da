// What the operator may ask of the gateway: what waits, the signing key's record, who is to be left alone, and a message to see
// whether all of it works.

import { z } from 'zod';
import { toHex } from '../base/bytes.ts';
import { PosternError } from '../base/errors.ts';
import { mailDate, writeMime } from '../mail/write-mime.ts';
import { type Controls, control } from '../post/control.ts';
import type { Post } from '../post/post.ts';
import { isDomain, parseMailAddress } from './addresses.ts';
import { QUEUE } from './out/carrier.ts';
import { dkimKey, dkimRecord } from './out/dkim.ts';
import { Suppression } from './out/suppression.ts';
import { type Waiting, WaitingMail } from './out/waiting.ts';
import { domainsOf, type SmtpSettings } from './settings.ts';

/** Messages listed at once. */
const MOST = 1000;
const one = z.strictObject({ id: z.string().max(64) });
const suppressed = z.strictObject({
  address: z
    .string()
    .refine((text) => parseMailAddress(text) !== undefined || (text.startsWith('@') && isDomain(text.slice(1))), {
      error: 'write an address, or "@" and a domain for all of it',
    }),
});

export const controls: Controls<SmtpSettings> = {
  'queue.list': control(z.strictObject({}), async ({ post }) => {
    const mail = new WaitingMail(post);
    const listed: object[] = [];
    for await (const waiting of mail.all()) {
      if (listed.length === MOST) break;
      listed.push(await described(mail, waiting));
    }
    return { waiting: await post.store.queues.count(QUEUE), messages: listed };
  }),
  'queue.show': control(one, async ({ post }, { id }) => {
    const mail = new WaitingMail(post);
    const waiting = await mail.find(id);
    if (waiting === undefined) throw nothingThere();
    return described(mail, waiting);
  }),
  /** One message, or all of them without an id. */
  'queue.retry': control(one.partial(), async ({ post }, { id }) => {
    const ids = id === undefined ? await idsOf(post) : [id];
    let due = 0;
    for (const each of ids) if (await post.store.queues.postpone(QUEUE, each, post.clock.now())) due += 1;
    if (id !== undefined && due === 0) throw nothingThere();
    return { due };
  }),
  /** Without a word to the sender. */
  'queue.drop': control(one, async ({ post }, { id }) => {
    if (!(await new WaitingMail(post).drop(id))) throw nothingThere();
    await post.store.queues.finish(QUEUE, id);
    return {};
  }),
  'dkim.show': control(z.strictObject({}), async ({ settings, folder, hostname }) => {
    const key = await dkimKey(folder, settings.dkim_selector);
    return { records: domainsOf(settings, hostname).map((domain) => dkimRecord(key, domain)) };
  }),
  'suppress.list': control(z.strictObject({}), ({ post }) => new Suppression(post).list()),
  'suppress.add': control(suppressed, async ({ post }, { address }) => {
    return { added: await new Suppression(post).add(address, post.clock.now()) };
  }),
  'suppress.remove': control(suppressed, async ({ post }, { address }) => {
    return { removed: await new Suppression(post).remove(address) };
  }),
};

/** Only an office that runs sends. */
export const openControls: Controls<SmtpSettings> = {
  'send-test': control(z.strictObject({ to: z.string(), from: z.string().optional() }), async (desk, { to, from }) => {
    const { post, settings, hostname } = desk;
    const sender = from ?? (settings.postmaster || `postmaster@${domainsOf(settings, hostname)[0]}`);
    const message = writeMime(
      [
        ['From', sender],
        ['To', to],
        ['Subject', 'A test of the way out'],
        ['Date', mailDate(post.clock.now())],
        ['Message-ID', `<${toHex(post.random.bytes(16))}@${hostname}>`],
      ],
      'This message shows that mail from this office arrives.\n',
      [],
      post.random,
    );
    await post.outgoing.send({ from: sender, to: [to], message });
    return { from: sender, to };
  }),
};

async function described(mail: WaitingMail, { id, from, to, size, since }: Waiting): Promise<object> {
  const { attempts, fates } = await mail.progress(id);
  const recipients = to.map((address) => ({ address, ...(fates[address] ?? { state: 'waiting', words: '' }) }));
  return { id, from, size, since, attempts, recipients };
}

async function idsOf(post: Post): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of new WaitingMail(post).all()) ids.push(id);
  return ids;
}

function nothingThere(): PosternError {
  return new PosternError('no-message', 'no such message waits', { remedy: 'postern smtp queue list' });
}
