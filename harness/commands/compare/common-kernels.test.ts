// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { MachineryError, ModuleError } from '../../base/errors.ts'
import type { KernelOfRun } from '../../prepare/matrix.ts'
import { onCommonKernels } from './common-kernels.ts'
import type { PreparedSide } from './prepared-side.ts'

/** A side, and why it cannot run on kernels. */
const sideOf = (side: 'base' | 'head', kernels: Readonly<Record<string, Error | undefined>>) =>
  ({
    side,
    opened: {
      ...{ shown: `the ${side}`, root: `/cache/sides/${side}/m` },
      checkedOut: { folder: `/cache/sides/${side}`, contents: new Map() },
    },
    kernels: Object.entries(kernels).map(([label, error]) => ({ label, ...(error && { error }) })),
  }) as unknown as PreparedSide
const broken = (side: 'base' | 'head', details = 'x.c: In function f:\nx.c:7:2: error: no g') =>
  new ModuleError(`/cache/sides/${side}/m does not build for 5.10.0`, { details })
const labelsOf = (sides: readonly PreparedSide[]) =>
  sides.map(({ kernels }) => kernels.map(({ label }: KernelOfRun) => label))

test('a kernel that neither side can run on is named once, and not run', () => {
  const common = onCommonKernels([
    sideOf('base', { old: broken('base'), new: undefined }),
    sideOf('head', { old: broken('head'), new: undefined }),
  ])
  expect(labelsOf(common.sides)).toEqual([['new'], ['new']])
  expect(common.lost).toEqual([
    'old is not compared: neither side can run on it: . does not build for 5.10.0: x.c:7:2: error: no g',
  ])
})

test('nor is one that only one side can run on, or each for another reason', () => {
  const lost = (base: Error | undefined, head: Error | undefined) => {
    const all = onCommonKernels([
      sideOf('base', { old: base, new: undefined }),
      sideOf('head', { old: head, new: undefined }),
    ])
    expect(labelsOf(all.sides)).toEqual([['new'], ['new']])
    return all.lost
  }
  expect(lost(undefined, broken('head', ''))).toEqual([
    'old is not compared: HEAD, the head, cannot run on it: . does not build for 5.10.0',
  ])
  expect(lost(new MachineryError('no archive has it'), broken('head', ''))).toEqual([
    'old is not compared: BASE, the base, cannot run on it: no archive has it; HEAD, the head, cannot run on it: . does not build for 5.10.0',
  ])
})

test('HEAD alone, beside a baseline', () => {
  const { lost } = onCommonKernels([sideOf('head', { old: broken('head', ''), new: undefined })])
  expect(lost).toEqual(['old is not compared: HEAD, the head, cannot run on it: . does not build for 5.10.0'])
})

test('without a kernel for both sides nothing can be compared', () => {
  const sides = [
    sideOf('base', { old: undefined, new: broken('base', '') }),
    sideOf('head', { old: broken('head', ''), new: undefined }),
  ]
  expect(() => onCommonKernels(sides)).toThrow('there is no kernel that both sides can run on')
})
