// server-handle-incoming-mail: a message to the commands of its recipients.   spec: ima 1.3, 2.3, 2.6

import { open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { toHex } from '../../base/bytes.ts';
import { codeOf, messageOf } from '../../base/errors.ts';
import { type Clock, DAY } from '../../base/time.ts';
import { makeFolder } from '../../base/user-folder.ts';
import { ImaError } from '../errors.ts';
import { handleIncoming, type Outcome, type Seen } from '../incoming.ts';
import type { Letter } from '../letter.ts';
import { MailFolder } from '../mailbox/folder.ts';
import { mailboxPath } from '../mailbox/place.ts';
import { roomOf } from '../mailbox/room.ts';
import { type Builtin, runnerOf } from '../routing/builtins.ts';
import { parseTable, type RoutingTable } from '../routing/table.ts';
import { commandFor, SENDER_VARIABLE } from './command.ts';
import { letterFromInput } from './input.ts';
import { becomeUser } from './privileges.ts';
import type { Call, Program } from './program.ts';
import type { SettingsOf } from './settings.ts';

const SEEN_TIME = 7 * DAY; // spec: ima 2.3

type Settings = SettingsOf<'server-handle-incoming-mail'>;
type Tools = Pick<Call<unknown>, 'clock' | 'random' | 'signal'>;

export const handleIncomingMail: Program<'server-handle-incoming-mail'> = {
  name: 'server-handle-incoming-mail',
  about:
    'Gives a message to the command of each recipient. The message is read from FILE, or from standard input. Exit: 0 all took it, 1 nobody, 2 some.',
  usage: '[FILE]',
  example: 'server-handle-incoming-mail --config /etc/postern/handle.toml message',
  async run(call) {
    becomeUser(call.settings.user);
    await using letter = await letterFromInput(call.positionals[0], call.stdin);
    return handleWith(call.settings, letter, process.env[SENDER_VARIABLE] || undefined, call);
  },
};

/** The same inside another program. */
export async function handleWith(
  settings: Settings,
  letter: Letter,
  sender: string | undefined,
  tools: Tools & { say(line: string): Promise<void> },
): Promise<Outcome> {
  const { clock, random, signal, say } = tools;
  const mailboxes = resolve(settings.mailboxes);
  const give: Builtin = async ({ args: [inbox = ''], letter: copy }) => {
    await new MailFolder(inbox, { clock, random }).deliver(copy, { room: roomOf(settings) });
    return true;
  };
  const list: Builtin = async ({ args: [name = ''], address, letter: post, line }) => {
    const [{ Lists }, { listsInFolder }] = await Promise.all([
      import('../lists/manager.ts'),
      import('../lists/records.ts'),
    ]);
    const lists = new Lists({ records: listsInFolder(settings.lists), clock, random, send: senderOf(settings, tools) });
    return lists.handle(name, address, post, (text) => line(Buffer.from(text)));
  };
  const builtins = { 'give-recipient': give, list };
  return handleIncoming({
    letter,
    sender,
    hostparts: settings.hostparts,
    table: await readTable(settings.routing_table),
    lenient: settings.lenient_recipients,
    seen: settings.seen === '' ? undefined : await seenIn(settings.seen, clock),
    // Commands run in a folder of their own, where a relative path would lead nowhere.
    run: runnerOf({ builtins, clock, signal, mailboxOf: (address) => mailboxPath(mailboxes, address) }),
    say,
  });
}

/** What lists write goes to server-send-mail, or to what stands in its place.   spec: ima 2.6 */
function senderOf({ sender, send_config }: Settings, tools: Tools) {
  return async (letter: Letter, say: (line: string) => Promise<void>): Promise<number | undefined> => {
    if (sender !== '') return commandFor(sender, tools)(letter, undefined, say);
    const [{ sendWith }, { settingsFor }] = await Promise.all([import('./send-mail.ts'), import('./program.ts')]);
    return sendWith(await settingsFor('server-send-mail', send_config), letter, { ...tools, say });
  };
}

/** Throws ImaError `table`. */
export async function readTable(file: string): Promise<RoutingTable> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new ImaError('table', `cannot read the routing table ${file}: ${messageOf(cause)}`, { cause });
  });
  return parseTable(text, file);
}

/** A file for each message and recipient; older ones are cleared away now and then. */
async function seenIn(folder: string, clock: Clock): Promise<Seen> {
  await makeFolder(folder);
  const fileOf = (key: Uint8Array) => join(folder, toHex(key));
  return {
    async has(key) {
      const found = await stat(fileOf(key)).catch((error: unknown) => {
        if (codeOf(error) === 'ENOENT') return undefined;
        throw error;
      });
      return found !== undefined && clock.now() - found.mtimeMs < SEEN_TIME;
    },
    async add(key) {
      await using file = await open(fileOf(key), 'w', 0o600);
      await file.sync();
      if ((key[0] ?? 1) === 0) await clear(folder, clock); // one time in 256
    },
  };
}

async function clear(folder: string, clock: Clock): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined && clock.now() - found.mtimeMs >= SEEN_TIME) await rm(path, { force: true });
  }
}
