import type { TestProjectInlineConfiguration } from 'vitest/config'
import { aliases } from './pool/externals.ts'
import { vmPool } from './pool/pool.ts'
import { guestsAtOnce, type PreparedKernel } from './prepare.ts'
import type { Settings } from './settings.ts'

/** The Vitest project of one kernel: the same test files for each, in guests that run it. */
export function kernelProject(
  prepared: PreparedKernel,
  settings: Settings,
  root: string,
  order: number,
  isolate = true,
): TestProjectInlineConfiguration {
  return {
    extends: false,
    root,
    resolve: { alias: { ...aliases } },
    test: {
      name: prepared.spec.label,
      include: settings.suites,
      pool: vmPool(prepared.guests, settings.vm.isolate),
      testTimeout: settings.testTimeout,
      hookTimeout: settings.testTimeout,
      isolate,
      // Without isolation one guest runs all files; with it each has its own, a core each.
      maxWorkers: isolate ? guestsAtOnce(settings.vm.memory) : 1,
      sequence: { groupOrder: order },
      // Transformed code goes through the port; a cache would answer with paths of the host's.
      fsModuleCache: false,
      // The guest has no node_modules of the host's: everything that it does not have itself comes from Vite as code.
      server: { deps: { inline: true } },
    },
  }
}
