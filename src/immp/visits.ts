// A visit to every domain whose key is known here. Its server comes back to ask who we are, and hears on the way which key this
// office will show next: so a planned change reaches those, too, who have nothing to write to us.   spec: immp 2.4, 2.6

import { z } from 'zod';
import { codeOf } from '../base/errors.ts';
import { Slots } from '../base/slots.ts';
import { MINUTE } from '../base/time.ts';
import { type Controls, control } from '../post/control.ts';
import type { Room } from './room.ts';
import type { ImmpSettings } from './settings.ts';

const AT_ONCE = 16;
/** For one domain. */
const VISIT_TIME = MINUTE;

export interface Visit {
  readonly domain: string;
  /** Whether it came back and asked. */
  readonly reached: boolean;
}

/** Those in order of their names. A domain that is away says so in the log, and hears of it when it next comes by itself. */
async function visitAll(room: Room): Promise<Visit[]> {
  const { far } = room;
  if (far === undefined) return [];
  const slots = new Slots(AT_ONCE);
  return Promise.all(
    (await far.pins.list()).map(async ({ domain }) => {
      await slots.take();
      const end = new AbortController();
      const cancel = room.post.clock.timer(VISIT_TIME, () => end.abort());
      try {
        await far.converse(domain, async (session) => session.quit(), { line: 'visit', signal: end.signal });
        return { domain, reached: true };
      } catch (error) {
        room.post.log.info('immp.not-visited', { code: codeOf(error) });
        return { domain, reached: false };
      } finally {
        cancel();
        slots.give();
      }
    }),
  );
}

/** What the operator may ask while the counter is open. */
export function openControls(room: Room): Controls<ImmpSettings> {
  return { 'key.announce': control(z.strictObject({}), async () => ({ visits: await visitAll(room) })) };
}
