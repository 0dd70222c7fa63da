import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DAY, HOUR } from '../base/time.ts';
import { pack, packetsFor, packetsOf, ROOM } from './packing.ts';
import { type HeldMail, type HeldSet, type Holdings, planSending } from './plan.ts';
import { DEFAULT_POLICY } from './policy.ts';

const now = 100 * DAY;
const mail = (change: Partial<HeldMail> = {}): HeldMail => {
  return { received: now - 7 * HOUR, octets: ROOM, requested: false, ...change };
};
const set = (mails: readonly HeldMail[], change: Partial<HeldSet> = {}): HeldSet => {
  return { oldest: now - 7 * HOUR, octets: 2000, requested: false, mails, ...change };
};
const held = (change: Partial<Holdings<HeldMail, HeldSet>>): Holdings<HeldMail, HeldSet> => {
  return { mails: [], sets: [], stock: 20, spentToday: 0, answers: false, ...change };
};

// spec: mixminion-nym 4.5
describe('what is sent, and when', () => {
  test('light load: every mail that waited long enough, in full, several in a packet, and no synopses', () => {
    const mails = [mail({ octets: 9000 }), mail({ octets: 9000 }), mail({ received: now - HOUR })];
    const plan = planSending(held({ mails, sets: [set(mails.slice(0, 2))] }), DEFAULT_POLICY, now);
    expect(plan).toEqual({ mails: mails.slice(0, 2), sets: [], packets: 1, unasked: 1 });
  });

  test('heavier load: something about every mail first, then as many in full as fit, the oldest first', () => {
    const mails = Array.from({ length: 30 }, () => mail());
    const sets = [set(mails.slice(0, 10)), set(mails.slice(10, 26))];
    const plan = planSending(held({ mails, sets }), DEFAULT_POLICY, now);
    expect(plan.sets).toEqual([sets[1]]); // the first would tell of mails that all go in full
    expect(plan.mails).toEqual(mails.slice(0, 14)); // 20 held, 5 kept back, 1 for both sets
    expect(plan).toMatchObject({ packets: 15, unasked: 15 });
  });

  test('what was asked for takes the reserve too, and no day counts it', () => {
    const mails = [mail({ requested: true }), mail({ requested: true, octets: 3 * ROOM }), mail()];
    const plan = planSending(held({ mails, stock: 5, spentToday: 20 }), DEFAULT_POLICY, now);
    expect(plan).toEqual({ mails: [mails[0]], sets: [], packets: 1, unasked: 0 });
  });

  test('synopses that waited long enough go though their mails are not due', () => {
    const policy = { ...DEFAULT_POLICY, sendMsgAfter: Number.POSITIVE_INFINITY };
    const mails = [mail({ received: now - 2 * DAY })];
    const sets = [set(mails, { oldest: now - 2 * DAY })];
    expect(planSending(held({ mails, sets }), policy, now)).toMatchObject({ mails: [], sets, packets: 1 });
    expect(planSending(held({ mails, sets, stock: 2 }), policy, now)).toMatchObject({ sets: [] });
  });

  describe('what is not due rides along', () => {
    const young = (octets: number) => mail({ received: now - HOUR, octets });

    test('in the packet of an answer, the oldest first, and takes none of its own', () => {
      const mails = [young(9000), young(9000), young(ROOM), young(10)];
      const sets = [set(mails, { oldest: now - HOUR })];
      const plan = planSending(held({ mails, sets, answers: true, spentToday: 20 }), DEFAULT_POLICY, now);
      expect(plan).toEqual({ mails: mails.slice(0, 2), sets, packets: 1, unasked: 0 });
      const few = mails.slice(0, 2);
      const all = planSending(held({ mails: few, sets: [set(few)], answers: true }), DEFAULT_POLICY, now);
      expect(all).toEqual({ mails: few, sets: [], packets: 1, unasked: 0 });
    });

    test('beside what is due, and not without a message that goes anyway', () => {
      const mails = [mail({ octets: 9000 }), young(9000)];
      expect(planSending(held({ mails }), DEFAULT_POLICY, now)).toMatchObject({ mails, packets: 1, unasked: 1 });
      expect(planSending(held({ mails: [young(10)] }), DEFAULT_POLICY, now)).toMatchObject({ mails: [], packets: 0 });
      expect(planSending(held({ mails: [young(10)], answers: true, stock: 0 }), DEFAULT_POLICY, now).mails).toEqual([]);
    });

    test('unless its holder wants it to wait until he asks', () => {
      const policy = { ...DEFAULT_POLICY, sendMsgAfter: Number.POSITIVE_INFINITY };
      const mails = [young(10)];
      const sets = [set(mails, { oldest: now - HOUR })];
      expect(planSending(held({ mails, answers: true }), policy, now).mails).toEqual([]);
      expect(planSending(held({ mails, sets, answers: true }), policy, now)).toMatchObject({ mails: [], sets: [] });
    });
  });

  test('without reply blocks nothing goes', () => {
    const mails = [mail(), mail({ requested: true })];
    const nothing = { mails: [], sets: [], packets: 0, unasked: 0 };
    expect(
      planSending(held({ mails, sets: [set(mails, { requested: true })], stock: 0 }), DEFAULT_POLICY, now),
    ).toEqual(nothing);
  });

  test('never more than there is, than the day allows, or than the reserve leaves', () => {
    const anyMail = fc.record({
      received: fc.integer({ min: now - 3 * DAY, max: now }),
      octets: fc.integer({ min: 1, max: 3 * ROOM }),
      requested: fc.boolean(),
    });
    const anything = fc.record({
      mails: fc.array(anyMail, { maxLength: 12 }).map((mails) => mails.sort((a, b) => a.received - b.received)),
      cut: fc.nat(12),
      asked: fc.boolean(),
      stock: fc.integer({ min: 0, max: 40 }),
      spentToday: fc.integer({ min: 0, max: 25 }),
      answers: fc.boolean(),
    });
    fc.assert(
      fc.property(anything, ({ mails, cut, asked, ...rest }) => {
        const sets = [set(mails.slice(0, cut), { requested: asked }), set(mails.slice(cut))];
        const plan = planSending({ mails, sets, ...rest }, DEFAULT_POLICY, now);
        expect(plan.packets).toBe(packetsFor([...plan.sets, ...plan.mails]));
        expect(plan.packets).toBeLessThanOrEqual(rest.stock);
        expect(new Set(plan.mails).size).toBe(plan.mails.length);
        if (plan.unasked > 0) {
          expect(plan.unasked + rest.spentToday).toBeLessThanOrEqual(DEFAULT_POLICY.maxSurbsPerDay);
          expect(rest.stock - plan.packets).toBeGreaterThanOrEqual(DEFAULT_POLICY.holdSurbs);
        }
      }),
      { numRuns: 500 },
    );
  });
});

// spec: mixminion-nym 5
describe('packing', () => {
  test('one packet carries what it carries, and beyond it three are needed', () => {
    expect([0, ROOM].map(packetsOf)).toEqual([1, 1]);
    expect([ROOM + 1500, 2 * ROOM].map(packetsOf)).toEqual([3, 3]);
  });

  test('loses nothing, keeps the order, and joins only what one packet carries', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ octets: fc.integer({ min: 1, max: 2 * ROOM }) })), (items) => {
        const messages = pack(items);
        expect(messages.flat()).toEqual(items);
        for (const message of messages) {
          const octets = message.reduce((sum, item) => sum + item.octets, 0);
          expect(message.length === 1 || octets <= ROOM).toBe(true);
        }
      }),
    );
  });
});
