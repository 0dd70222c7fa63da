// The entry of every program of the suite that runs by itself. Each is loaded only when it is the one.   spec: ima 1.3

import { codeOf } from '../../base/errors.ts';
import { runAlone } from './program.ts';

const PROGRAMS = {
  'server-receive': async () => runner((await import('./receive.ts')).receive),
  'server-handle-incoming-mail': async () => runner((await import('./handle-incoming-mail.ts')).handleIncomingMail),
  'server-give-recipient': async () => runner((await import('./give-recipient.ts')).giveRecipient),
  'server-post-office': async () => runner((await import('./post-office.ts')).postOffice),
  'server-send-mail': async () => runner((await import('./send-mail.ts')).sendMail),
  'make-ima-message': async () => runner((await import('./make-ima-message.ts')).makeImaMessage),
  'fetch-mail': async () => runner((await import('./fetch-mail.ts')).fetchMail),
} as const;

export type RunnableName = keyof typeof PROGRAMS;

/** Runs the program of this name on the process's own streams, and leaves its exit status to the process. */
export async function runProcess(name: RunnableName, args: readonly string[] = process.argv.slice(2)): Promise<void> {
  process.umask(0o077); // mail is for nobody else on this machine
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  process.stdout.on('error', (error) => {
    if (codeOf(error) === 'EPIPE') process.exit(1);
    throw error;
  });
  process.stderr.on('error', () => {}); // nobody reads it: no reason to stop
  const run = await PROGRAMS[name]();
  process.exitCode = await run(args, {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    signal: stop.signal,
  });
}

type Bound = (args: readonly string[], surroundings: Parameters<typeof runAlone>[2]) => Promise<number>;

function runner(program: Parameters<typeof runAlone>[0]): Bound {
  return (args, surroundings) => runAlone(program, args, surroundings);
}
