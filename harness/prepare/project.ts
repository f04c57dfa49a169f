import { globSync } from 'node:fs'
import path from 'node:path'
import { configDefaults, type TestProjectInlineConfiguration } from 'vitest/config'
import { literally } from '../base/globs.ts'
import { slowed } from '../base/timers.ts'
import { aliases } from '../pool/externals.ts'
import type { GuestSource } from '../pool/guest-source.ts'
import type { Lanes } from '../pool/lanes.ts'
import { sharingPool, vmPool } from '../pool/pool.ts'
import { isPrepared, type KernelOfRun } from './matrix.ts'
import type { Settings } from './settings.ts'

/** From so many files a lane chooses the next one; those beyond wait in Vitest's queue. */
const FILES_IN_VIEW = 1_000

/** Vitest's settings of a project, as a command line has them: `dir` absolute, `exclude` as it is written. */
export type ProjectOptions = Omit<NonNullable<TestProjectInlineConfiguration['test']>, 'pool'>

/** What all kernels' projects have in common. */
export interface ProjectPlan {
  readonly settings: Settings
  /** The project's folder. */
  readonly root: string
  /** What was asked for beside the settings, which it overrides. */
  readonly options: ProjectOptions
  /** Guests at the same time, of whatever kernels. */
  readonly atOnce: number
  /** Of files that share guests. */
  readonly lanes?: Lanes<GuestSource> | undefined
}

/** The Vitest project of one kernel: the same test files for each, in guests that run it. */
export function kernelProject(
  kernel: KernelOfRun,
  { settings, root, options, atOnce, lanes }: ProjectPlan,
): TestProjectInlineConfiguration {
  const { label, guests } = kernel
  const slowness = isPrepared(kernel) ? kernel.slowness : 1
  const { dir, exclude = [], ...others } = options
  const { testTimeout = settings.testTimeout, hookTimeout = settings.testTimeout } = options
  return {
    extends: false,
    root,
    resolve: { alias: { ...aliases } },
    test: {
      ...others,
      name: label,
      include: dir === undefined ? settings.suites : suitesBelow(dir, settings.suites, root),
      exclude: [...configDefaults.exclude, ...exclude.flatMap(glob => fromRoot(glob, root))],
      pool: lanes ? sharingPool(guests, lanes) : vmPool(guests, settings.vm.isolate),
      testTimeout: slowed(testTimeout, slowness),
      hookTimeout: slowed(hookTimeout, slowness),
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

/** The suites below a folder, as globs that match them alone; from Vitest's own `dir` the globs would start. */
function suitesBelow(folder: string, globs: readonly string[], root: string): string[] {
  return globSync([...globs], { cwd: root })
    .filter(file => !path.relative(folder, path.join(root, file)).startsWith('..'))
    .map(literally)
}

/** A glob from the project's folder, and from where the command is run: as Vitest reads it. */
function fromRoot(glob: string, root: string): string[] {
  return [...new Set([glob, path.relative(root, path.resolve(glob))])]
}
