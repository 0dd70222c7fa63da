// `postern serve`: opens the office, says where everything is, and stays until it is told to stop.

import { setFlagsFromString } from 'node:v8';
import type { Command } from 'commander';
import { toHex } from '../base/bytes.ts';
import { codeOf, messageOf } from '../base/errors.ts';
import { SECOND, sleep, systemClock } from '../base/time.ts';
import { formatEndpoint } from '../net/endpoint.ts';
import type { Office } from '../office/office.ts';
import { type DataOption, type JsonOption, makeCommand, withDataOption, withJsonOption } from './command.ts';
import { facts, print, printJson, table } from './output.ts';

const OWNER_ONLY = 0o077;
/** The office gives conversations 4 s; whatever else hangs is left behind after this. */
const PATIENCE = 4.8 * SECOND;
/** For the store, when another process has it. */
const STORE_PATIENCE = 5 * SECOND;
const BETWEEN_TRIES = 100;

interface ServeOptions extends DataOption, JsonOption {
  readonly only?: string;
}

interface Place {
  readonly path: string;
  readonly isNew: boolean;
}

export function serveCommand(): Command {
  const command = makeCommand('serve', 'Open the office, and keep it open until it is told to stop.', [
    'postern serve',
    'postern serve --data /var/lib/postern --only smallmail',
  ]);
  return withJsonOption(withDataOption(command))
    .option('--only <counters>', 'open these counters only, with commas between')
    .action(serve);
}

async function serve({ data, only, json }: ServeOptions): Promise<void> {
  // Octets of letters and TLS records live a moment, outside the heap, and are given back when the young generation is
  // collected. Let grow, it is collected rarely, and V8 makes whole collections instead: one letter in ten fewer, late by half.
  setFlagsFromString('--semi-space-growth-factor=1');
  process.umask(OWNER_ONLY);
  let isAskedAgain = false; // a SIGHUP while the office opens must not end it, and may be about a line that was just read
  const remember = () => {
    isAskedAgain = true;
  };
  process.on('SIGHUP', remember);
  const [{ counters }, { dataFolderAt }, { makeOffice, openOffice }, { openSqliteStore }] = await Promise.all([
    import('../office/counters.ts'),
    import('../office/data-folder.ts'),
    import('../office/office.ts'),
    import('../store/sqlite/open.ts'),
  ]);
  const folder = dataFolderAt(data);
  const isNew = await makeOffice(folder, counters);
  const office = await openOffice({
    folder,
    counters,
    only: only?.split(',').map((name) => name.trim()),
    openStore: (file) => patiently(() => openSqliteStore({ file })),
  });
  const stopped = untilStopped(office);
  process.off('SIGHUP', remember);
  if (isAskedAgain) reload(office);
  if (json) printJson(described(office, folder.path));
  else print(welcome(office, { path: folder.path, isNew }));
  await stopped;
}

/** While no office runs, an operator's command may have the store for a moment; that is no reason not to start. */
async function patiently<T>(open: () => Promise<T>): Promise<T> {
  const end = performance.now() + STORE_PATIENCE;
  for (;;) {
    try {
      return await open();
    } catch (error) {
      if (codeOf(error) !== 'locked' || performance.now() > end) throw error;
      await sleep(systemClock, BETWEEN_TRIES);
    }
  }
}

/** Resolves when the office has closed after SIGINT or SIGTERM. SIGHUP makes it read its configuration again. */
function untilStopped(office: Office): Promise<void> {
  const crash = (error: unknown) => {
    // The message may quote somebody's mail or address; the place in the program cannot.
    const at = error instanceof Error ? error.stack?.split('\n    at ')[1] : undefined;
    office.log.error('crash', { code: codeOf(error), kind: error instanceof Error ? error.name : typeof error, at });
    process.exit(1);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
  process.on('SIGHUP', () => reload(office));
  return new Promise((resolve, reject) => {
    let asked: number | undefined;
    const stop = () => {
      if (asked !== undefined) {
        if (performance.now() - asked > SECOND) process.exit(1); // a person insists; npm only passes the same Ctrl-C on
        return;
      }
      asked = performance.now();
      setTimeout(() => process.exit(1), PATIENCE).unref();
      office.close().then(resolve, reject);
    };
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
  });
}

function reload(office: Office): void {
  office.reload().then(
    (waiting) => office.log.info('reload.done', waiting.length > 0 ? { needRestart: waiting.join(', ') } : {}),
    (error) => office.log.error('reload.refused', { code: codeOf(error), message: messageOf(error) }),
  );
}

/** What scripts want to know of an office that has just opened. */
function described(office: Office, folder: string) {
  return {
    process: process.pid,
    folder,
    serverKey: toHex(office.identity.serverKey),
    health: office.health === undefined ? undefined : `http://${formatEndpoint(office.health)}/health`,
    listening: office.listening.map(({ counter, at, what }) => ({ counter, at: formatEndpoint(at), what })),
  };
}

function welcome(office: Office, { path, isNew }: Place): string {
  const { serverKey, health, listening } = described(office, path);
  const ports = listening.map(({ counter, at, what }) => [counter, at, what]);
  const steps = office.firstSteps;
  return [
    'Postern is open.',
    '',
    ports.length > 0 ? table(['COUNTER', 'LISTENS ON', ''], ports) : 'No counter listens anywhere.',
    '',
    facts([
      ['server key', `${serverKey}  (for clients to pin)`],
      ['data folder', `${path}${isNew ? '  (new: keys, configuration and mail are in it)' : ''}`],
      ['health', health ?? 'switched off'],
    ]),
    ...(steps.length > 0 ? ['', 'Try, in another terminal:', ...steps.map((step) => `  ${step}`)] : []),
    '',
    `Stop it with Ctrl-C. After a change of postern.toml: kill -HUP ${process.pid}`,
  ].join('\n');
}
