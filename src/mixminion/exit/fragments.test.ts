// Messages in fragments: put together, over restarts and crashes, and given up.

import { describe, expect, test } from 'vitest';
import { exitDesk, FRAGMENTS, fragmentsFor, packet, random, singleton } from '../../../test/support/exits.ts';
import { base64, hex, mixminionVectors } from '../../../test/support/vectors.ts';
import { pick, shuffle } from '../../base/random.ts';
import { DAY } from '../../base/time.ts';
import { keystream } from '../../crypto/aes-ctr.ts';
import type { Store } from '../../store/store.ts';
import { RoutingType } from '../packet/routing.ts';
import { encodeCompressed } from '../payload/encode.ts';
import { writeExitPrefix } from '../payload/server-fragment.ts';
import { openExits } from './open.ts';

const desk = exitDesk();

// spec: mixminion-server 4.4; mixminion-e2e 6.4, 7
describe('a message in fragments', () => {
  test('of the original program is put together and delivered in the same round, without a tag', async () => {
    interface Vector {
      prefix: string;
      message_stream_seed: string;
      message_len: number;
      reassembly_order: number[];
      fragments: { payload_b64: string | null }[];
    }
    const { messages } = mixminionVectors<{ messages: Vector[] }>('fragments');
    const vector = messages.find(({ prefix }) => prefix !== '');
    if (vector === undefined) throw new Error('no vector has a prefix');
    const { module, got } = desk.recorder();
    const { exits, events } = await desk.open([module], FRAGMENTS);
    for (const index of vector.reassembly_order) {
      const payload = base64(vector.fragments[index]?.payload_b64 ?? '');
      await exits.deliver(packet(RoutingType.FRAGMENT, '', payload));
    }
    await exits.round();
    const message = keystream(hex(vector.message_stream_seed), vector.message_len);
    expect(got).toMatchObject([{ tag: undefined, address: Buffer.from('alice@example.com') }]);
    const delivery = got[0]?.delivery;
    const body = delivery?.kind === 'plain' ? delivery.body : Buffer.alloc(0);
    expect(message.subarray(message.length - body.length).equals(body)).toBe(true);
    expect(body.length).toBeGreaterThan(vector.message_len - 5);
    expect(events).toEqual(['kept fragment', 'kept fragment', 'attempted due', 'delivered kept']);
  });

  test('comes together over restarts, in any order, repeated, and once', async () => {
    const all = shuffle(random, [
      ...fragmentsFor(RoutingType.SMTP, 'a@b.c', 600_000),
      ...fragmentsFor(RoutingType.SMTP, 'd@e.f', 60_000),
    ]);
    const { module, got } = desk.recorder();
    for (const payload of all) {
      const { exits } = await desk.open([module], FRAGMENTS); // as after a crash: nothing was closed
      await exits.deliver(packet(RoutingType.FRAGMENT, '', payload));
      await exits.deliver(packet(RoutingType.FRAGMENT, '', pick(random, all)));
      await exits.round();
    }
    expect(got.map(({ address }) => String(address)).sort()).toEqual(['a@b.c', 'd@e.f']);
    const sizes = got.map(({ delivery }) => (delivery.kind === 'plain' ? delivery.body.length : 0));
    expect(sizes.sort()).toEqual([60_000, 600_000].sort());
    const [state] = await desk.post.store.documents.list('mix/fragments');
    expect(await desk.post.store.documents.list(`mix/fragments/${state}`)).toEqual([]);
  });

  test('is handed over once when the process dies between queueing and forgetting', async () => {
    const { module, got } = desk.recorder();
    const { documents } = desk.post.store;
    const broken = Object.assign(Object.create(desk.post.store) as Store, {
      documents: Object.assign(Object.create(documents), {
        put: (owner: string, name: string, value: Buffer) =>
          String(value).includes('"completed"')
            ? Promise.reject(new Error('the power went'))
            : documents.put(owner, name, value),
      }),
    });
    const dying = await openExits({ post: { ...desk.post, store: broken }, modules: [module], fragments: FRAGMENTS });
    for (const payload of fragmentsFor(RoutingType.SMTP, 'a@b.c', 60_000))
      await dying.deliver(packet(RoutingType.FRAGMENT, '', payload));
    await dying.round();
    expect([got.length, await dying.waiting()]).toEqual([0, 1]); // queued, and still whole
    const { exits } = await desk.open([module], FRAGMENTS);
    await exits.round();
    await exits.round();
    expect(got).toHaveLength(1);
  });

  test('that cannot be delivered is dropped with its reason', async () => {
    const { module, got } = desk.recorder();
    const { exits, events } = await desk.open([module], FRAGMENTS);
    expect(exits.accepts(RoutingType.FRAGMENT)).toBe(true);
    const hand = async (payloads: readonly Buffer[]) => {
      for (const payload of payloads) await exits.deliver(packet(RoutingType.FRAGMENT, '', payload));
      await exits.round();
      return events.splice(0).filter((event) => event !== 'kept fragment');
    };
    const [first] = fragmentsFor(RoutingType.SMTP, 'a@b.c', 30_000);
    if (first === undefined) throw new Error('no fragment');
    expect(await hand([singleton('\nx')])).toEqual(['dropped not-a-fragment']);
    expect(await hand([Buffer.alloc(28672)])).toEqual(['dropped not-a-fragment']);
    await exits.deliver({ ...packet(RoutingType.FRAGMENT, '', first), routingInfo: Buffer.from('x') });
    expect(await hand([])).toEqual(['dropped fragment-address']);
    // spec: mixminion-server 4.5
    expect(await hand(fragmentsFor(RoutingType.DROP, '', 30_000).slice(0, 2))).toEqual(['delivered drop']);
    expect(await hand(fragmentsFor(RoutingType.MBOX, 'x', 30_000).slice(0, 2))).toEqual(['dropped no-module']);
    expect(await hand(fragmentsFor(RoutingType.FRAGMENT, '', 30_000).slice(0, 2))).toEqual(['dropped no-module']);
    expect(await hand(fragmentsFor(RoutingType.SMTP, 'x', 1_100_000).slice(0, 1))).toEqual([
      'dropped fragment-too-large',
    ]);
    const cutOff = encodeCompressed(Buffer.alloc(30_000, 0xff), { overhead: 0, random }).slice(0, 2);
    expect(await hand(cutOff)).toEqual(['dropped fragment-prefix']);
    const noZlib = encodeCompressed(
      Buffer.concat([writeExitPrefix({ type: RoutingType.SMTP, info: Buffer.from('a@b.c') }), Buffer.alloc(30_000)]),
      { overhead: 0, random },
    );
    expect(await hand(noZlib.slice(0, 2))).toEqual(['dropped malformed']);
    expect(await hand(noZlib.slice(2))).toEqual(['dropped fragment-finished']);
    expect(got).toEqual([]);
  });

  test('that does not become whole in time is given up', async () => {
    const { exits, events } = await desk.open([desk.recorder().module], FRAGMENTS);
    const [first, second] = fragmentsFor(RoutingType.SMTP, 'a@b.c', 30_000);
    if (first === undefined || second === undefined) throw new Error('no fragments');
    await exits.deliver(packet(RoutingType.FRAGMENT, '', first));
    for (let day = 0; day < 2; day += 1) {
      await exits.round();
      await desk.clock.advance(DAY);
    }
    await exits.round();
    expect(events).toEqual(['kept fragment']);
    await desk.clock.advance(DAY);
    await exits.round();
    await exits.deliver(packet(RoutingType.FRAGMENT, '', second));
    expect(events).toEqual(['kept fragment', 'dropped fragments-expired', 'dropped fragment-finished']);
    await desk.clock.advance(61 * DAY);
    await exits.round();
    expect(await desk.post.store.documents.list('mix/fragments')).toEqual([]);
  });
});
