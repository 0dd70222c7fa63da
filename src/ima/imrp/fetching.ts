// What fetch-mail does: a local copy of a mailbox, of the same layout, kept in step in both directions as far as flags go.   spec: ima 2.8

import { join } from 'node:path';
import { z } from 'zod';
import { readDocument, writeDocument } from '../../base/user-folder.ts';
import { ImaError } from '../errors.ts';
import type { MailFolder, Tools } from '../mailbox/folder.ts';
import { makeFolder } from '../mailbox/layout.ts';
import { Mailbox } from '../mailbox/mailbox.ts';
import type { FlagChange, Listed } from '../wire/imrp.ts';
import { isFolder } from '../wire/names.ts';
import type { ImrpClient, Synced } from './client.ts';

const folderState = z.strictObject({ seq: z.number(), flags: z.record(z.string(), z.array(z.string())) });
const stateForm = z.record(z.string(), folderState);
type FolderState = z.infer<typeof folderState>;

export interface Fetched {
  /** New messages. */
  readonly fetched: number;
  readonly removed: number;
  /** Messages whose flags changed, here or there. */
  readonly flagged: number;
}

export interface Fetching {
  readonly client: ImrpClient;
  readonly folder: string;
  /** Take them off the server, as POP3 does. */
  readonly remove: boolean;
  readonly tools: Tools;
}

/** Each folder is in step when its state is written; what broke off is gone on with the next time. */
export async function fetchMailbox({ client, folder: local, remove, tools }: Fetching): Promise<Fetched> {
  const mailbox = new Mailbox(local, tools);
  await mailbox.make();
  const file = join(local, '.sync');
  const state = { ...(await readDocument(file, stateForm)) };
  const total = { fetched: 0, removed: 0, flagged: 0 };
  for (const { folder: name } of await client.boxes()) {
    if (!isFolder(name)) continue;
    await makeFolder(join(local, name));
    const step = new Step(client, name, mailbox.folder(name), state[name] ?? { seq: 0, flags: {} }, remove);
    state[name] = await step.run();
    total.fetched += step.fetched;
    total.removed += step.removed;
    total.flagged += step.flagged;
    await writeDocument(file, state);
  }
  return total;
}

class Step {
  fetched = 0;
  removed = 0;
  flagged = 0;
  readonly #client: ImrpClient;
  readonly #name: string;
  readonly #folder: MailFolder;
  readonly #state: FolderState;
  readonly #remove: boolean;

  constructor(client: ImrpClient, name: string, folder: MailFolder, state: FolderState, remove: boolean) {
    this.#client = client;
    this.#name = name;
    this.#folder = folder;
    this.#state = state;
    this.#remove = remove;
  }

  async run(): Promise<FolderState> {
    const before = this.#state.flags;
    const changes = (await this.#client.sync(this.#name, this.#state.seq)) ?? (await this.#whole());
    const here = new Map((await this.#folder.list()).map((message) => [message.id, message]));
    const flags: Record<string, string[]> = { ...before };
    for (const message of changes.messages) {
      const kept = before[message.id];
      if (kept === undefined && !here.has(message.id)) await this.#take(message);
      else if (here.has(message.id)) await this.#apply(message.id, differences(kept ?? [], message.flags));
      flags[message.id] = [...message.flags];
    }
    for (const id of changes.gone) {
      delete flags[id];
      if (!this.#remove && here.has(id)) await this.#drop(id);
    }
    for (const [id, message] of here) await this.#offer(id, message, before[id], flags);
    if (this.#remove) for (const id of Object.keys(flags)) await this.#takeAway(id, flags);
    return { seq: changes.seq, flags };
  }

  /** The server has forgotten: what is on its list is there, and what is not, and was, is gone. */
  async #whole(): Promise<Synced> {
    const box = (await this.#client.boxes()).find(({ folder }) => folder === this.#name);
    const messages = await this.#client.list(this.#name);
    const there = new Set(messages.map(({ id }) => id));
    const gone = Object.keys(this.#state.flags).filter((id) => !there.has(id));
    return { messages, gone, seq: box?.seq ?? 0 };
  }

  async #take({ id, flags }: Listed): Promise<void> {
    await using letter = await this.#client.fetch(this.#name, id);
    await this.#folder.deliver(letter, { id, flags });
    this.fetched += 1;
  }

  async #drop(id: string): Promise<void> {
    await this.#folder.remove(id);
    this.removed += 1;
  }

  async #apply(id: string, changes: readonly FlagChange[]): Promise<void> {
    if (changes.length === 0) return;
    await this.#folder.flag(id, changes);
    this.flagged += 1;
  }

  /** Tells the server of flags that were changed here since the last time. */
  async #offer(
    id: string,
    { flags: now }: Listed,
    last: readonly string[] | undefined,
    flags: Record<string, string[]>,
  ): Promise<void> {
    if (last === undefined || flags[id] === undefined) return;
    const changes = differences(last, now);
    if (changes.length === 0) return;
    try {
      await this.#client.flag(this.#name, id, changes);
      this.flagged += 1;
      const after = new Set(flags[id]);
      for (const { sign, word } of changes) sign === '+' ? after.add(word) : after.delete(word);
      flags[id] = [...after].sort();
    } catch (error) {
      if (!(error instanceof ImaError) || error.code !== 'unknown') throw error; // removed there just now
    }
  }

  async #takeAway(id: string, flags: Record<string, string[]>): Promise<void> {
    try {
      await this.#client.remove(this.#name, id);
    } catch (error) {
      if (!(error instanceof ImaError) || error.code !== 'unknown') throw error;
    }
    delete flags[id];
  }
}

function differences(before: readonly string[], after: readonly string[]): FlagChange[] {
  return [
    ...after.filter((word) => !before.includes(word)).map((word) => ({ sign: '+', word }) as const),
    ...before.filter((word) => !after.includes(word)).map((word) => ({ sign: '-', word }) as const),
  ];
}
