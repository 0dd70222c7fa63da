// The receiving side of IMDP, and of submission, which is the same exchange behind a login.   spec: ima 1.2, 2.3, 2.9

import { MINUTE, SECOND } from '../../base/time.ts';
import type { Connection } from '../../net/connection.ts';
import { NetError } from '../../net/errors.ts';
import { WireError } from '../errors.ts';
import { type HeldLetter, takeData } from '../letter.ts';
import { formatVerdict, type Reason, relayedLine } from '../wire/imdp.ts';
import { BLOCK_LIMIT, formatBlock, type Head, LINE_LIMIT, parseHead } from '../wire/message.ts';

const LF = 0x0a;
const IDLE_TIME = 5 * MINUTE;
const BLOCK_TIME = 120 * SECOND;
const DATA_TIME = 10 * MINUTE;

/** What the program that was given the message says by its exit.   spec: ima 1.2 */
const FINAL: Readonly<Record<number, string>> = { 0: 'OK', 1: 'FAIL', 2: 'PARTIAL' };
const DROP = 3;

export interface Refusal {
  readonly reason: Reason;
  readonly text?: string;
}

export interface Reception {
  readonly maxSize: number;
  /** Where long messages lie until they are handed on; the system's folder when not given. */
  readonly folder: string | undefined;
  /** Whether the peer may send in this name. */
  maySend(head: Head): boolean;
  /** Judges the recipients and the rest of the policy; undefined: welcome. */
  judge(head: Head): Promise<Refusal | undefined>;
  /** The value of a `received` header to be added. */
  received?(head: Head): string;
  /** Gives the exit status of whatever took the message; undefined when there was none. */
  handle(letter: HeldLetter, say: (line: string) => Promise<void>): Promise<number | undefined>;
  /** Counts what came of it: `ok`, a reason, `cut` … */
  count(outcome: string): void;
}

/** Serves the peer until it says DONE, goes away, or must. Throws NetError. */
export async function serveImdp(connection: Connection, reception: Reception): Promise<void> {
  for (;;) {
    const said = await nextBlock(connection);
    if (said === undefined || said === 'DONE') return;
    if (said === 'lost') {
      reception.count('SYNTAX');
      return connection.write('REJECT SYNTAX\n');
    }
    if (!(await transaction(connection, reception, said))) return;
  }
}

/** False when the conversation is over. */
async function transaction(connection: Connection, reception: Reception, block: Buffer): Promise<boolean> {
  const refuse = async ({ reason, text = '' }: Refusal) => {
    reception.count(reason);
    await connection.write(`${formatVerdict({ verdict: 'reject', reason, text })}\n`);
    return true; // spec: ima 1.2: the connection stays for other messages
  };
  let head: Head;
  try {
    head = parseHead(block);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return refuse({ reason: 'SYNTAX', text: error.message });
  }
  const refusal = await judge(head, reception);
  if (refusal) return refuse(refusal);
  const stamped = stamp(head, reception);
  await connection.write('ACCEPT\n');
  const word = (await connection.line(LINE_LIMIT, IDLE_TIME))?.toString('latin1').toUpperCase();
  if (word === 'CANCEL') {
    reception.count('cancelled');
    await connection.write('OK\n');
    return true;
  }
  if (word !== 'DATA') return false;
  await using letter = await takeData(stamped, connection.stream(head.size, DATA_TIME), reception.folder);
  const say = (line: string) => connection.write(`${relayedLine(Buffer.from(line))}\n`);
  const status = await reception.handle(letter, say);
  if (status === DROP) {
    reception.count('dropped');
    connection.destroy(); // spec: ima 1.2: at once
    return false;
  }
  const final = FINAL[status ?? 1] ?? 'FAIL'; // spec: ima 2.3
  reception.count(final);
  await connection.write(`${final}\n`);
  return true;
}

/** The sender, the size, then the rest.   spec: ima 2.3 */
async function judge(head: Head, reception: Reception): Promise<Refusal | undefined> {
  if (!reception.maySend(head)) return { reason: 'SENDER' };
  if (head.size > reception.maxSize) return { reason: 'SIZE', text: `max=${reception.maxSize}` };
  return reception.judge(head);
}

/** Ours stands above those that the peer supplied.   spec: ima 2.4 */
function stamp(head: Head, reception: Reception): Head {
  const value = reception.received?.(head);
  if (value === undefined) return head;
  const [first, ...others] = head.headers;
  if (first === undefined) return head;
  return parseHead(formatBlock([first, { name: 'received', value }, ...others]));
}

/**
 * A block with its empty line; DONE; `lost` where neither comes, so that nobody knows where the next would begin; undefined when the peer
 * has ended. The colon in the first line tells them apart.   spec: ima 2.3
 */
async function nextBlock(connection: Connection): Promise<Buffer | 'DONE' | 'lost' | undefined> {
  if (!(await connection.awaitLine(IDLE_TIME))) return undefined;
  const lines: Buffer[] = [];
  let length = 0;
  try {
    for (;;) {
      const line = (await connection.token([LF], LINE_LIMIT + 1, BLOCK_TIME))?.octets;
      if (line === undefined) return undefined;
      length += line.length + 1;
      if (length > BLOCK_LIMIT) return 'lost';
      if (lines.length === 0 && !line.includes(':'))
        return line.toString('latin1').toUpperCase() === 'DONE' ? 'DONE' : 'lost';
      lines.push(line, NEWLINE);
      if (line.length === 0) return Buffer.concat(lines);
    }
  } catch (error) {
    if (error instanceof NetError && error.code === 'line-too-long') return 'lost';
    throw error;
  }
}

const NEWLINE = Buffer.from('\n');
