import type { TestProjectInlineConfiguration } from 'vitest/config'
import { isPrepared, type KernelOfRun } from './matrix.ts'
import { aliases } from './pool/externals.ts'
import { vmPool } from './pool/pool.ts'
import type { Settings } from './settings.ts'

/** How the projects of a run share the machine. */
export interface Sharing {
  /** A guest for each file; without it one guest of each kernel runs all of its files. */
  readonly isolate: boolean
  /** Guests at the same time, of whatever kernels. */
  readonly guests: number
}

/** The Vitest project of one kernel: the same test files for each, in guests that run it. */
export function kernelProject(
  kernel: KernelOfRun,
  settings: Settings,
  root: string,
  order: number,
  sharing: Sharing,
): TestProjectInlineConfiguration {
  const { isolate } = sharing
  const { label, guests } = kernel
  const testTimeout = settings.testTimeout * (isPrepared(kernel) ? kernel.slowness : 1)
  return {
    extends: false,
    root,
    resolve: { alias: { ...aliases } },
    test: {
      name: label,
      include: settings.suites,
      pool: vmPool(guests, settings.vm.isolate),
      testTimeout,
      hookTimeout: testTimeout,
      isolate,
      // Projects of one group share its workers: files of the next kernel start before the last one of this has ended.
      // Without isolation one guest runs all files of a kernel, and the kernels follow each other.
      maxWorkers: isolate ? sharing.guests : 1,
      sequence: { groupOrder: isolate ? 0 : order },
      // Transformed code goes through the port; a cache would answer with paths of the host's.
      fsModuleCache: false,
      // The guest has no node_modules of the host's: everything that it does not have itself comes from Vite as code.
      server: { deps: { inline: true } },
    },
  }
}
