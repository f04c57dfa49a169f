// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { configDefaults } from 'vitest/config'
import { GuestStatistics } from '../guest/statistics.ts'
import type { KernelOfRun } from './matrix.ts'
import { kernelProject, type ProjectOptions } from './project.ts'
import { checkSettings } from './settings.ts'

const guests = {
  statistics: new GuestStatistics(),
  packageFolder: '',
  colours: false,
  acquire: () => Promise.reject(new Error('nobody asks for a guest here')),
  release: async () => {},
  onLoss: () => {},
}

function project(
  options: ProjectOptions,
  { slowness = 1, root = '/nowhere', suites = ['**/*.test.ts'] } = {},
) {
  // The project only reads a ready kernel's slowness.
  const kernel = { label: 'debug-6.12', guests: { ...guests, slowness } } as unknown as KernelOfRun
  const settings = checkSettings({ suites, testTimeout: 20_000 })
  return kernelProject(kernel, { settings, root, options, atOnce: 2 }).test
}

test("the configuration's limit is that of tests and hooks, and longer on slow kernels", () => {
  expect(project({})).toMatchObject({ testTimeout: 20_000, hookTimeout: 20_000 })
  expect(project({}, { slowness: 5 })).toMatchObject({ testTimeout: 100_000, hookTimeout: 100_000 })
})

test('limits of the command line take its place, each its own, and are longer on slow kernels too', () => {
  expect(project({ testTimeout: 500 }, { slowness: 5 })).toMatchObject({
    testTimeout: 2_500,
    hookTimeout: 100_000,
  })
  expect(project({ hookTimeout: 100 })).toMatchObject({ testTimeout: 20_000, hookTimeout: 100 })
})

test('no limit stays none, and none is longer than a timer', () => {
  expect(project({ testTimeout: 0 }, { slowness: 5 })).toMatchObject({ testTimeout: 0 })
  expect(project({ testTimeout: 2 ** 31 - 1 }, { slowness: 5 })).toMatchObject({ testTimeout: 2 ** 31 - 1 })
})

test('--exclude adds to what Vitest excludes, from the project and from where the command is run', () => {
  const excluded = project({ exclude: ['a/*.ts'] }, { root: path.dirname(process.cwd()) })?.exclude
  expect(excluded).toEqual([
    ...configDefaults.exclude,
    'a/*.ts',
    path.join(path.basename(process.cwd()), 'a/*.ts'),
  ])
})

test('--dir leaves those of the suites that lie below it', () => {
  const root = mkdtempSync(path.join(tmpdir(), 'project-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  for (const name of ['a/x.test.ts', 'a/(b)/y.test.ts', 'ab/z.test.ts', 'a/helper.ts']) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true })
    writeFileSync(path.join(root, name), '')
  }
  const below = (dir: string) => project({ dir: path.join(root, dir) }, { root })?.include?.toSorted()
  expect(below('a')).toEqual(['a/\\(b\\)/y.test.ts', 'a/x.test.ts'])
  expect(below('a/(b)')).toEqual(['a/\\(b\\)/y.test.ts'])
  expect(below('..')).toHaveLength(3)
})

test('what concerns guests is not for options to change', () => {
  const all = project({ globals: true, isolate: false, maxWorkers: 9, fsModuleCache: true } as ProjectOptions)
  expect(all).toMatchObject({ globals: true, isolate: true, maxWorkers: 2, fsModuleCache: false })
})
