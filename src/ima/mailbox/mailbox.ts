// A whole mailbox: its folders by name, each opened once.   spec: ima 2.7

import { existsSync } from 'node:fs';
import { rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ImaError } from '../errors.ts';
import { MailFolder, type Tools } from './folder.ts';
import { FOLDERS, foldersIn, makeFolder, makeMailbox, placesIn } from './layout.ts';

const MAX_FOLDERS = 1000;

export class Mailbox {
  readonly path: string;
  readonly #tools: Tools;
  readonly #open = new Map<string, MailFolder>();

  constructor(path: string, tools: Tools) {
    this.path = path;
    this.#tools = tools;
  }

  /** Makes what is missing of it. */
  make(): Promise<void> {
    return makeMailbox(this.path);
  }

  folders(): Promise<string[]> {
    return foldersIn(this.path);
  }

  /** Throws ImaError `unknown` when there is none of this name. The name must be one. */
  folder(name: string): MailFolder {
    const path = join(this.path, name);
    if (!existsSync(placesIn(path).msg)) {
      this.#open.delete(name);
      throw new ImaError('unknown', 'there is no such folder');
    }
    const folder = this.#open.get(name) ?? new MailFolder(path, this.#tools);
    this.#open.set(name, folder);
    return folder;
  }

  /** Throws ImaError `exists`, `full`. */
  async makeFolder(name: string): Promise<void> {
    if (existsSync(join(this.path, name))) throw new ImaError('exists', 'there is such a folder');
    if ((await this.folders()).length >= MAX_FOLDERS) throw new ImaError('full', 'there are too many folders');
    await makeFolder(join(this.path, name));
  }

  /** Only an empty one, and none of those that every mailbox has. Throws ImaError `unknown`, `usage`. */
  async removeFolder(name: string): Promise<void> {
    const folder = this.folder(name);
    if (FOLDERS.some((usual) => usual === name)) throw new ImaError('usage', 'this folder stays');
    if ((await folder.list()).length > 0) throw new ImaError('usage', 'the folder is not empty');
    await rmdir(placesIn(folder.path).msg).catch(() => {
      throw new ImaError('usage', 'the folder is not empty'); // something came in just now, or a stranger's file is there
    });
    await rm(folder.path, { recursive: true, force: true });
    this.#open.delete(name);
  }
}
