// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import type { AttributePolicy } from '../../netlink/index.ts'
import { addressTrials, goodPayload, lengthTrials } from './values.ts'

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

test('what may be a MAC address is tried as one of several stations, and of none', () => {
  const making = { policies: new Map(), variant: 0 }
  const tried = (maximumLength: number) => addressTrials({ type: 'BINARY', maximumLength }, making).length
  expect([tried(6), tried(8)]).toEqual([3, 0])
})

test('integers are counted up from the least, or down from the greatest', () => {
  const values = (policy: AttributePolicy, isDown: boolean) =>
    [0, 1, 2].map(variant => goodPayload(policy, { policies: new Map(), variant, isDown }).readUInt32LE())
  const limited = { type: 'U32', minimum: 10n, maximum: 11n }
  expect(values(limited, false)).toEqual([10, 11, 10])
  expect(values(limited, true)).toEqual([11, 10, 11])
  const wide = { type: 'U32', minimum: 0n, maximum: 0xffffffffn }
  expect(values(wide, false)).toEqual([1, 2, 3])
  expect(values(wide, true)).toEqual([60000, 59999, 59998])
})
