// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { modulesOf } from './watch.ts'

const names = ['nlexample', 'nlhello']

test.each([
  [['/m/nlexample/nlexample.c'], ['nlexample']],
  [['/m/nlexample/common.h'], ['nlexample']],
  [['/m/nlhello.c'], ['nlhello']],
  [
    ['/m/nlhello.c', '/m/nlexample/nlexample.h'],
    ['nlhello', 'nlexample'],
  ],
  [['/m/Kbuild'], names],
  [['/m/shared.h', '/m/nlhello.c'], names],
])('%j belongs to %j', (sources, expected) => {
  expect(modulesOf(sources, ['/m'], names)).toEqual(expected)
})
