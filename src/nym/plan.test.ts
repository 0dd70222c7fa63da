import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DAY, HOUR } from '../base/time.ts';
import { type HeldMail, type HeldSet, type Holdings, planSending } from './plan.ts';
import { DEFAULT_POLICY } from './policy.ts';

const now = 100 * DAY;
const mail = (change: Partial<HeldMail> = {}): HeldMail => {
  return { received: now - 7 * HOUR, packets: 1, requested: false, set: undefined, ...change };
};
const set = (change: Partial<HeldSet> = {}): HeldSet => {
  return { oldest: now - 7 * HOUR, packets: 1, requested: false, ...change };
};
const held = (change: Partial<Holdings>): Holdings => {
  return { mails: [], sets: new Map(), stock: 20, spentToday: 0, ...change };
};

// spec: mixminion-nym 4.5
describe('what is sent, and when', () => {
  test('light load: every mail that waited long enough, in full, and no synopses', () => {
    const mails = [mail({ set: 1 }), mail({ set: 1 }), mail({ received: now - HOUR, set: 1 })];
    const plan = planSending(held({ mails, sets: new Map([[1, set()]]) }), DEFAULT_POLICY, now);
    expect(plan).toEqual({ mails: mails.slice(0, 2), sets: [], packets: 2, unasked: 2 });
  });

  test('heavier load: something about every mail first, then as many in full as fit, the oldest first', () => {
    const mails = Array.from({ length: 30 }, () => mail({ packets: 3, set: 1 }));
    const plan = planSending(held({ mails, sets: new Map([[1, set()]]) }), DEFAULT_POLICY, now);
    expect(plan.sets).toEqual([1]);
    expect(plan.mails).toEqual(mails.slice(0, 4)); // 20 held, 5 kept back, 1 for the set, 3 each
    expect(plan).toMatchObject({ packets: 13, unasked: 13 });
  });

  test('a set is superfluous when each of its mails goes in full', () => {
    const mails = [mail({ set: 1 }), ...Array.from({ length: 9 }, () => mail({ packets: 3, set: 2 }))];
    const sets = new Map([
      [1, set({ oldest: now - 8 * HOUR })],
      [2, set()],
    ]);
    const plan = planSending(held({ mails, sets }), DEFAULT_POLICY, now);
    expect(plan.mails).toContain(mails[0]);
    expect(plan.sets).toEqual([2]);
  });

  test('what was asked for takes the reserve too, and no day counts it', () => {
    const mails = [mail({ requested: true, packets: 4 }), mail({ requested: true, packets: 4 }), mail()];
    const plan = planSending(held({ mails, stock: 5, spentToday: 20 }), DEFAULT_POLICY, now);
    expect(plan).toEqual({ mails: [mails[0]], sets: [], packets: 4, unasked: 0 });
  });

  test('without reply blocks nothing goes', () => {
    const all = held({
      mails: [mail(), mail({ requested: true })],
      sets: new Map([[1, set({ requested: true })]]),
      stock: 0,
    });
    expect(planSending(all, DEFAULT_POLICY, now)).toEqual({ mails: [], sets: [], packets: 0, unasked: 0 });
  });

  test('never more than there is, than the day allows, or than the reserve leaves', () => {
    const anyMail = fc.record({
      received: fc.integer({ min: now - 3 * DAY, max: now }),
      packets: fc.integer({ min: 1, max: 6 }),
      requested: fc.boolean(),
      set: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
    });
    const anySet = fc.record({
      oldest: fc.integer({ min: now - 3 * DAY, max: now }),
      packets: fc.integer({ min: 1, max: 2 }),
      requested: fc.boolean(),
    });
    const anything = fc.record({
      mails: fc.array(anyMail, { maxLength: 12 }).map((mails) => mails.sort((a, b) => a.received - b.received)),
      sets: fc
        .uniqueArray(fc.tuple(fc.integer({ min: 1, max: 3 }), anySet), { selector: ([key]) => key })
        .map((all) => new Map(all)),
      stock: fc.integer({ min: 0, max: 40 }),
      spentToday: fc.integer({ min: 0, max: 25 }),
    });
    fc.assert(
      fc.property(anything, (holdings) => {
        const plan = planSending(holdings, DEFAULT_POLICY, now);
        const cost = (mails: readonly HeldMail[], keys: readonly number[]) =>
          mails.reduce((sum, { packets }) => sum + packets, 0) +
          keys.reduce((sum, key) => sum + (holdings.sets.get(key)?.packets ?? 0), 0);
        expect(plan.packets).toBe(cost(plan.mails, plan.sets));
        expect(plan.packets).toBeLessThanOrEqual(holdings.stock);
        expect(new Set(plan.mails).size).toBe(plan.mails.length);
        expect(new Set(plan.sets).size).toBe(plan.sets.length);
        if (plan.unasked > 0) {
          expect(plan.unasked + holdings.spentToday).toBeLessThanOrEqual(DEFAULT_POLICY.maxSurbsPerDay);
          expect(holdings.stock - plan.packets).toBeGreaterThanOrEqual(DEFAULT_POLICY.holdSurbs);
        }
        if (plan.mails.some(({ requested }) => !requested)) {
          expect(holdings.stock - plan.packets).toBeGreaterThanOrEqual(5);
        }
      }),
      { numRuns: 500 },
    );
  });
});
