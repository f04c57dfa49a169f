// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { ExitStatus } from '../base/errors.ts'
import type { Blob } from './blob.ts'
import type { KernelFacts } from './kernel-facts.ts'
import { inOrder, mergeKernels, rowOrder, sum } from './merged.ts'

const kernel: KernelFacts = {
  label: 'debian-6.1',
  release: '6.1.0',
  origin: 'Debian linux 6.1.0',
  startTimes: [100],
  guests: { forked: 1, restored: 0, booted: 0 },
  losses: [],
  knownReports: [],
  isReady: true,
  obstacles: [],
  missing: [],
}

/** A blob of some files on some kernels. */
function blob(
  file: string,
  shard: string | undefined,
  names: readonly string[],
  kernels: readonly KernelFacts[] = [kernel],
): Blob {
  const [index, count] = (shard ?? '').split('/').map(Number)
  return {
    file,
    modules: kernels.flatMap(({ label }) => names.map(name => ({ kernel: label, name }))),
    record: {
      version: '1',
      root: '/',
      ...(index && count ? { shard: { index, count } } : {}),
      kernels: [...kernels],
      total: 1,
      unhandledErrors: 0,
      failed: false,
      passWithNoTests: false,
      snapshots: {},
    },
    inFolder: () => '',
  }
}

test('shards of a kernel are one row, with what each knows of it', () => {
  const second = {
    ...kernel,
    startTimes: [300, 200],
    guests: { forked: 1, restored: 1, booted: 0 },
    losses: ['panic'],
  }
  const { kernels, problems } = mergeKernels([
    blob('a', '1/2', ['a.test.ts']),
    blob('b', '2/2', ['b.test.ts'], [second]),
  ])
  expect(problems).toEqual([])
  expect(kernels).toEqual([
    {
      ...kernel,
      startTimes: [100, 300, 200],
      guests: { forked: 2, restored: 1, booted: 0 },
      losses: ['panic'],
    },
  ])
})

test('shards that ran different versions of a kernel all show', () => {
  const newer = { ...kernel, release: '6.1.1' }
  const { kernels } = mergeKernels([blob('a', '1/2', []), blob('b', '2/2', [], [newer])])
  expect(kernels).toMatchObject([{ release: '6.1.0; 6.1.1', origin: 'Debian linux 6.1.0' }])
})

test('a kernel that only some shards had keeps what was in the way of the others', () => {
  const obstacles = [{ message: 'no space', status: ExitStatus.machinery }]
  const without = { ...kernel, release: '', origin: '', startTimes: [], isReady: false, obstacles }
  const { kernels } = mergeKernels([blob('a', '1/2', []), blob('b', '2/2', [], [without])])
  expect(kernels).toEqual([{ ...kernel, guests: { forked: 2, restored: 0, booted: 0 }, obstacles }])
})

test('missing shards are named', () => {
  const other = { ...kernel, label: 'debian-6.12' }
  const { kernels, problems } = mergeKernels([blob('a', '2/3', []), blob('b', '1/2', [], [other])])
  expect(problems).toEqual([])
  expect(kernels.map(({ missing }) => missing)).toEqual([['1/3', '3/3'], ['2/2']])
})

test('what is there twice is named once, with both files', () => {
  const twice = mergeKernels([blob('a', '1/2', ['x.test.ts']), blob('b', '1/2', ['x.test.ts'])])
  expect(twice.problems).toEqual(['shard 1/2 of debian-6.1 is in a and in b: remove one'])
  const files = mergeKernels([
    blob('a', undefined, ['x.test.ts', 'y.test.ts']),
    blob('b', undefined, ['y.test.ts']),
  ])
  expect(files.problems).toEqual(['y.test.ts of debian-6.1 is in a and in b: remove one'])
})

test('files of a kernel may be divided without shards', () => {
  const { problems, kernels } = mergeKernels([
    blob('a', undefined, ['x.test.ts']),
    blob('b', undefined, ['y.test.ts']),
  ])
  expect({ problems, missing: kernels[0]?.missing }).toEqual({ problems: [], missing: [] })
})

test('two divisions of one kernel are not mixed', () => {
  const { problems } = mergeKernels([blob('a', '1/2', []), blob('b', '3/3', []), blob('c', undefined, [])])
  expect(problems).toEqual([
    'debian-6.1 is divided in two ways: a (a shard of 2), b (a shard of 3): remove one',
  ])
})

test('rows are in the order that is asked for, or that a run had, or of the configuration', () => {
  const [a, b, c] = ['a', 'b', 'c'].map(label => ({ ...kernel, label })) as [
    KernelFacts,
    KernelFacts,
    KernelFacts,
  ]
  const records = (...blobs: Blob[]) => blobs.map(({ record }) => record)
  const each = records(blob('1', undefined, [], [a]), blob('2', undefined, [], [b]))
  const both = records(blob('1', undefined, [], [b, a]), blob('2', undefined, [], [c]))
  expect(rowOrder([], each, ['c', 'b'])).toEqual(['c', 'b'])
  expect(rowOrder([], both, ['c', 'b'])).toEqual(['b', 'a'])
  expect(rowOrder(['c'], both, ['c', 'b'])).toEqual(['c'])
  expect(inOrder([a, b, c], ['c', 'b']).map(({ label }) => label)).toEqual(['c', 'b', 'a'])
})

test("snapshots' counts are added up", () => {
  const one = { matched: 2, failure: false, uncheckedKeysByFile: ['x'] }
  expect(sum([one, { ...one, failure: true }, one])).toEqual({
    matched: 6,
    failure: true,
    uncheckedKeysByFile: ['x', 'x', 'x'],
  })
})

test('known reports of shards are added up', () => {
  const of = (count: number) => ({ ...kernel, knownReports: [{ report: 'WARN', reason: 'a', count }] })
  const { kernels } = mergeKernels([blob('a', '1/2', [], [of(0)]), blob('b', '2/2', [], [of(3)])])
  expect(kernels[0]?.knownReports).toEqual([{ report: 'WARN', reason: 'a', count: 3 }])
})
