// What the nym commands share: all nyms of the client's folder, under its lock; what is due said afterwards, and sent.

import { systemRandom } from '../../base/random.ts';
import { clockOf } from '../../mixminion/client/client-settings.ts';
import { flushFolder } from '../../mixminion/client/flushing.ts';
import type { Mix3Client } from '../../mixminion/client/mix3-client.ts';
import { parseAddress } from '../../mixminion/client/paths.ts';
import { Nyms } from '../../nym/holder/nyms.ts';
import { type Desk, type MixOptions, openDesk, withDirectory, withPassphrase } from '../mix/desk.ts';

export interface NymOptions extends MixOptions {
  readonly nym?: string;
  /** `--no-send` */
  readonly send: boolean;
}

export interface NymDesk {
  readonly nyms: Nyms;
  readonly client: Mix3Client;
  readonly now: number;
}

/** How the step ended, for `--json`. */
export interface Step<T> {
  readonly value: T;
  /** Messages made, packets that left, and those that wait in the queue. */
  readonly messages: number;
  readonly packets: number;
  readonly waiting: number;
}

/** Runs `work`, then lets each nym say what it has to say, and sends it. */
export async function withNyms<T>(options: NymOptions, work: (desk: NymDesk) => Promise<T>): Promise<Step<T>> {
  const desk = await openDesk(options);
  const { value, messages } = await withDirectory(desk, (client) =>
    withPassphrase(desk, async () => {
      const nyms = await openNyms(desk, client);
      const done = await work({ nyms, client, now: clockOf(desk.settings).now() });
      return { value: done, messages: options.send ? await nyms.tend() : 0 };
    }),
  );
  if (!options.send) return { value, messages, packets: 0, waiting: 0 };
  const { sent, failed } = await flushFolder({ folder: desk.folder, settings: desk.settings });
  if (failed > 0) desk.note(`${failed} packets wait in the queue: \`postern mix flush\` tries again`);
  return { value, messages, packets: sent, waiting: failed };
}

function openNyms({ folder, settings }: Desk, client: Mix3Client): Promise<Nyms> {
  const { address } = settings.surbs;
  const answersTo = address === '' ? undefined : parseAddress(address);
  return Nyms.open({ client, folder, answersTo, clock: clockOf(settings), random: systemRandom });
}
