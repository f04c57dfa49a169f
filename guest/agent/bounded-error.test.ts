// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { boundError } from './bounded-error.ts'

test('a very long text is cut, in the stack too; a usual one stays', () => {
  const long = new Error('x'.repeat(2_000_000))
  boundError(long)
  expect(long.message).toHaveLength(64 * 1024 + ' ... (1934464 characters more)'.length)
  expect(long.message).toMatch(/^x+ \.\.\. \(1934464 characters more\)$/)
  expect(long.stack?.length).toBeLessThan(80_000)
  expect(long.stack).toContain('bounded-error.test.ts')

  const usual = new Error('$& usual')
  const { stack } = usual
  boundError(usual)
  expect(usual).toMatchObject({ message: '$& usual', stack })
})

test('whatever is thrown does no harm', () => {
  const hostile = new Error('a')
  Object.defineProperty(hostile, 'message', {
    get: () => {
      throw new Error('not today')
    },
  })
  for (const thrown of [undefined, null, 'text', 5, hostile, Object.freeze(new Error('x'.repeat(100_000)))])
    expect(() => boundError(thrown)).not.toThrow()
})
