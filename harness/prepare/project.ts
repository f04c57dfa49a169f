// SPDX-License-Identifier: MIT
import { globSync } from 'node:fs'
import path from 'node:path'
import { configDefaults, type TestProjectInlineConfiguration } from 'vitest/config'
import { guestPaths } from '../../guest/agent/protocol.ts'
import { literally } from '../base/globs.ts'
import { slowed } from '../base/timers.ts'
import { aliases } from '../pool/externals.ts'
import type { GuestSource } from '../pool/guest-source.ts'
import type { Lanes } from '../pool/lanes.ts'
import { poolInLanes, vmPool } from '../pool/pool.ts'
import type { KernelOfRun } from './matrix.ts'
import type { Settings } from './settings.ts'

/** How many files a lane chooses the next one from; the others wait in Vitest's queue. */
const FILES_IN_VIEW = 1_000

/** Vitest's settings of a project from the command line: `dir` absolute, `exclude` as written. */
export type ProjectOptions = Omit<NonNullable<TestProjectInlineConfiguration['test']>, 'pool'>

/** What the projects of all kernels have in common. */
export interface ProjectPlan {
  readonly settings: Settings
  /** The project's folder. */
  readonly root: string
  /** Options of the command line, which override the settings. */
  readonly options: ProjectOptions
  /** How many guests run at the same time, of all kernels together. */
  readonly atOnce: number
  /** Given if files share guests. */
  readonly lanes?: Lanes<GuestSource> | undefined
  readonly sharing?: Sharing | undefined
}

/** Whose files share guests: all kernels', or only of those that look for lost memory, which takes long. */
export type Sharing = 'all' | 'those that find lost memory'

/** Whether the files of a kernel share guests. */
export function isShared(
  { findsLostMemory = false }: Pick<GuestSource, 'findsLostMemory'>,
  sharing: Sharing | undefined,
): boolean {
  return sharing === 'all' || (sharing !== undefined && findsLostMemory)
}

/** The Vitest project of one kernel: the same test files for each, in guests that run it. */
export function kernelProject(
  kernel: KernelOfRun,
  { settings, root, options, atOnce, lanes, sharing }: ProjectPlan,
): TestProjectInlineConfiguration {
  const { label, guests } = kernel
  const { slowness = 1 } = guests
  const { dir, exclude = [], ...others } = options
  const { testTimeout = settings.testTimeout, hookTimeout = settings.testTimeout } = options
  return {
    extends: false,
    root,
    resolve: { alias: { ...aliases } },
    // The guest's Node knows all of the language: nothing becomes a call of a helper, which inThread() could not
    // pass on (`using`).
    oxc: { target: 'esnext' },
    test: {
      ...others,
      ...ownFramesHidden,
      name: label,
      include: dir === undefined ? settings.suites : suitesBelow(dir, settings.suites, root),
      exclude: [...configDefaults.exclude, ...exclude.flatMap(glob => fromRoot(glob, root))],
      pool: lanes
        ? poolInLanes(guests, lanes, isShared(guests, sharing))
        : vmPool(guests, settings.vm.isolate),
      testTimeout: slowed(testTimeout, slowness),
      hookTimeout: slowed(hookTimeout, slowness),
      // Each file has its own worker, so that a lost guest affects no other file. With --no-isolate the
      // workers pass guests on among themselves.
      isolate: true,
      // Projects of one group share its workers: the next kernel's files start before this kernel's last file
      // has ended.
      maxWorkers: lanes ? FILES_IN_VIEW : atOnce,
      sequence: { groupOrder: 0 },
      // Transformed code goes through the port; the cache would give paths of the host.
      fsModuleCache: false,
      // The guest has no node_modules of the host: what it lacks comes from Vite as code.
      server: { deps: { inline: true } },
    },
  }
}

/**
 * A project's setting by which stacks show the frames of tests, and not those of the library below them. Vitest
 * (5.1.1) reads it of projects, though its types do not have it there.
 */
export const ownFramesHidden = {
  onStackTrace: (_error: unknown, { file }: { readonly file: string }): boolean =>
    !file.startsWith(`${guestPaths.root}/`) && !file.endsWith('[worker eval]'),
}

/**
 * The suites below a folder, as globs that match exactly these: globs would be relative to Vitest's `dir`.
 */
function suitesBelow(folder: string, globs: readonly string[], root: string): string[] {
  return globSync([...globs], { cwd: root })
    .filter(file => !path.relative(folder, path.join(root, file)).startsWith('..'))
    .map(literally)
}

/** A glob relative to the project's folder, and to the current folder, as Vitest reads it. */
function fromRoot(glob: string, root: string): string[] {
  return [...new Set([glob, path.relative(root, path.resolve(glob))])]
}
