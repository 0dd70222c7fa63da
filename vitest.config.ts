import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// Many tests start programs and worker threads from the source: Node keeps what it made of each module for the next one.
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules', '.cache', 'node');

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'fuzz/**/*.test.ts'],
    // Only what hangs is ended by these: a busy machine can be ten times slower than a quiet one.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
