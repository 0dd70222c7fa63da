// What every engine of the store must do, as tests: each engine's own test calls `storeContract` with a way to open an empty store.

import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import type { Store } from '../src/store/store.ts';
import { besideTests } from './store-contract/beside.ts';
import { bodyTests } from './store-contract/bodies.ts';
import { changeTests } from './store-contract/changes.ts';
import { expiryTests } from './store-contract/expiry.ts';
import { folderTests } from './store-contract/folders.ts';
import { kitOf } from './store-contract/kit.ts';
import { mailboxTests } from './store-contract/mailboxes.ts';
import { messageTests } from './store-contract/messages.ts';
import { modelTest } from './store-contract/model.ts';
import { upkeepTests } from './store-contract/upkeep.ts';

/** Registers the tests of the contract. `open` gives an empty store each time. */
export function storeContract(name: string, open: () => Promise<Store>): void {
  describe(`${name} keeps the contract of the store`, () => {
    let store: Store;
    beforeAll(async () => {
      store = await open();
    });
    afterAll(() => store.close());
    afterEach(async () => {
      for (const id of await store.mailboxes.list({ limit: 1000 })) await store.mailboxes.remove(id);
    });

    const kit = kitOf(() => store, open);
    mailboxTests(kit);
    messageTests(kit);
    changeTests(kit);
    folderTests(kit);
    expiryTests(kit);
    bodyTests(kit);
    besideTests(kit);
    upkeepTests(kit);
    modelTest(kit);
  });
}
