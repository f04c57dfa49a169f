// SPDX-License-Identifier: MIT
import { defineConfig } from 'vitest/config'

/**
 * The harness's own tests, on the host. The suites in guests have projects of their own
 * (harness/prepare/project.ts).
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{harness,guest,kernel,images}/**/*.test.ts'],
          exclude: ['**/*.vm.test.ts', '**/*.e2e.test.ts'],
          // A limit against hangs only: the fuzzers take seconds, and longer on a busy machine.
          testTimeout: 60_000,
        },
      },
      {
        // Real virtual machines and downloads: one file at a time, because each uses all cores.
        test: {
          name: 'vm',
          include: ['{harness,guest,kernel,images}/**/*.{vm,e2e}.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
