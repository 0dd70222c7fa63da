// The sending side of IMDP: asks with the headers alone, then sends the data or takes it back.   spec: ima 2.3

import { MINUTE } from '../../base/time.ts';
import type { Connection } from '../../net/connection.ts';
import { NetError } from '../../net/errors.ts';
import { ImaError, WireError } from '../errors.ts';
import type { Letter } from '../letter.ts';
import { type Final, parseResult, parseVerdict, REPLY_LIMIT, type Result, type Verdict } from '../wire/imdp.ts';
import { formatBlock, type Head } from '../wire/message.ts';

const VERDICT_TIME = 2 * MINUTE;
/** A little more than the server's handler has. */
const RESULT_TIME = 11 * MINUTE;
const MAX_LINES = 10_000;

export class ImdpClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Sends the headers. Throws ImaError `later` when no verdict comes. */
  async offer(head: Head): Promise<Verdict> {
    await this.#write(formatBlock(head.headers));
    return parseVerdict(await this.#line(VERDICT_TIME));
  }

  /** After an ACCEPT: the message is not sent after all. */
  async cancel(): Promise<void> {
    await this.#write('CANCEL\n');
    await this.#line(VERDICT_TIME);
  }

  /** After an ACCEPT: sends the data and gives the final word; each line before it goes to `line` as it comes. */
  async send(
    letter: Letter,
    line: (result: Exclude<Result, { kind: 'final' }>) => Promise<void> | void,
  ): Promise<Final> {
    await this.#write('DATA\n');
    for await (const chunk of letter.data()) await this.#write(chunk);
    for (let lines = 0; lines < MAX_LINES; lines += 1) {
      const result = parseResult(await this.#line(RESULT_TIME));
      if (result.kind === 'final') return result.final;
      await line(result);
    }
    throw new ImaError('later', 'the server talks without an end');
  }

  /** Says goodbye. */
  async done(): Promise<void> {
    await this.#connection.write('DONE\n').catch(() => {});
    await this.#connection.close();
  }

  async #write(octets: string | Buffer): Promise<void> {
    await this.#connection.write(octets).catch(gone);
  }

  async #line(timeout: number): Promise<string> {
    const line = await this.#connection.line(REPLY_LIMIT + 1, timeout).catch(gone);
    if (line === undefined) throw new ImaError('later', 'the server went away');
    return line.toString('utf8');
  }
}

/** What a server that does not keep to the rules says is not understood today; tomorrow it may be. */
export function asLater(error: unknown): ImaError {
  if (error instanceof ImaError) return error;
  if (error instanceof WireError || error instanceof NetError)
    return new ImaError('later', error.message, { cause: error });
  throw error;
}

function gone(error: unknown): never {
  throw error instanceof NetError ? new ImaError('later', error.message, { cause: error }) : error;
}
