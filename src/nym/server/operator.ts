// What the operator of a nymserver sees and may do. Nothing here can reveal a nymholder, since nothing here knows one.

import { PosternError } from '../../base/errors.ts';
import { startOfDay } from '../../base/time.ts';
import type { Quota } from '../../store/store.ts';
import { nymName } from '../names.ts';
import type { Desk } from './desk.ts';
import type { NymRecord } from './record.ts';
import { close as closeForEver } from './registry.ts';
import { closeNym } from './shutdown.ts';

const PAGE = 500;

export interface NymSummary {
  readonly nym: string;
  readonly state: NymRecord['state'];
  /** The day on which it was asked for. */
  readonly since: number;
  readonly used: Quota;
  readonly quota: Quota;
  /** Reply blocks held. */
  readonly surbs: number;
}

type Looking = Pick<Desk, 'vault' | 'stock'>;

export async function describeNym({ vault, stock }: Looking, given: string): Promise<NymSummary> {
  const nym = nymName(given);
  const [record, usage] = [await vault.record(nym), await vault.usage(nym)];
  if (record === undefined || usage === undefined) {
    throw new PosternError('nym', `there is no nym ${nym}`, {
      remedy: '`postern nymserver list` shows those that there are',
    });
  }
  const surbs = await stock.count(vault.idOf(nym));
  return { nym, state: record.state, since: startOfDay(record.made), used: usage.used, quota: usage.quota, surbs };
}

/** In order of name, from the first after `after`. */
export async function listNyms(desk: Looking, after = ''): Promise<NymSummary[]> {
  const nyms = await desk.vault.list(after, PAGE);
  const found = await Promise.all(nyms.map((nym) => describeNym(desk, nym).catch(() => undefined)));
  return found.filter((summary) => summary !== undefined);
}

export interface NymStats extends Quota {
  readonly nyms: Readonly<Record<NymRecord['state'], number>>;
  readonly surbs: number;
}

export async function nymStats(desk: Looking): Promise<NymStats> {
  const nyms = { reserved: 0, waiting: 0, open: 0 };
  const sums = { bytes: 0, messages: 0, surbs: 0 };
  for (let after = '', more = true; more; ) {
    const names = await desk.vault.list(after, PAGE);
    for (const { state, used, surbs } of await listNyms(desk, after)) {
      nyms[state] += 1;
      sums.bytes += used.bytes;
      sums.messages += used.messages;
      sums.surbs += surbs;
    }
    after = names.at(-1) ?? after;
    more = names.length === PAGE;
  }
  return { nyms, ...sums };
}

/** Closed for ever; mail to it is refused from now on. */
export async function closeByOperator(desk: Desk, given: string): Promise<void> {
  const nym = nymName(given);
  const closed = await desk.turns.take(nym, () => closeNym(desk, nym, 'this nym was closed by the operator'));
  if (!closed) await describeNym(desk, nym); // which says that there is none
}

/** Opens a nym that waited for it. */
export async function approve(desk: Desk, given: string): Promise<void> {
  const nym = nymName(given);
  await desk.turns.take(nym, async () => {
    const record = await desk.vault.record(nym);
    if (record?.state !== 'waiting') {
      throw new PosternError('nym', `${nym} does not wait for approval`, {
        remedy: '`postern nymserver list` shows who does',
      });
    }
    const now = desk.post.clock.now();
    await desk.vault.save(nym, { ...record, state: 'open', owesCreated: true, answerBy: now });
    await desk.wake(nym, now);
  });
}

/** Turns a request down: the name is free for nobody else either. */
export async function refuse(desk: Desk, given: string): Promise<void> {
  const nym = nymName(given);
  await desk.turns.take(nym, async () => {
    const record = await desk.vault.record(nym);
    if (record?.state === 'waiting' || record?.state === 'reserved') await closeForEver(desk, nym, record);
    else throw new PosternError('nym', `${nym} does not wait for approval`);
  });
}
