// Accounts, shared mailboxes and published nodes as files, for leaving to another office and arriving from one:
//   accounts/<name>/account.json, messages.jsonl and *.immp; nodes/<name>/node.json and subscribers.jsonl
// What checks passwords is among them, so the folder is to be kept like the office's own.   spec: immp 2.12

import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { codeOf, messageOf } from '../base/errors.ts';
import { replaceFile } from '../base/files.ts';
import type { Desk } from '../post/control.ts';
import type { CounterFiles, Moved } from '../post/counter.ts';
import { Accounts, accountShape, idOf, readAccountName } from './accounts.ts';
import { Secrets, secretShape } from './auth/secrets.ts';
import { Vault } from './auth/vault.ts';
import { ImmpError } from './errors.ts';
import { exportMail, importMail } from './mail/files.ts';
import { nodeName } from './push/names.ts';
import { Nodes } from './push/nodes.ts';
import { Subscriptions, subscriptionsShape } from './push/subscriptions.ts';
import { domainOf } from './room.ts';
import type { ImmpSettings } from './settings.ts';
import { node as nodeKind } from './wire/imid.ts';

const ACCOUNTS = 'accounts';
const NODES = 'nodes';
const ACCOUNT_FILE = 'account.json';
const NODE_FILE = 'node.json';
const SUBSCRIBERS_FILE = 'subscribers.jsonl';
const OWNER_ONLY = 0o700;
const PAGE = 100;

const accountFile = z.strictObject({
  account: accountShape,
  quota: z.strictObject({ bytes: z.int().nonnegative(), messages: z.int().nonnegative() }),
  folders: z.array(z.string().min(1)),
  subscriptions: subscriptionsShape,
  /** None: a shared mailbox, or an account without a password. */
  secret: secretShape.optional(),
});
const nodeFile = z.strictObject({ title: z.string() });
const subscriberLine = z.strictObject({ reader: z.string(), id: z.guid() });

type ImmpDesk = Desk<ImmpSettings>;

export const files: CounterFiles<ImmpSettings> = { export: exportAll, import: importAll };

async function exportAll(desk: ImmpDesk, root: string, moved: Moved): Promise<void> {
  for await (const name of namesOf(new Accounts(desk.post))) {
    const folder = join(root, ACCOUNTS, fileNameOf(name));
    if (!(await exportAccount(desk, name, folder))) continue; // removed just now
    moved.mailbox();
    await exportMail(desk.post, name, folder, () => moved.message());
  }
  const nodes = new Nodes(desk.post);
  for await (const name of namesOf(nodes)) await exportNode(nodes, name, join(root, NODES, fileNameOf(name)));
}

async function exportAccount(desk: ImmpDesk, name: string, folder: string): Promise<boolean> {
  const { store } = desk.post;
  const accounts = new Accounts(desk.post);
  const [account, mailbox] = await Promise.all([accounts.get(name), accounts.mailbox(name)]);
  if (account === undefined || mailbox === undefined) return false;
  const about: z.infer<typeof accountFile> = {
    account,
    quota: mailbox.quota,
    folders: (await store.mailboxes.folders(idOf(name))).map((each) => each.name),
    subscriptions: await new Subscriptions(desk.post).all(name),
    secret: await (await secretsOf(desk)).kept(name),
  };
  await mkdir(folder, { recursive: true, mode: OWNER_ONLY });
  await replaceFile(join(folder, ACCOUNT_FILE), `${JSON.stringify(about, undefined, 2)}\n`);
  return true;
}

/** Its title and who is subscribed; what was published is with its readers. */
async function exportNode(nodes: Nodes, name: string, folder: string): Promise<void> {
  const title = await nodes.title(name);
  if (title === undefined) return;
  await mkdir(folder, { recursive: true, mode: OWNER_ONLY });
  const lines: string[] = [];
  for (const { domain } of await nodes.domains(name)) {
    for await (const { reader, id } of nodes.subscribers(name, domain)) {
      lines.push(`${JSON.stringify({ reader, id } satisfies z.infer<typeof subscriberLine>)}\n`);
    }
  }
  await replaceFile(join(folder, SUBSCRIBERS_FILE), lines.join(''));
  await replaceFile(join(folder, NODE_FILE), `${JSON.stringify({ title } satisfies z.infer<typeof nodeFile>)}\n`);
}

