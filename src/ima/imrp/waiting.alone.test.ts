// WAIT where the system tells of no change, as with files that lie on another machine: it is looked for.   spec: ima 2.7, 2.8

import { cp, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { SAMPLE } from '../../../test/support/ima-samples.ts';
import { systemRandom } from '../../base/random.ts';
import { SECOND, VirtualClock } from '../../base/time.ts';
import { connectionPair } from '../../net/memory.ts';
import { letterOf } from '../letter.ts';
import { Mailbox } from '../mailbox/mailbox.ts';
import { ImrpClient } from './client.ts';
import { serveImrp } from './server.ts';

vi.mock(import('node:fs'), async (original) => {
  const silent = { on: () => silent, close: () => {} };
  return { ...(await original()), watch: (() => silent) as never };
});

test('WAIT ends when a foreign program put a message there, and nobody told', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postern-wait-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(folder, { recursive: true }));
  const clock = new VirtualClock(Date.now());
  const mailbox = new Mailbox(join(folder, 'bob'), { clock, random: systemRandom });
  await mailbox.make();
  const inbox = mailbox.folder('inbox');
  const id = await inbox.deliver(letterOf(SAMPLE));
  const [here, there] = connectionPair({ clock });
  const serving = serveImrp(here, { mailbox, clock, count: () => {} });
  const client = new ImrpClient(there);
  const seq = await inbox.seq();

  let woken: number | undefined;
  const waiting = client.wait('inbox', seq, 600).then((now) => {
    woken = now;
  });
  const until = async (waited: () => boolean) => {
    for (const start = clock.now(); !waited() && clock.now() - start < 300 * SECOND; ) {
      await clock.advance(SECOND);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };
  const start = clock.now();
  await until(() => clock.now() - start >= 60 * SECOND);
  expect(woken, 'nothing happened yet').toBeUndefined();

  await cp(join(inbox.path, 'msg', id), join(inbox.path, 'tmp', 'stranger'), { recursive: true });
  await rename(join(inbox.path, 'tmp', 'stranger'), join(inbox.path, 'msg', '1795352990671-0123456789abcdef'));
  await until(() => woken !== undefined);
  expect(woken).toBe(seq + 1);
  await waiting;
  there.destroy();
  await serving.catch(() => {}); // its peer is gone
});
