// SPDX-License-Identifier: MIT
import { constants } from 'node:os'
import { expect, it } from 'vitest'
import { errnoName, errnoNumber } from './errno.ts'

it('agrees with node’s own table where that has a name', () => {
  for (const [name, number] of Object.entries(constants.errno)) {
    expect(errnoNumber(name === 'EWOULDBLOCK' ? 'EAGAIN' : name === 'ENOTSUP' ? 'EOPNOTSUPP' : name)).toBe(
      number,
    )
  }
})

it('knows the ends of the table, and says so when it has no name', () => {
  expect([1, 35, 36, 42, 57, 133, 524].map(errnoName)).toEqual([
    'EPERM',
    'EDEADLK',
    'ENAMETOOLONG',
    'ENOMSG',
    'EBADSLT',
    'EHWPOISON',
    'ENOTSUPP',
  ])
  expect([0, 41, 58, 134].map(errnoName)).toEqual(['E0', 'E41', 'E58', 'E134'])
  expect(() => errnoNumber('ENOSUCH')).toThrow(RangeError)
})
