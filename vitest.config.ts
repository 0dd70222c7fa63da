import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// Many tests start programs and worker threads from the source: Node keeps what it made of each module for the next one.
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules', '.cache', 'node');

const ALL = ['src/**/*.test.ts', 'test/**/*.test.ts', 'fuzz/**/*.test.ts'];
/** Files that put something else in the place of a module cannot share a process with others. */
const ALONE = '**/*.alone.test.ts';

export default defineConfig({
  test: {
    // Only what hangs is ended by these: a busy machine can be ten times slower than a quiet one.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    setupFiles: ['test/setup.ts'],
    projects: [
      { extends: true, test: { name: 'shared', include: ALL, exclude: [ALONE], isolate: false } },
      { extends: true, test: { name: 'alone', include: [ALONE] } },
    ],
  },
});
