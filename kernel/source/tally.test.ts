// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { Tally } from './tally.ts'

test('a build is counted by its files, and what is left estimated once some are there', () => {
  const tally = new Tally({ flavour: 'minimal', series: '6.12' }, 0)
  expect(tally.line("make[2]: Entering directory '/x'")).toBeUndefined()
  expect(tally.line('  GEN     include/generated/x.h')).toBeUndefined()
  expect(tally.line('  CC      init/main.o')).toMatch(/^1 of \d+ files$/)
  expect(tally.line('  AS      arch/x86/entry/entry_64.o')).toMatch(/^2 of \d+ files$/)
  for (let i = 0; i < 98; i++) tally.line('  CC      mm/x.o')
  const started = performance.now()
  expect(tally.line('  CC      mm/y.o', started + 60_000)).toMatch(/^101 of \d+ files, about \d+ min left$/)
  expect(tally.line('  LD      .tmp_vmlinux1')).toBe('linking')
})

test('an interrupted build goes on counting where it was, and takes less', () => {
  const whole = new Tally({ flavour: 'minimal', series: '6.12' }, 0)
  const rest = new Tally({ flavour: 'minimal', series: '6.12' }, 700)
  expect(rest.line('  CC      mm/x.o')).toMatch(/^701 of /)
  expect(whole.estimate(2)).toMatch(/min$/)
  expect(rest.estimate(2)).toMatch(/ s$/)
  expect(new Tally({ flavour: 'minimal', series: '6.12' }, 5000).estimate(2)).toBe('10 s')
})

test('a series that was never measured is estimated as the newest', () => {
  expect(new Tally({ flavour: 'debug', series: '8.0' }, 0).estimate(2)).toMatch(/min$/)
})
