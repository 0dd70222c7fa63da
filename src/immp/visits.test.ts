import { expect, test } from 'vitest';
import { silentLog } from '../base/log.ts';
import { VirtualClock } from '../base/time.ts';
import type { Room } from './room.ts';
import { openControls } from './visits.ts';

interface Words {
  quit(): Promise<void>;
  readonly greeting: { readonly extensions: ReadonlySet<string> };
}

// spec: immp 2.4
test('each known domain is visited, and its operator hears which of them know', async () => {
  const left: string[] = [];
  const extensions: Readonly<Record<string, readonly string[]>> = { 'new.test': ['KEY', 'NEXT'], 'old.test': [] };
  const far = {
    pins: { list: async () => ['away.test', 'new.test', 'old.test'].map((domain) => ({ domain })) },
    async converse(domain: string, work: (session: Words) => Promise<unknown>) {
      const said = extensions[domain];
      if (said === undefined) throw new Error('nobody there');
      return work({ quit: async () => void left.push(domain), greeting: { extensions: new Set(said) } });
    },
  };
  const room = { far, post: { clock: new VirtualClock(), log: silentLog } } as unknown as Room;
  const announce = openControls(room)['key.announce'];
  expect(await announce?.run({} as never, {})).toEqual({
    visits: [
      { domain: 'away.test', state: 'away' },
      { domain: 'new.test', state: 'told' },
      { domain: 'old.test', state: 'deaf' },
    ],
  });
  expect(left).toEqual(['new.test', 'old.test']);
});
