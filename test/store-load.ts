// A process that loads a store until it is killed: `node store-load.ts FILE ROUND`. Prints one line for each message that was
// acknowledged: its id, and what it was made from.

import { writeSync } from 'node:fs';
import { openSqliteStore } from '../src/store/sqlite/open.ts';
import { loadBody, loadBox } from './store-load-body.ts';

const CALLERS = 12;

const [, , file = '', round = ''] = process.argv;
const store = await openSqliteStore({ file });
await store.mailboxes.create({ id: loadBox, quota: { bytes: 1e12, messages: 1e9 } });

let serial = 0;
async function append(): Promise<void> {
  for (;;) {
    serial += 1;
    const label = `${round}.${serial}`;
    const appended = await store.messages.append(loadBox, {
      body: loadBody(label),
      arrived: serial,
      index: Buffer.from(label),
    });
    // Straight to the descriptor, so that a line that was written is with the parent whatever happens next.
    if (appended.status === 'stored') writeSync(1, `${appended.id} ${label}\n`);
  }
}
await Promise.all(Array.from({ length: CALLERS }, append));
