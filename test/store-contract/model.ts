// The slow readable twin of a store's mailboxes: plain maps. Random operations on both must give the same answers.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PageRequest } from '../../src/store/messages.ts';
import type { Store } from '../../src/store/store.ts';
import type { Kit } from './kit.ts';

interface Entry {
  readonly body: string;
  folder: string;
  flags: Set<string>;
}

interface Box {
  readonly quota: { bytes: number; messages: number };
  readonly keys: Set<string>;
  /** By id, oldest first. */
  readonly entries: Map<string, Entry>;
  readonly made: Set<string>;
}

type Model = Map<string, Box>;

/** One random step on both; throws when they differ. */
type Step = (store: Store, model: Model) => Promise<void>;

const used = (box: Box) => ({
  bytes: [...box.entries.values()].reduce((sum, { body }) => sum + body.length, 0),
  messages: box.entries.size,
});

const boxId = fc.constantFrom('a/1', 'a/2', 'b/1');
const folder = fc.constantFrom('inbox', 'Sent', 'Drafts');
const flags = fc.uniqueArray(fc.constantFrom('read', 'answered', 'x'), { maxLength: 3 });
const NOBODY = '0'.repeat(32);

/** The id of the message that stands at `place` of the mailbox, round and round; one that is not there when it is empty. */
function idAt(model: Model, id: string, place: number): string {
  const ids = [...(model.get(id)?.entries.keys() ?? [])];
  return ids[place % Math.max(1, ids.length)] ?? NOBODY;
}

const create = fc.tuple(boxId, fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 6 })).map(
  ([id, bytes, messages]): Step =>
    async (store, model) => {
      expect(await store.mailboxes.create({ id, quota: { bytes, messages } })).toBe(!model.has(id));
      if (model.has(id)) return;
      model.set(id, { quota: { bytes, messages }, keys: new Set(), entries: new Map(), made: new Set() });
    },
);

const removeBox = boxId.map(
  (id): Step =>
    async (store, model) => {
      expect(await store.mailboxes.remove(id)).toBe(model.delete(id));
    },
);

const append = fc
  .record({
    id: boxId,
    body: fc.string({ unit: 'grapheme-ascii', maxLength: 20 }),
    folder,
    flags,
    key: fc.option(fc.constantFrom('k', 'l')),
  })
  .map(
    ({ id, body, folder, flags, key }): Step =>
      async (store, model) => {
        const once = key === null ? {} : { once: { key: Buffer.from(key), until: 1 } };
        const result = await store.messages.append(id, { body: Buffer.from(body), arrived: 0, folder, flags, ...once });
        const box = model.get(id);
        if (box === undefined) return expect(result.status).toBe('no-mailbox');
        if (key !== null && box.keys.has(key)) return expect(result.status).toBe('duplicate');
        const { bytes, messages } = used(box);
        if (bytes + body.length > box.quota.bytes || messages >= box.quota.messages)
          return expect(result.status).toBe('full');
        if (result.status !== 'stored') throw new Error(`not stored: ${result.status}`);
        if (key !== null) box.keys.add(key);
        box.entries.set(result.id, { body, folder, flags: new Set(flags) });
        return undefined;
      },
  );

const remove = fc.tuple(boxId, fc.array(fc.nat(9), { maxLength: 3 })).map(
  ([id, places]): Step =>
    async (store, model) => {
      const ids = places.map((place) => idAt(model, id, place));
      const there = new Set(ids.filter((one) => model.get(id)?.entries.delete(one)));
      expect(await store.messages.remove(id, ids)).toBe(there.size);
    },
);

const flag = fc.tuple(boxId, fc.nat(9), flags, flags).map(
  ([id, place, add, drop]): Step =>
    async (store, model) => {
      const message = idAt(model, id, place);
      const entry = model.get(id)?.entries.get(message);
      expect(await store.messages.flag(id, message, { add, remove: drop })).toBe(entry !== undefined);
      if (entry) entry.flags = entry.flags.difference(new Set(drop)).union(new Set(add));
    },
);

