import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { ownNamespaces } from './test/harness/own-namespaces.ts';

/**
 * Five projects: unit tests need nothing and run in parallel; integration tests drive the built command on a real kernel; cluster tests make
 * clusters with it; critest is upstream's suite for container runtimes, on the built command; vm drives the installed package in virtual machines.
 * The pool is forks, because native sockets and worker threads do not mix. Integration files run two at a time: each file has namespaces of its own, as those of
 * clusters have, and names of what the machine shares (groups, processes, directories) carry a random part. GANTRY_TEST_PARALLEL asks for another number.
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
          // Vitest leaves one core to itself, which is half of two
          maxWorkers: availableParallelism(),
          testTimeout: 10_000,
        },
      },
      {
        test: {
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts'],
          pool: ownNamespaces,
          // two clusters side by side pass mostly, but are more than two cores bear while daemons are killed
          maxWorkers: Number(process.env['GANTRY_TEST_PARALLEL'] ?? 1),
          testTimeout: 120_000,
          hookTimeout: 240_000,
          setupFiles: ['test/harness/leak-check.ts'],
        },
      },
      {
        test: {
          name: 'critest',
          include: ['test/conformance/critest/**/*.test.ts'],
          pool: ownNamespaces,
          hookTimeout: 180_000,
          setupFiles: ['test/harness/leak-check.ts'],
        },
      },
      {
        test: {
          name: 'vm',
          include: ['test/vm/**/*.test.ts'],
          pool: 'forks',
          maxWorkers: 1,
          // each step stands on the one before; how long one takes in emulation says nothing
          bail: 1,
          testTimeout: 1_500_000,
          hookTimeout: 900_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts', 'test/conformance/**/*.test.ts'],
          exclude: ['test/conformance/critest/**'],
          pool: ownNamespaces,
          maxWorkers: Number(process.env['GANTRY_TEST_PARALLEL'] ?? 2),
          testTimeout: 120_000,
          hookTimeout: 180_000,
          setupFiles: ['test/harness/leak-check.ts'],
        },
      },
    ],
  },
});
