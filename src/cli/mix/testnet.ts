// `postern mix testnet`: a whole network on this machine, and what it shows of itself; open until Ctrl-C.

import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { silentLog } from '../../base/log.ts';
import { systemRandom } from '../../base/random.ts';
import { fastClock, MINUTE, SECOND, systemClock } from '../../base/time.ts';
import { DOMAIN } from '../../mixminion/testnet/mailroom.ts';
import { playStory, type StoryEvent } from '../../mixminion/testnet/story.ts';
import { Testnet } from '../../mixminion/testnet/testnet.ts';
import { inWords } from '../../mixminion/testnet/words.ts';
import { formatEndpoint } from '../../net/endpoint.ts';
import type { JsonOption } from '../command.ts';
import { print, showProgress, table } from '../output.ts';

const OWNER_ONLY = 0o077;
/** How long a message may take, of the machine's time: many times what it takes. */
const PATIENCE = 3 * MINUTE;
/** Within it a second signal is the same one, passed on: npm does so. */
const ECHO = SECOND;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface TestnetOptions extends JsonOption {
  readonly speed: number;
  /** Where it lies; a folder that is removed at the end when not given. */
  readonly folder?: string;
  /** `false`: nothing is sent. */
  readonly story: boolean;
  /** Ends after the story. */
  readonly once?: boolean;
}

export async function testnet({ speed, folder, story, once, json = false }: TestnetOptions): Promise<void> {
  process.umask(OWNER_ONLY);
  using interrupted = untilInterrupted();
  const stop = interrupted.signal;
  const temporary = folder === undefined ? await mkdtemp(join(tmpdir(), 'postern-testnet-')) : undefined;
  // However the process ends: a reader of its output that has gone away, a terminal that was closed.
  const leave = () => temporary !== undefined && rmSync(temporary, { recursive: true, force: true });
  process.once('exit', leave);
  try {
    const begun = systemClock.now();
    const setting = `${speed} since ${new Date(begun).toISOString()}`;
    const bar = await showProgress('making keys');
    await using net = await Testnet.open({
      folder: resolve(temporary ?? folder ?? ''),
      clock: fastClock({ begun, speed }),
      log: silentLog,
      signal: stop,
      onProgress: (done, total) => bar.update(done, total),
    }).finally(() => bar.stop());
    const homes = { alice: await net.home('alice', setting), bob: await net.home('bob', setting) };
    if (json) tellJson({ event: 'open', ...described(net, homes), speed });
    else print(welcome(net, speed));
    if (story && !stop.aborted) {
      const tell = json ? tellJson : (event: StoryEvent) => print(inWords(event, speed));
      const signal = AbortSignal.any([stop, AbortSignal.timeout(PATIENCE)]);
      try {
        await playStory({ net, random: systemRandom, homes, signal, tell });
      } catch (error) {
        if (!stop.aborted) throw error;
      }
    }
    if (once || stop.aborted) return;
    if (!json) print(invitation(net, homes));
    await new Promise<void>((done) => stop.addEventListener('abort', () => done()));
  } catch (error) {
    if (error !== stop.reason) throw error;
  } finally {
    process.off('exit', leave);
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
  }
}

/** Its signal is aborted by Ctrl-C and the like; when somebody insists the process ends without waiting for anything. */
function untilInterrupted(): { readonly signal: AbortSignal } & Disposable {
  const stop = new AbortController();
  let asked: number | undefined;
  const abort = (signal: (typeof SIGNALS)[number]) => {
    if (asked !== undefined && performance.now() - asked > ECHO) process.exit(128 + constants.signals[signal]);
    asked ??= performance.now();
    stop.abort();
  };
  for (const signal of SIGNALS) process.on(signal, abort);
  return {
    signal: stop.signal,
    [Symbol.dispose]() {
      for (const signal of SIGNALS) process.off(signal, abort);
    },
  };
}

function described(net: Testnet, homes: Readonly<Record<string, string>>) {
  return {
    directory: net.at,
    homes,
    mail: net.mail.folderOf('.'),
    remailers: net.nodes.map(({ nickname, at }) => ({ nickname, at: formatEndpoint(at) })),
  };
}

/** One line for each event, as a reader wants them who is told while it happens. */
function tellJson(event: object): void {
  print(JSON.stringify(event));
}

function welcome({ at, nodes }: Testnet, speed: number): string {
  const rows = nodes.map(({ nickname, at: where, keyFingerprint }) => [
    nickname,
    formatEndpoint(where),
    keyFingerprint,
  ]);
  return [
    `A Type III network of ${nodes.length} remailers on this machine alone. Its time runs ${speed} times as fast as yours.`,
    '',
    `  directory  ${at.url}  ${at.fingerprint}`,
    '             lists, and everybody fetches from it once a day',
    table(['REMAILER', 'AT', 'FINGERPRINT'], rows).replace(/^/gm, '  '),
    '             each may pass packets to each other, and deliver to mailboxes alice and bob',
  ].join('\n');
}

function invitation(net: Testnet, { alice, bob }: { alice: string; bob: string }): string {
  return `
It stays open until you press Ctrl-C. From another terminal:

  $ postern mix servers --home ${alice}
  $ echo hello | postern mix send --to bob@${DOMAIN} --home ${alice}
  $ ls ${net.mail.folderOf('bob')}
  $ postern mix decode --home ${bob} --input ${join(net.mail.folderOf('bob'), '0001-…')}
`;
}
