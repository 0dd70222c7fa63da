// `postern immp watch`: what arrives is shown as it arrives, on the terminal, and to whatever command shows notifications.

import { spawn } from 'node:child_process';
import { MINUTE, SECOND, sleep, systemClock } from '../../base/time.ts';
import { actionsInWords, actionsOf } from '../../immp/client/actions.ts';
import { ClientError } from '../../immp/client/errors.ts';
import { index, type WatchEvent, watch as watchFolders } from '../../immp/client/mailbox.ts';
import type { ImmpSession } from '../../immp/client/session.ts';
import { parameter } from '../../immp/wire/kind.ts';
import { type Target, target as targetKind } from '../../immp/wire/target.ts';
import { NetError } from '../../net/errors.ts';
import { UsageError } from '../command.ts';
import { harmless, print } from '../output.ts';
import { asUser, folderNamed, type MailboxOptions } from './client.ts';
import { senderOf } from './reading.ts';

const FIRST_WAIT = 5 * SECOND;
const LONGEST_WAIT = 5 * MINUTE;
const LONGEST_TEXT = 2000;

interface WatchOptions extends MailboxOptions {
  readonly notify?: string;
  readonly count?: number;
}

export async function watch(names: readonly string[], options: WatchOptions): Promise<void> {
  const targets = names.map((name) => folderNamed(name, options));
  const end = new AbortController();
  const stop = () => end.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  let left = options.count ?? Number.POSITIVE_INFINITY;
  let wait = FIRST_WAIT;
  try {
    while (!end.signal.aborted) {
      try {
        await asUser(options, async (session) => {
          for await (const event of watchFolders(session, targets, end.signal)) {
            wait = FIRST_WAIT;
            if (event.event === 'watching') {
              if (!options.json) print('watching; Ctrl-C ends it', process.stderr);
              continue;
            }
            if (await show(session, event, options)) left -= 1;
            if (left <= 0) return stop(); // what else has come already is not asked for
          }
        });
      } catch (error) {
        if (end.signal.aborted) break;
        if (!isPassing(error)) throw error;
        print(`the server cannot be reached; trying again in ${wait / SECOND} s`, process.stderr);
        await sleep(systemClock, wait, end.signal);
        wait = Math.min(wait * 2, LONGEST_WAIT);
      }
    }
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}

function isPassing(error: unknown): boolean {
  if (error instanceof NetError) return error.code !== 'tls' && error.code !== 'injected';
  return error instanceof ClientError && (error.code === 'closed' || error.code === 'not-now');
}

/** Whether there was anything to say of it. */
async function show(session: ImmpSession, event: WatchEvent, options: WatchOptions): Promise<boolean> {
  const notice = await noticeOf(session, event, options);
  if (options.json) print(JSON.stringify(notice === undefined ? event : { ...event, ...notice }));
  if (notice === undefined) return options.json === true;
  const title = harmless(notice.title);
  const text = harmless(notice.text).slice(0, LONGEST_TEXT);
  if (!options.json) print(`${title}${text === '' ? '' : `: ${text}`}`);
  if (options.notify !== undefined) await notify(options.notify, title, text);
  return true;
}

interface Notice {
  readonly title: string;
  readonly text: string;
}

/** What a person wants to hear of it; nothing of flags and of what is gone. */
async function noticeOf(session: ImmpSession, event: WatchEvent, options: WatchOptions): Promise<Notice | undefined> {
  if (event.event === 'push') return pushNotice(event);
  if (event.event !== 'new' || event.path === undefined || event.uuid === undefined) return undefined;
  const [entry] = await index(session, { ...targetOf(event.path, options), uuid: event.uuid }).catch(() => []);
  if (entry === undefined) return undefined;
  return { title: `${event.path.replace(/^\//, '')}: ${senderOf(entry)}`, text: entry.subject };
}

function pushNotice(event: WatchEvent): Notice {
  const word = (name: string): string => {
    const value = (event as Record<string, unknown>)[name];
    return typeof value === 'string' ? value : '';
  };
  const waits = event.pending ? ' (waits for your approval)' : '';
  const actions = actionsOf(event);
  return {
    title: `${word('title') || 'notification'} from ${word('from') || 'somebody'}${waits}`,
    text: actions === undefined ? word('text') : actionsInWords(actions).replaceAll('\n', ' · '),
  };
}

function targetOf(path: string, options: WatchOptions): Target {
  const read = targetKind.read(path.includes(' ') ? parameter.write(path) : path);
  return read ?? folderNamed(path, options);
}

/** Runs the user's command with title and text as two arguments: what strangers wrote is never read by a shell. */
async function notify(command: string, title: string, text: string): Promise<void> {
  const [program = '', ...words] = command.split(' ').filter((word) => word !== '');
  if (program === '') throw new UsageError('--notify names no command');
  await new Promise<void>((resolve) => {
    const child = spawn(program, [...words, title, text], { stdio: 'ignore' });
    child.once('error', (error) => {
      print(`cannot run ${program}: ${error.message}`, process.stderr);
      resolve();
    });
    child.once('exit', () => resolve());
  });
}
