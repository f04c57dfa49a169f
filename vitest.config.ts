// SPDX-License-Identifier: MIT
import { defineConfig } from 'vitest/config'

const inMachines = ['{harness,guest,kernel,images}/**/*.{vm,e2e}.test.ts']
const alone = [
  'harness/{bench,guest,pool,qemu,session,template,verdict}/**/*.{vm,e2e}.test.ts',
  'harness/{caches,cli}.e2e.test.ts',
  'harness/commands/{kernels,watch}.e2e.test.ts',
]
const limits = { testTimeout: 180_000, hookTimeout: 300_000 }

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
        // Real virtual machines and downloads.
        test: {
          name: 'vm',
          include: inMachines,
          exclude: alone,
          ...limits,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // One file at a time: they judge by time, end processes, or remove what others use.
        test: {
          name: 'vm-alone',
          include: alone,
          ...limits,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
