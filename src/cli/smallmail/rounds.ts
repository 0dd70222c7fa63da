// `postern smallmail fetch`: a round of all mailboxes, each over a way of its own, and of the outbox; or rounds at random times.

import { messageOf } from '../../base/errors.ts';
import { shuffle, systemRandom } from '../../base/random.ts';
import { SECOND, sleep, systemClock } from '../../base/time.ts';
import { drawDelay, drawPause } from '../../smallmail/client/courier.ts';
import { fetchMailbox } from '../../smallmail/client/fetching.ts';
import { mailboxLabels, readMailbox } from '../../smallmail/client/home.ts';
import type { OwnKey } from '../../smallmail/client/key-pair.ts';
import { carryLetter } from '../../smallmail/client/sending.ts';
import type { OnlineOptions } from '../client-options.ts';
import { AlreadySaid } from '../command.ts';
import { sendDue } from '../outbox.ts';
import { print, printJson } from '../output.ts';
import { deskOf, homeOf, unlock, withCourier } from './client.ts';

/** The longest wait between two mailboxes of one round. */
const SHORT_DELAY = 30 * SECOND;

interface FetchOptions extends OnlineOptions {
  readonly delete?: boolean;
  /** Milliseconds between two rounds, on average. */
  readonly every?: number;
}

interface Fetched {
  readonly name: string;
  readonly fetched: readonly number[];
  readonly failure?: string;
}

/** One round, or rounds at random times until somebody stops it. */
export async function fetchLetters(labels: readonly string[], options: FetchOptions): Promise<void> {
  const keys = new Map<string, OwnKey>(); // a passphrase is asked for once
  for (;;) {
    const report = await fetchRound(labels, options, keys);
    if (options.json) printJson(report);
    else if (report.length === 0) print('there is no mailbox yet: postern smallmail new NAME');
    else for (const { name, fetched, failure } of report) print(`${name}: ${failure ?? `${fetched.length} new`}`);
    if (options.every !== undefined) await sleep(systemClock, drawPause(systemRandom, options.every));
    else if (report.some(({ failure }) => failure !== undefined)) throw new AlreadySaid();
    else return;
  }
}

async function fetchRound(
  labels: readonly string[],
  options: FetchOptions,
  keys: Map<string, OwnKey>,
): Promise<Fetched[]> {
  const home = await homeOf(options);
  const chosen = labels.length > 0 ? [...labels] : await mailboxLabels(home);
  const report: Fetched[] = [];
  await withCourier(options, 'fetching', async (courier) => {
    for (const [place, label] of shuffle(systemRandom, chosen).entries()) {
      const mailbox = await readMailbox(home, label);
      const own = keys.get(label) ?? (await unlock(mailbox));
      keys.set(label, own);
      // Mailboxes that are opened one after the other at once would be known for one person's.   spec: smallmail 2.11
      if (place > 0) await sleep(systemClock, drawDelay({ ...courier, longestDelay: SHORT_DELAY }, mailbox.address));
      try {
        const { saved } = await fetchMailbox(courier, mailbox, own, { remove: options.delete === true });
        report.push({ name: label, fetched: saved.map(({ number }) => number) });
      } catch (error) {
        report.push({ name: label, fetched: [], failure: messageOf(error) });
      }
    }
    await sendDue(await deskOf(home), (letter) => carryLetter(courier, letter));
  });
  return report.sort((a, b) => a.name.localeCompare(b.name));
}
