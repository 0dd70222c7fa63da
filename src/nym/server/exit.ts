// The nymserver as a way of delivery of its node: what arrives under its exit type is a control message.   spec: mixminion-nym 9

import { HOUR } from '../../base/time.ts';
import { NYM_EXIT_TYPE } from '../../mixminion/directory/descriptor-fields.ts';
import type { ExitModule } from '../../mixminion/exit/module.ts';
import type { Nymserver } from './nymserver.ts';

/** Only our own store can be in the way. */
const SCHEDULE = { waits: [HOUR], patience: 144 * HOUR };

export function nymExit(nymserver: Nymserver): ExitModule {
  return {
    type: NYM_EXIT_TYPE,
    name: 'nym3',
    schedule: SCHEDULE,
    async deliver({ delivery, address }) {
      if (address.toString('latin1').toLowerCase() !== nymserver.domain)
        return { result: 'drop', reason: 'other-domain' };
      if (delivery.kind !== 'plain') return { result: 'drop', reason: delivery.kind };
      const taken = await nymserver.control(delivery.body);
      return taken === 'done' || taken === 'repeated'
        ? { result: 'done', reason: taken }
        : { result: 'drop', reason: taken };
    },
  };
}
