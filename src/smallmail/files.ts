// Mailboxes as files, for leaving to another server and arriving from one: <root>/<FPR>/key.pgp and <root>/<FPR>/msg/<id>.
// spec: smallmail 2.9

import { mkdir, readdir, readFile, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { PosternError } from '../base/errors.ts';
import { replaceFile } from '../base/files.ts';
import { DAY, SECOND, startOfDay } from '../base/time.ts';
import type { Desk } from '../post/control.ts';
import type { CounterFiles, Moved } from '../post/counter.ts';
import type { Post } from '../post/post.ts';
import { CERTIFICATE, expiryAfter, ID_PREFIX, idOf, quotaOf } from './mailbox.ts';
import { readCertificate } from './openpgp/certificate.ts';
import type { SmallMailSettings } from './settings.ts';

const KEY_FILE = 'key.pgp';
const MESSAGES = 'msg';
const OWNER_ONLY = 0o700;
const PAGE = 100;
/** A message that is imported twice is known for so long. */
const KNOWN_FOR = 8 * DAY;

/** A folder that is not laid out as it should be; the message names the place. */
class FilesError extends PosternError<'files'> {}

export const files: CounterFiles<SmallMailSettings> = { export: exportMailboxes, import: importMailboxes };

async function exportMailboxes({ post }: Desk<SmallMailSettings>, root: string, moved: Moved): Promise<void> {
  const { mailboxes, messages, documents } = post.store;
  for (let after = ''; ; ) {
    const ids = await mailboxes.list({ prefix: ID_PREFIX, after, limit: PAGE });
    for (const id of ids) {
      const folder = join(root, id.slice(ID_PREFIX.length));
      await mkdir(join(folder, MESSAGES), { recursive: true, mode: OWNER_ONLY });
      await replaceFile(join(folder, KEY_FILE), (await documents.get(id, CERTIFICATE))?.value ?? Buffer.alloc(0));
      moved.mailbox();
      for (let next: number | undefined = 0; next !== undefined; ) {
        const page = await messages.page(id, { after: next, limit: PAGE });
        for (const message of page.messages) {
          const octets = await messages.read(id, message.id);
          if (octets === undefined) continue; // removed just now
          const file = join(folder, MESSAGES, message.id);
          await replaceFile(file, Buffer.concat(await Array.fromAsync(octets.chunks)));
          await utimes(file, message.arrived / SECOND, message.arrived / SECOND); // the day is in the file's time
          moved.message();
        }
        next = page.next;
      }
    }
    const last = ids.at(-1);
    if (last === undefined) return;
    after = last;
  }
}

/** Takes in what is not here yet. Messages get ids of this server; a second import of the same files adds nothing. */
async function importMailboxes({ post, settings }: Desk<SmallMailSettings>, root: string, moved: Moved): Promise<void> {
  const names = (await readdir(root)).filter((name) => /^(?:[0-9A-F]{40}|[0-9A-F]{64})$/.test(name)).sort();
  if (names.length === 0) {
    throw new FilesError('files', `${root} holds no mailboxes`, {
      remedy: 'give the folder that holds one folder for each mailbox, named by its fingerprint in capital letters',
    });
  }
  for (const name of names) {
    await importMailbox(post, join(root, name), name, settings);
    moved.mailbox();
    for (const id of (await readdir(join(root, name, MESSAGES))).sort()) {
      if (await importMessage(post, join(root, name, MESSAGES, id), name, settings)) moved.message();
    }
  }
}

async function importMailbox(post: Post, folder: string, name: string, settings: SmallMailSettings): Promise<void> {
  const now = post.clock.now();
  const file = join(folder, KEY_FILE);
  const certificate = await readCertificate(await readFile(file), now).catch((cause) => {
    throw new FilesError('files', `${file} is not a key that a mailbox can have`, { cause });
  });
  if (certificate.mailbox !== name) {
    throw new FilesError('files', `${file} is the key of ${certificate.mailbox}, not of the folder's mailbox`);
  }
  await post.store.mailboxes.create({
    id: idOf(name),
    quota: quotaOf(settings),
    expires: expiryAfter(now, settings.mailbox_age),
    documents: { [CERTIFICATE]: certificate.octets },
  });
}

async function importMessage(post: Post, file: string, name: string, settings: SmallMailSettings): Promise<boolean> {
  const { size, mtimeMs } = await stat(file);
  if (size < 1 || size > settings.message_size) {
    throw new FilesError('files', `${file} has ${size} octets, which is not a size that a message may have`);
  }
  const now = post.clock.now();
  const arrived = Math.min(startOfDay(mtimeMs), startOfDay(now));
  const octets = await readFile(file);
  const body = await post.store.messages.receive(idOf(name), once(octets), size);
  const { status } = await post.store.messages.append(idOf(name), {
    body,
    arrived,
    expires: expiryAfter(arrived, settings.message_age),
    once: { key: body.sha256, until: startOfDay(now) + KNOWN_FOR },
  });
  if (status === 'full') {
    await body.discard();
    throw new FilesError('files', `the mailbox ${name} is full before ${file}`, {
      remedy:
        'raise [smallmail] mailbox_size or mailbox_messages and import again; what is here already is not doubled',
    });
  }
  return status === 'stored';
}

async function* once(octets: Buffer): AsyncGenerator<Buffer> {
  yield octets;
}
