// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import type { AttributePolicy } from '../../netlink/index.ts'
import { lengthTrials } from './values.ts'

const lengths = (policy: AttributePolicy | undefined) =>
  lengthTrials(policy, { policies: new Map(), variant: 0 }).map(({ payload }) => payload.length)

test('bytes whose least length the kernel does not tell have all short ones', () => {
  const short = Array.from({ length: 18 }, (_, length) => length)
  expect(lengths({ type: 'BINARY' })).toEqual([...short, 65531])
  expect(lengths({ type: 'BINARY', maximumLength: 20 })).toEqual([...short, 19, 20, 21, 65531])
  expect(lengths(undefined)).toEqual([...short, 65531])
})

test('other attributes have those around their limits', () => {
  expect(lengths({ type: 'BINARY', minimumLength: 6, maximumLength: 6 })).toEqual([0, 1, 5, 6, 7, 65531])
  expect(lengths({ type: 'U32' })).toEqual([0, 1, 3, 4, 5, 65531])
})
