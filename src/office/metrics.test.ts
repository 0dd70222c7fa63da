// Figures by name: a part of the office that is opened anew asks for the same ones again.

import { expect, test } from 'vitest';
import { openMetrics } from './metrics.ts';

test('a counter that is asked for again goes on where it was', async () => {
  const metrics = openMetrics();
  metrics.counter('postern_test_total', 'For this test', ['reason'])({ reason: 'one' });
  metrics.counter('postern_test_total', 'For this test', ['reason'])({ reason: 'one' }, 2);
  expect(await metrics.text()).toContain('postern_test_total{reason="one"} 3');
});

test('a gauge that is given again is read the new way', async () => {
  const metrics = openMetrics();
  metrics.gauge('postern_test', 'For this test', () => 1);
  metrics.gauge('postern_test', 'For this test', () => 2);
  expect((await metrics.text()).match(/^postern_test .*$/gm)).toEqual(['postern_test 2']);
});
