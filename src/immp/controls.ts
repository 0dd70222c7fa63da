// What the operator asks: accounts, shared mailboxes and their members.   spec: immp 2.9

import { z } from 'zod';
import { type Controls, control, type Desk } from '../post/control.ts';
import { queueControls } from '../post/queue-controls.ts';
import { Accounts, readAccountName } from './accounts.ts';
import { Secrets } from './auth/secrets.ts';
import { Vault } from './auth/vault.ts';
import { ImmpError } from './errors.ts';
import { QUEUE, Queue } from './federation/queue.ts';
import { domainOfName } from './push/names.ts';
import { Nodes } from './push/nodes.ts';
import { domainOf } from './room.ts';
import type { ImmpSettings } from './settings.ts';

const MIN_PASSWORD = 8;
const PAGE = 500;

const name = z.string().min(1).max(512);
const password = z.string().min(MIN_PASSWORD, `a password of at least ${MIN_PASSWORD} characters`).max(1024);
const atom = z.string().regex(/^[\p{L}\p{N}._~-]{1,64}$/u, 'the name of a member: letters, digits and . - _ ~');
const bytes = z.int().nonnegative();

type ImmpDesk = Desk<ImmpSettings>;

const accountsOf = (desk: ImmpDesk) => new Accounts(desk.post);
const read = (desk: ImmpDesk, text: string) => readAccountName(text, domainOf(desk.settings, desk.hostname));
const secretsOf = async ({ post, folder }: ImmpDesk) => new Secrets(post, await Vault.open(folder, post.random));

export const controls: Controls<ImmpSettings> = {
  'account.add': control(z.strictObject({ name, password, quota: bytes.optional() }), async (desk, asked) => {
    const account = read(desk, asked.name);
    await create(desk, account, asked.quota);
    await (await secretsOf(desk)).setPassword(account, asked.password, desk.settings);
    return { account };
  }),
  'account.passwd': control(z.strictObject({ name, password }), async (desk, asked) => {
    const account = await existing(desk, asked.name);
    await (await secretsOf(desk)).setPassword(account, asked.password, desk.settings);
    return { account };
  }),
  'account.remove': control(z.strictObject({ name }), async (desk, asked) => {
    const account = await existing(desk, asked.name);
    await new Nodes(desk.post).removeOf(account);
    await accountsOf(desk).remove(account);
    return { account };
  }),
  'account.quota': control(z.strictObject({ name, bytes }), async (desk, asked) => {
    const account = await existing(desk, asked.name);
    const mailbox = await accountsOf(desk).mailbox(account);
    const quota = { bytes: asked.bytes, messages: mailbox?.quota.messages ?? desk.settings.mailbox_messages };
    if (mailbox) await desk.post.store.mailboxes.change(mailbox.id, { quota });
    return { account, quota };
  }),
  'account.list': control(z.strictObject({ after: z.string().default('') }), async (desk, { after }) => {
    const accounts = accountsOf(desk);
    const names = await accounts.list(after, PAGE);
    const found = await Promise.all(
      names.map(async (account) => {
        const [about, mailbox] = await Promise.all([accounts.get(account), accounts.mailbox(account)]);
        if (about === undefined || mailbox === undefined) return [];
        const { owner, members, links } = about;
        return [{ account, used: mailbox.used, quota: mailbox.quota, owner, members, links }];
      }),
    );
    return { accounts: found.flat(), next: names.length === PAGE ? names.at(-1) : undefined };
  }),
  'node.list': control(z.strictObject({ after: z.string().default('') }), async (desk, { after }) => {
    const nodes = new Nodes(desk.post);
    const names = await nodes.list(after, PAGE);
    const found = await Promise.all(
      names.map(async (node) => ({ node, title: await nodes.title(node), subscribers: await nodes.count(node) })),
    );
    return { nodes: found, next: names.length === PAGE ? names.at(-1) : undefined };
  }),
  ...queueControls(QUEUE, async function* (post) {
    for await (const jobs of new Queue(post).jobs()) {
      yield jobs.map(({ message, to }) => ({ message, domain: domainOfName(to).toLowerCase() }));
    }
  }),
  'account.link': control(z.strictObject({ name, mailbox: name }), (desk, asked) =>
    changeLinks(desk, asked, (links, mailbox) => [...links.filter((link) => link !== mailbox), mailbox]),
  ),
  'account.unlink': control(z.strictObject({ name, mailbox: name }), (desk, asked) =>
    changeLinks(desk, asked, (links, mailbox) => links.filter((link) => link !== mailbox)),
  ),
  'shared.add': control(z.strictObject({ name, owner: name }), async (desk, asked) => {
    const [mailbox, owner] = [read(desk, asked.name), await existing(desk, asked.owner)];
    await create(desk, mailbox, undefined, owner);
    return { mailbox, owner };
  }),
  'member.add': control(z.strictObject({ group: name, member: atom, account: name }), async (desk, asked) => {
    const [group, account] = [await existing(desk, asked.group), await existing(desk, asked.account)];
    const member = asked.member.normalize('NFC').toLowerCase();
    if ((await accountsOf(desk).get(group))?.owner === undefined) {
      throw new ImmpError('account', `${group} is not shared`, { remedy: 'make the mailbox with `shared add`' });
    }
    const below = group.replace('@', `/${member}@`);
    await accountsOf(desk).create(below, quotaOf(desk));
    await accountsOf(desk).change(group, ({ members }) => ({ members: { ...members, [member]: account } }));
    return { group, member, account, mailbox: below };
  }),
  'member.remove': control(z.strictObject({ group: name, member: atom }), async (desk, asked) => {
    const group = await existing(desk, asked.group);
    const member = asked.member.normalize('NFC').toLowerCase();
    if ((await accountsOf(desk).get(group))?.members[member] === undefined) {
      throw new ImmpError('no-member', `${group} has no member ${member}`);
    }
    await accountsOf(desk).change(group, ({ members: { [member]: _left, ...members } }) => ({ members }));
    return { group, member };
  }),
};

async function create(desk: ImmpDesk, account: string, bytes?: number, owner?: string): Promise<void> {
  const quota = bytes === undefined ? quotaOf(desk) : { ...quotaOf(desk), bytes };
  const made = await accountsOf(desk).create(account, quota, owner === undefined ? {} : { owner });
  if (!made) throw new ImmpError('exists', `there is a mailbox ${account} already`);
}

async function existing(desk: ImmpDesk, text: string): Promise<string> {
  const account = read(desk, text);
  if ((await accountsOf(desk).get(account)) === undefined) {
    throw new ImmpError('no-account', `there is no mailbox ${account}`);
  }
  return account;
}

async function changeLinks(
  desk: ImmpDesk,
  asked: { readonly name: string; readonly mailbox: string },
  change: (links: readonly string[], mailbox: string) => string[],
): Promise<unknown> {
  const [account, mailbox] = [await existing(desk, asked.name), await existing(desk, asked.mailbox)];
  await accountsOf(desk).change(account, ({ links }) => ({ links: change(links, mailbox) }));
  return { account, mailbox };
}

function quotaOf({ settings }: ImmpDesk) {
  return { bytes: settings.mailbox_size, messages: settings.mailbox_messages };
}
