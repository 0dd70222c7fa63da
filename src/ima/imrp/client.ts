// The user's side of IMRP: one method a command.   spec: ima 2.8

import { MINUTE } from '../../base/time.ts';
import type { Connection } from '../../net/connection.ts';
import { ImaError } from '../errors.ts';
import { type HeldLetter, letterOf, takeLetter } from '../letter.ts';
import {
  type FlagChange,
  formatImrpCommand,
  IMRP_LINE_LIMIT,
  type ImrpCommand,
  type ImrpReply,
  type Listed,
  parseImrpReply,
} from '../wire/imrp.ts';

const REPLY_TIME = 2 * MINUTE;
const DATA_TIME = 10 * MINUTE;
const MAX_SIZE = 1024 ** 3;

export interface Box {
  readonly folder: string;
  readonly total: number;
  readonly unseen: number;
  readonly seq: number;
}

export interface Synced {
  readonly messages: readonly Listed[];
  readonly gone: readonly string[];
  readonly seq: number;
}

export class ImrpClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Without a password the connection's certificate has to do. Throws ImaError `refused`. */
  async logIn(user: string, password?: string): Promise<void> {
    const base64 = Buffer.from(password ?? '', 'utf8').toString('base64');
    await this.#ask(
      password === undefined ? { word: 'AUTH', way: 'CERT', user } : { word: 'AUTH', way: 'PASS', user, base64 },
    );
  }

  async boxes(): Promise<Box[]> {
    const { items } = await this.#ask({ word: 'BOXES' });
    return items.flatMap((item) => (item.word === 'BOX' ? [item] : []));
  }

  async list(folder: string): Promise<Listed[]> {
    const { items } = await this.#ask({ word: 'LIST', folder });
    return items.flatMap((item) => (item.word === 'MSG' ? [item] : []));
  }

  /** Undefined when the server has forgotten what changed since: begin with `list`. */
  async sync(folder: string, seq: number): Promise<Synced | undefined> {
    try {
      const { items, text } = await this.#ask({ word: 'SYNC', folder, seq });
      return {
        messages: items.flatMap((item) => (item.word === 'MSG' ? [item] : [])),
        gone: items.flatMap((item) => (item.word === 'GONE' ? [item.id] : [])),
        seq: Number(text),
      };
    } catch (error) {
      if (error instanceof ImaError && /resync$/.test(error.message)) return undefined;
      throw error;
    }
  }

  /** The whole message; throws WireError when it is not in order. */
  async fetch(folder: string, id: string): Promise<HeldLetter> {
    const length = await this.#data({ word: 'FETCH', folder, id });
    const chunks = this.#connection.stream(length, DATA_TIME);
    const letter =
      length < 1024 * 1024
        ? letterOf(Buffer.concat(await Array.fromAsync(chunks)))
        : await takeLetter(chunks, { maxSize: MAX_SIZE });
    await this.#end();
    return letter;
  }

  /** The headers with their empty line. */
  async head(folder: string, id: string): Promise<Buffer> {
    const octets = await this.#connection.block(await this.#data({ word: 'HEAD', folder, id }), DATA_TIME);
    await this.#end();
    return octets;
  }

  async part(folder: string, id: string, number: number, range?: { offset: number; length: number }): Promise<Buffer> {
    const length = await this.#data({ word: 'PART', folder, id, number, ...(range ? { range } : {}) });
    const octets = await this.#connection.block(length, DATA_TIME);
    await this.#end();
    return octets;
  }

  async flag(folder: string, id: string, changes: readonly FlagChange[]): Promise<void> {
    await this.#ask({ word: 'FLAG', folder, id, changes });
  }

  /** The message in its new place. */
  async move(folder: string, id: string, to: string): Promise<Listed> {
    const { items } = await this.#ask({ word: 'MOVE', folder, id, to });
    const [moved] = items;
    if (moved?.word !== 'MSG') throw new ImaError('later', 'the server does not say where it is now');
    return moved;
  }

  async remove(folder: string, id: string): Promise<void> {
    await this.#ask({ word: 'DELE', folder, id });
  }

  async makeFolder(folder: string): Promise<void> {
    await this.#ask({ word: 'MKBOX', folder });
  }

  async removeFolder(folder: string): Promise<void> {
    await this.#ask({ word: 'RMBOX', folder });
  }

  /** Resolves with the number of the last change: after one, or after `seconds`. */
  async wait(folder: string, seq: number, seconds: number): Promise<number> {
    const { text } = await this.#ask({ word: 'WAIT', folder, seq, seconds }, seconds * 1000 + REPLY_TIME);
    return Number(text);
  }

  async done(): Promise<void> {
    await this.#ask({ word: 'DONE' }).catch(() => {});
    await this.#connection.close();
  }

  async #ask(command: ImrpCommand, timeout = REPLY_TIME): Promise<{ items: ImrpReply[]; text: string }> {
    await this.#connection.write(`${formatImrpCommand(command)}\n`);
    const items: ImrpReply[] = [];
    for (;;) {
      const reply = await this.#reply(timeout);
      if (reply.word === 'OK') return { items, text: reply.text };
      items.push(reply);
    }
  }

  async #data(command: ImrpCommand): Promise<number> {
    await this.#connection.write(`${formatImrpCommand(command)}\n`);
    const reply = await this.#reply(REPLY_TIME);
    if (reply.word !== 'DATA' || reply.length > MAX_SIZE)
      throw new ImaError('later', 'the server does not send what was asked for');
    return reply.length;
  }

  async #end(): Promise<void> {
    if ((await this.#reply(REPLY_TIME)).word !== 'OK')
      throw new ImaError('later', 'the server does not end its answer');
  }

  async #reply(timeout: number): Promise<ImrpReply> {
    const line = await this.#connection.line(IMRP_LINE_LIMIT + 1, timeout);
    if (line === undefined) throw new ImaError('later', 'the server went away');
    const reply = parseImrpReply(line.toString('utf8'));
    if (reply.word !== 'FAIL') return reply;
    const said = reply.text === '' ? reply.reason : `${reply.reason} ${reply.text}`;
    throw new ImaError(reply.reason === 'NOSUCH' ? 'unknown' : 'refused', `the server says: ${said}`);
  }
}