/** Takes in what is not here yet: an account that is here keeps its settings and its password. */
async function importAll(desk: ImmpDesk, root: string, moved: Moved): Promise<void> {
  const accounts = await foldersIn(join(root, ACCOUNTS));
  if (accounts.length === 0) {
    throw new ImmpError('files', `${root} holds no accounts`, {
      remedy: `give the folder that export wrote; in it lies one called ${ACCOUNTS}`,
    });
  }
  const domain = domainOf(desk.settings, desk.hostname);
  for (const file of accounts) {
    const folder = join(root, ACCOUNTS, file);
    const name = readAccountName(nameOf(file), domain);
    await importAccount(desk, name, await readShape(join(folder, ACCOUNT_FILE), accountFile));
    moved.mailbox();
    await importMail(desk.post, name, folder, () => moved.message());
  }
  for (const file of await foldersIn(join(root, NODES))) await importNode(desk, nameOf(file), join(root, NODES, file));
}

async function importAccount(desk: ImmpDesk, name: string, about: z.infer<typeof accountFile>): Promise<void> {
  await new Accounts(desk.post).create(name, about.quota, about.account);
  for (const folder of about.folders) await desk.post.store.mailboxes.createFolder(idOf(name), folder);
  await new Subscriptions(desk.post).takeIn(name, about.subscriptions);
  if (about.secret !== undefined) await (await secretsOf(desk)).takeIn(name, about.secret, desk.settings.auth);
}

async function importNode({ post, settings }: ImmpDesk, text: string, folder: string): Promise<void> {
  const read = nodeKind.read(text);
  if (read === undefined) throw new ImmpError('files', `${folder} has not the name of a node`);
  const [name, nodes] = [nodeName(read), new Nodes(post)];
  const { title } = await readShape(join(folder, NODE_FILE), nodeFile);
  if ((await nodes.title(name)) === undefined) await nodes.create(name, title, settings.mailbox_size);
  for (const line of (await readText(join(folder, SUBSCRIBERS_FILE))).split('\n')) {
    if (line === '') continue;
    const { reader, id } = parsed(line, subscriberLine, join(folder, SUBSCRIBERS_FILE));
    await nodes.subscribe(name, reader, id);
  }
}

async function secretsOf({ post, folder }: ImmpDesk): Promise<Secrets> {
  return new Secrets(post, await Vault.open(folder, post.random));
}

async function* namesOf(all: Pick<Accounts, 'list'>): AsyncGenerator<string, void, void> {
  for (let after = ''; ; ) {
    const names = await all.list(after, PAGE);
    yield* names;
    const last = names.at(-1);
    if (last === undefined) return;
    after = last;
  }
}

/** `helpdesk/alice@example.org` as the name of a file: no name has a colon or an equals sign of its own. */
function fileNameOf(name: string): string {
  return name.replaceAll('/', ':').replace(/^\./, '=.');
}

function nameOf(file: string): string {
  return file.replace(/^=/, '').replaceAll(':', '/');
}

/** Names of folders, in order; nothing that a link points to. */
async function foldersIn(path: string): Promise<string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

async function readShape<Shape extends z.ZodType>(path: string, shape: Shape): Promise<z.infer<Shape>> {
  return parsed(await readText(path), shape, path);
}

function parsed<Shape extends z.ZodType>(text: string, shape: Shape, path: string): z.infer<Shape> {
  try {
    return shape.parse(JSON.parse(text));
  } catch (cause) {
    throw new ImmpError('files', `${path} does not hold what export writes`, { cause });
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new ImmpError('files', `${path} cannot be read: ${messageOf(cause)}`, { cause });
  }
}
