// The figures of a remailer, and when they are published.   spec: mixminion-server 6

import { expect, test } from 'vitest';
import { DAY, HOUR, MINUTE } from '../../base/time.ts';
import { STATISTICS_EVENTS, Statistics } from './statistics.ts';

const start = new Date(2026, 10, 22, 10).getTime(); // ten o'clock here

test('a block names all events in their order, with local times', () => {
  const statistics = new Statistics(DAY, start);
  statistics.count('ReceivedPacket', 12);
  statistics.count('FailedRelay');
  const lines = statistics.rotate(start + DAY)?.split('\n') ?? [];
  expect(lines[0]).toBe('========== From 2026-11-22 10:00:00 to 2026-11-23 10:00:00:');
  expect(lines.slice(1, -1).map((line) => line.split(':')[0]?.trim())).toEqual([...STATISTICS_EVENTS]);
  expect(lines).toContain('  ReceivedPacket: 12');
  expect(lines).toContain('  FailedRelay: 1');
  expect(statistics.preview(start + DAY)).toContain('ReceivedPacket: 0'); // a new period
});

test('not before its time, and then near the full hour', () => {
  const statistics = new Statistics(DAY, start);
  expect(statistics.rotate(start + DAY - MINUTE)).toBeUndefined();
  expect(statistics.rotate(start + DAY + 4 * MINUTE)).toContain('10:04:00');
  expect(statistics.pending(start + DAY + 4 * MINUTE).since).toBe(start + DAY);
  expect(new Statistics(DAY, start + 56 * MINUTE).rotate(start + DAY + 58 * MINUTE)).toBeUndefined();
  expect(new Statistics(DAY, start + 56 * MINUTE).rotate(start + DAY + HOUR)).toBeDefined();
});

test('a period through most of which nobody counted is not told', () => {
  const before = new Statistics(DAY, start).pending(start + 10 * HOUR);
  const idle = new Statistics(DAY, start + 22 * HOUR, before);
  expect(idle.rotate(start + DAY)).toBeUndefined();
  expect(idle.rotate(start + 30 * HOUR)).toBeDefined(); // 18 hours of presence are three quarters
});

test('counts go on over a restart', () => {
  const first = new Statistics(DAY, start);
  first.count('SuccessfulRelay', 3);
  const second = new Statistics(DAY, start + HOUR, first.pending(start + HOUR));
  second.count('SuccessfulRelay');
  expect(second.rotate(start + DAY)).toContain('SuccessfulRelay: 4');
});
