import { defineConfig } from 'vitest/config';

/**
 * Four projects: unit tests need nothing and run in parallel; integration tests drive the built command on a real kernel; cluster tests make
 * clusters with it; critest is upstream's suite for container runtimes, on the built command.
 * The pool is forks, because native sockets and worker threads do not mix; host state is shared, so integration files run one by one
 * unless GANTRY_TEST_PARALLEL asks for more (the harness is parallel-safe: names carry a random part).
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          pool: 'forks',
          isolate: false,
          testTimeout: 10_000,
        },
      },
      {
        test: {
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts'],
          pool: 'forks',
          // a cluster is several daemons: two of them side by side are as much as two cores bear
          maxWorkers: 1,
          testTimeout: 120_000,
          hookTimeout: 240_000,
          setupFiles: ['test/harness/leak-check.ts'],
        },
      },
      {
        test: {
          name: 'critest',
          include: ['test/conformance/critest/**/*.test.ts'],
          pool: 'forks',
          hookTimeout: 180_000,
          setupFiles: ['test/harness/leak-check.ts'],
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts', 'test/conformance/**/*.test.ts'],
          exclude: ['test/conformance/critest/**'],
          pool: 'forks',
          maxWorkers: Number(process.env['GANTRY_TEST_PARALLEL'] ?? 1),
          testTimeout: 120_000,
          hookTimeout: 180_000,
          setupFiles: ['test/harness/leak-check.ts'],
        },
      },
    ],
  },
});
