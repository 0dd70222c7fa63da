// The login at the beginning of IMRP and of submission.   spec: ima 2.8, 2.9

import { MINUTE } from '../../base/time.ts';
import type { Connection } from '../../net/connection.ts';
import { WireError } from '../errors.ts';
import type { PeerCertificate } from '../trust/peer.ts';
import type { Roots } from '../trust/roots.ts';
import {
  type Failure,
  formatImrpReply,
  IMRP_LINE_LIMIT,
  type ImrpCommand,
  type ImrpReply,
  isUnknownWord,
  parseImrpCommand,
} from '../wire/imrp.ts';
import { logIn, type User, type Users } from './users.ts';

/** spec: ima 2.8 */
const MAX_FAILURES = 3;
const LOGIN_TIME = 2 * MINUTE;

export interface LoginDesk {
  readonly users: Users;
  readonly authorities: Roots | undefined;
  now(): number;
  count(outcome: string): void;
  /** Whether this source may try once more now. */
  mayTry(): boolean;
}

/** Undefined when the conversation ended before anybody showed who he is. Throws NetError. */
export async function greet(
  connection: Connection,
  certificate: PeerCertificate | undefined,
  desk: LoginDesk,
): Promise<User | undefined> {
  const say = (reply: ImrpReply) => connection.write(`${formatImrpReply(reply)}\n`);
  const fail = (reason: Failure, text: string) => say({ word: 'FAIL', reason, text });
  for (let failures = 0; failures < MAX_FAILURES; ) {
    const command = await nextCommand(connection, LOGIN_TIME, fail);
    if (command === undefined) return undefined;
    if (command.word === 'DONE') {
      await say({ word: 'OK', text: '' });
      return undefined;
    }
    if (command.word !== 'AUTH') {
      await fail('STATE', 'AUTH first');
      failures += 1;
      continue;
    }
    if (!desk.mayTry()) {
      await fail('BUSY', 'too many attempts');
      return undefined;
    }
    const password = command.way === 'PASS' ? passwordIn(command.base64) : undefined;
    const user = await logIn({ user: command.user, password, certificate }, desk.users, desk.authorities, desk.now());
    desk.count(user === undefined ? 'auth-failed' : 'auth');
    if (user !== undefined) {
      await say({ word: 'OK', text: '' });
      return user;
    }
    failures += 1;
    await fail('AUTH', '');
  }
  return undefined;
}

/** The next line that is a command; undefined when the peer is gone, or has sent too much that is none. Throws NetError. */
export async function nextCommand(
  connection: Connection,
  timeout: number,
  fail: (reason: Failure, text: string) => Promise<void>,
): Promise<ImrpCommand | undefined> {
  for (let mistakes = 0; mistakes < 10; mistakes += 1) {
    const line = await connection.line(IMRP_LINE_LIMIT + 1, timeout);
    if (line === undefined) return undefined;
    try {
      return parseImrpCommand(line.toString('utf8'));
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      await fail(isUnknownWord(error) ? 'NOTIMPL' : 'SYNTAX', error.message);
    }
  }
  return undefined;
}

function passwordIn(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8');
}
