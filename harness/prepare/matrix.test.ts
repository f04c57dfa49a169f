// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { UsageError } from '../base/errors.ts'
import { silentProgress } from '../base/progress.ts'
import { type KernelOfRun, labelsOf, prepareKernels, withNames } from './matrix.ts'
import { checkSettings } from './settings.ts'

test('the kernels of a run: those of --kernel, of --matrix, or of the configuration, each once', () => {
  const settings = checkSettings({ kernels: ['a', 'b', 'a'], matrix: ['c', 'c', 'd'] })
  expect(labelsOf({ kernel: 'x,,y,x' }, settings)).toEqual(['x', 'y'])
  expect(labelsOf({ matrix: true }, settings)).toEqual(['c', 'd'])
  expect(labelsOf({}, settings)).toEqual(['a', 'b'])
})

test('none at all is said to be wrong, with where, and so is what contradicts itself', () => {
  const settings = checkSettings({ kernels: [], matrix: [] })
  const none = [
    [{ kernel: ',' }, '--kernel names no kernel'],
    [{ matrix: true }, 'netlink-vmtest.config.ts: matrix names no kernel'],
    [{}, 'netlink-vmtest.config.ts: kernels names no kernel'],
    [{ kernel: 'x', matrix: true }, '--kernel and --matrix both say which kernels: give one'],
  ] as const
  for (const [options, message] of none)
    expect(() => labelsOf(options, settings)).toThrow(new UsageError(message))
})

test('where no kernel can be had each says why; one reason for all is said once', async () => {
  const options = { settings: checkSettings({}), root: '/', progress: silentProgress }
  const failure = prepareKernels(['debian-1.0', 'pack:/nowhere'], options)
  await expect(failure).rejects.toMatchObject({
    message: 'no kernel could be made ready',
    details: expect.stringMatching(
      /^debian-1\.0: unknown kernel .*\npack:\/nowhere: there is no pack \/nowhere$/,
    ),
    status: 2,
  })
  await expect(prepareKernels(['pack:/nowhere', 'pack:/nowhere'], options)).rejects.toThrow(
    'there is no pack /nowhere',
  )
})

test('a pack goes by the label of the kernel in it, unless another kernel of the run does', () => {
  const kernel = (label: string, packed?: string) =>
    ({ label, kernel: packed === undefined ? {} : { packed: { label: packed } } }) as KernelOfRun
  const namesOf = (...kernels: KernelOfRun[]) => withNames(kernels).map(({ label }) => label)
  expect(namesOf(kernel('pack:a', 'debian-6.1'), kernel('debian-6.12'))).toEqual([
    'debian-6.1',
    'debian-6.12',
  ])
  expect(namesOf(kernel('pack:a', 'debian-6.1'), kernel('debian-6.1'))).toEqual(['pack:a', 'debian-6.1'])
  expect(namesOf(kernel('pack:a', 'x'), kernel('pack:b', 'x'))).toEqual(['pack:a', 'pack:b'])
})

test('a run whose report others complete goes on without any kernel', async () => {
  const options = { settings: checkSettings({}), root: '/', progress: silentProgress, orNone: true }
  expect(await prepareKernels(['pack:/nowhere'], options)).toMatchObject([
    { label: 'pack:/nowhere', error: { message: 'there is no pack /nowhere', status: 2 } },
  ])
})
