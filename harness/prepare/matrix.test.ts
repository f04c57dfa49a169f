import { expect, test } from 'vitest'
import { UsageError } from '../base/errors.ts'
import { labelsOf } from './matrix.ts'
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
