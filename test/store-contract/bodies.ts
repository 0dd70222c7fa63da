// Bodies that arrive ahead of their message.

import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { DAY } from '../../src/base/time.ts';
import { CHUNK } from '../../src/store/limits.ts';
import { AMPLE, BOX, codeFrom, type Kit, pieces } from './kit.ts';

export function bodyTests(kit: Kit): void {
  describe('bodies', () => {
    beforeEach(async () => {
      await kit.store.mailboxes.create({ id: BOX, quota: AMPLE });
    });

    test.each([CHUNK / 2, 5 * CHUNK])('of %i octets can be appended once, or not at all', async (size) => {
      const body = await kit.store.messages.receive(BOX, pieces(randomBytes(size), 7777));
      expect(await kit.store.usage()).toMatchObject({ messages: 0, bytes: 0 });
      await kit.store.mailboxes.create({ id: 'smallmail/other', quota: AMPLE });
      expect(await codeFrom(kit.store.messages.append('smallmail/other', { body, arrived: 0 }))).toBe('no-body');
      await kit.store.mailboxes.change(BOX, { quota: { bytes: 1, messages: 1 } });
      expect((await kit.store.messages.append(BOX, { body, arrived: 0 })).status).toBe('full');
      await kit.store.mailboxes.change(BOX, { quota: AMPLE });
      expect((await kit.store.messages.append(BOX, { body, arrived: 0 })).status).toBe('stored');
      await body.discard();
      expect(await codeFrom(kit.store.messages.append(BOX, { body, arrived: 0 }))).toBe('no-body');
      const other = await kit.store.messages.receive(BOX, pieces(randomBytes(size), 7777));
      await other.discard();
      await other.discard();
      expect(await codeFrom(kit.store.messages.append(BOX, { body: other, arrived: 0 }))).toBe('no-body');
      await kit.store.sweep(1);
      expect(await kit.store.verify()).toEqual({ mailboxes: 2, messages: 1, bytes: size, faults: [] });
    });

    test('leave nothing when their sender breaks off', async () => {
      async function* broken(): AsyncGenerator<Buffer> {
        yield* pieces(randomBytes(6 * CHUNK), 5000);
        throw new Error('the line went dead');
      }
      await expect(kit.store.messages.receive(BOX, broken())).rejects.toThrow('the line went dead');
      expect((await kit.store.verify()).faults).toEqual([]);
    });

    test('end with their mailbox', async () => {
      const long = randomBytes(4 * CHUNK);
      const body = await kit.store.messages.receive(BOX, pieces(long, CHUNK));
      await kit.store.mailboxes.remove(BOX);
      expect((await kit.store.messages.append(BOX, { body, arrived: 0 })).status).toBe('no-mailbox');
      await kit.store.mailboxes.create({ id: BOX, quota: AMPLE });
      expect(await codeFrom(kit.store.messages.append(BOX, { body, arrived: 0 }))).toBe('no-body');
    });

    test.each([CHUNK / 2, 3 * CHUNK])('of %i octets that came a second time are given up at once', async (size) => {
      const octets = randomBytes(size);
      const once = { key: Buffer.from('key'), until: 9 * DAY };
      const receive = () => kit.store.messages.receive(BOX, pieces(octets, CHUNK));
      expect(await kit.store.messages.append(BOX, { body: await receive(), arrived: 0, once })).toMatchObject({
        status: 'stored',
      });
      const again = await receive();
      expect(await kit.store.messages.append(BOX, { body: again, arrived: 0, once })).toEqual({ status: 'duplicate' });
      expect(await codeFrom(kit.store.messages.append(BOX, { body: again, arrived: 0 }))).toBe('no-body');
      expect((await kit.store.sweep(DAY)).uploads).toBe(0);
      expect((await kit.store.sweep(3 * DAY)).uploads).toBe(0);
      expect(await kit.store.verify()).toEqual({ mailboxes: 1, messages: 1, bytes: size, faults: [] });
    });

    test('that nobody appends are swept after a day', async () => {
      const body = await kit.store.messages.receive(BOX, pieces(randomBytes(3 * CHUNK), CHUNK));
      expect((await kit.store.sweep(DAY)).uploads).toBe(0);
      expect((await kit.store.sweep(1.9 * DAY)).uploads).toBe(0);
      expect((await kit.store.sweep(2.1 * DAY)).uploads).toBe(1);
      expect(await codeFrom(kit.store.messages.append(BOX, { body, arrived: 0 }))).toBe('no-body');
      expect(await kit.store.verify()).toMatchObject({ messages: 0, faults: [] });
    });
  });
}
