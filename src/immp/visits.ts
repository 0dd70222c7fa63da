// A visit to every domain whose key is known here. Its server comes back to ask who we are, and hears on the way which key this
// office will show next: so a planned change reaches those, too, who have nothing to write to us.   spec: immp 2.4, 2.6

import { z } from 'zod';
import { codeOf } from '../base/errors.ts';
import { Slots } from '../base/slots.ts';
import { MINUTE } from '../base/time.ts';
import { type Controls, control } from '../post/control.ts';
import type { ImmpSession } from './client/session.ts';
import type { FarServers } from './federation/far-servers.ts';
import type { Room } from './room.ts';
import type { ImmpSettings } from './settings.ts';

const AT_ONCE = 16;
/** For one domain. */
const VISIT_TIME = MINUTE;

export interface Visit {
  readonly domain: string;
  /** `told`: it came back and could ask; `deaf`: it came back, and knows nothing of KEY NEXT; `away`: it could not be reached. */
  readonly state: 'told' | 'deaf' | 'away';
}

/** Of all domains whose key is pinned. One that is away hears of the key when it next comes by itself. */
async function visitAll(room: Room): Promise<Visit[]> {
  const { far } = room;
  if (far === undefined) return [];
  const slots = new Slots(AT_ONCE);
  const pins = await far.pins.list();
  return Promise.all(
    pins.map(async ({ domain }) => {
      await slots.take();
      return visit(room, far, domain).finally(() => slots.give());
    }),
  );
}

async function visit({ post }: Room, far: FarServers, domain: string): Promise<Visit> {
  const end = new AbortController();
  const cancel = post.clock.timer(VISIT_TIME, () => end.abort());
  try {
    const extensions = await far.converse(domain, sayGoodbye, { line: 'visit', signal: end.signal });
    return { domain, state: extensions.has('NEXT') ? 'told' : 'deaf' };
  } catch (error) {
    post.log.info('immp.not-visited', { code: codeOf(error) });
    return { domain, state: 'away' };
  } finally {
    cancel();
  }
}

/** Nothing but goodbye: what matters has happened before, in the conversation that it opened with us. */
async function sayGoodbye(session: ImmpSession): Promise<ReadonlySet<string>> {
  await session.quit();
  return session.greeting.extensions;
}

/** What the operator may ask while the counter is open. */
export function openControls(room: Room): Controls<ImmpSettings> {
  return { 'key.announce': control(z.strictObject({}), async () => ({ visits: await visitAll(room) })) };
}
