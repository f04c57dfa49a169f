// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { release } from './together.ts'

test('values that fit to each other are kept as long as they are needed', async () => {
  const base = new Map([1, 2, 3].map(type => [type, Buffer.from([type])]))
  const needing = (...needed: number[]) => {
    const isTaken = async (own: ReadonlyMap<number, Buffer>) => needed.every(type => own.has(type))
    return release(base, isTaken)
  }
  expect([...(await needing(2)).keys()]).toEqual([2])
  expect([...(await needing(1, 3)).keys()]).toEqual([1, 3])
  expect([...(await needing()).keys()]).toEqual([])
})