const move = fc.tuple(boxId, fc.nat(9), folder).map(
  ([id, place, to]): Step =>
    async (store, model) => {
      const message = idAt(model, id, place);
      const entry = model.get(id)?.entries.get(message);
      expect(await store.messages.move(id, message, to)).toBe(entry !== undefined);
      if (entry) entry.folder = to;
    },
);

const makeFolder = fc.tuple(boxId, folder).map(
  ([id, name]): Step =>
    async (store, model) => {
      const box = model.get(id);
      const isNew = box !== undefined && !box.made.has(name);
      // A folder that only its messages keep becomes one that stays; that counts as making it.
      expect(await store.mailboxes.createFolder(id, name)).toBe(isNew);
      box?.made.add(name);
    },
);

/** Everything that can be asked of the store says what the model says. */
async function agree(store: Store, model: Model): Promise<void> {
  expect(await store.mailboxes.list({ limit: 10 })).toEqual([...model.keys()].sort());
  for (const [id, box] of model) {
    expect(await store.mailboxes.get(id)).toMatchObject({ quota: box.quota, used: used(box) });
    const { messages } = await store.messages.page(id, { limit: 100 });
    expect(messages.map((message) => message.id)).toEqual([...box.entries.keys()]);
    for (const message of messages) {
      const entry = box.entries.get(message.id);
      expect([message.folder, message.flags, message.size]).toEqual([
        entry?.folder,
        [...(entry?.flags ?? [])].sort(),
        entry?.body.length,
      ]);
    }
    const folders = [...new Set([...box.made, ...messages.map((message) => message.folder)])].sort();
    const counted = await store.mailboxes.folders(id);
    expect(counted.map(({ name }) => name)).toEqual(folders);
    for (const { name, unread } of counted) {
      const lying = [...box.entries.values()].filter((entry) => entry.folder === name);
      expect(unread).toBe(lying.filter((entry) => !entry.flags.has('read')).length);
    }
    await agreeOnPages(store, id, box);
    const changes = await store.messages.changes(id, 0, 1000);
    expect(new Set(changes.messages.map((message) => message.id))).toEqual(new Set(box.entries.keys()));
  }
}

export function modelTest(kit: Kit): void {
  test('random operations give what a plain model gives', async () => {
    const steps = fc.array(
      fc.oneof(create, removeBox, { arbitrary: append, weight: 5 }, remove, flag, move, makeFolder),
      { minLength: 10, maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (some) => {
        for (const id of await kit.store.mailboxes.list({ limit: 10 })) await kit.store.mailboxes.remove(id);
        const model: Model = new Map();
        for (const step of some) await step(kit.store, model);
        await agree(kit.store, model);
      }),
      { numRuns: 20 },
    );
    await kit.store.sweep(0);
    expect((await kit.store.verify()).faults).toEqual([]);
  });
}

/** Every kind of page: each folder and all, from either end, by flag, in small steps and with some left out. */
async function agreeOnPages(store: Store, id: string, box: Box): Promise<void> {
  const flags = [undefined, ...['read', 'x'].flatMap((name) => [true, false].map((set) => ({ name, set })))];
  for (const folder of [undefined, 'inbox', 'Sent'])
    for (const order of ['oldest', 'newest'] as const)
      for (const flag of flags) {
        const expected = [...box.entries]
          .filter(([, entry]) => folder === undefined || entry.folder === folder)
          .filter(([, entry]) => flag === undefined || entry.flags.has(flag.name) === flag.set)
          .map(([message]) => message);
        if (order === 'newest') expected.reverse();
        const wanted = { order, ...(folder && { folder }), ...(flag && { flag }) };
        const first = await store.messages.page(id, { ...wanted, limit: 2 });
        const rest = first.next === undefined ? [] : await pageAfter(store, id, { ...wanted, after: first.next });
        expect([...first.messages, ...rest].map((message) => message.id)).toEqual(expected);
        const skipped = await store.messages.page(id, { ...wanted, skip: 1, limit: 100 });
        expect(skipped.messages.map((message) => message.id)).toEqual(expected.slice(1));
      }
}

async function pageAfter(store: Store, id: string, wanted: Omit<PageRequest, 'limit'>) {
  return (await store.messages.page(id, { ...wanted, limit: 100 })).messages;
}
