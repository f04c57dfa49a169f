import type { TestProjectInlineConfiguration } from 'vitest/config'
import { aliases } from '../pool/externals.ts'
import type { GuestSource } from '../pool/guest-source.ts'
import type { Lanes } from '../pool/lanes.ts'
import { sharingPool, vmPool } from '../pool/pool.ts'
import { isPrepared, type KernelOfRun } from './matrix.ts'
import type { Settings } from './settings.ts'

/** From so many files a lane chooses the next one; those beyond wait in Vitest's queue. */
const FILES_IN_VIEW = 1_000

/**
 * The Vitest project of one kernel: the same test files for each, in guests that run it.
 * @param atOnce guests at the same time, of whatever kernels
 * @param lanes of files that share guests
 */
export function kernelProject(
  kernel: KernelOfRun,
  settings: Settings,
  root: string,
  atOnce: number,
  lanes?: Lanes<GuestSource>,
): TestProjectInlineConfiguration {
  const { label, guests } = kernel
  const testTimeout = settings.testTimeout * (isPrepared(kernel) ? kernel.slowness : 1)
  return {
    extends: false,
    root,
    resolve: { alias: { ...aliases } },
    test: {
      name: label,
      include: settings.suites,
      pool: lanes ? sharingPool(guests, lanes) : vmPool(guests, settings.vm.isolate),
      testTimeout,
      hookTimeout: testTimeout,
      // Each file has a worker of its own, so that a guest that is lost takes no other file with it. Whether workers take over
      // each other's guests (--no-isolate) is between them and where they get their guests from.
      isolate: true,
      // Projects of one group share its workers: files of the next kernel start before the last one of this has ended.
      maxWorkers: lanes ? FILES_IN_VIEW : atOnce,
      sequence: { groupOrder: 0 },
      // Transformed code goes through the port; a cache would answer with paths of the host's.
      fsModuleCache: false,
      // The guest has no node_modules of the host's: everything that it does not have itself comes from Vite as code.
      server: { deps: { inline: true } },
    },
  }
}
