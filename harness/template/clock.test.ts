// SPDX-License-Identifier: MIT
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { clockTrouble, drift } from './clock.ts'

const records = (...texts: string[]) => texts.map(text => ({ text }))

test.each([
  // minimal-6.12 on a machine of two cores with three guests
  [
    'tsc: Fast TSC calibration failed',
    'tsc: Unable to calibrate against PIT',
    'tsc: No reference (HPET/PMTIMER) available',
    'tsc: Marking TSC unstable due to could not calculate TSC khz',
    'Calibrating delay loop... 433.66 BogoMIPS (lpj=867328)',
  ],
  ['tsc: Detected 2100.007 MHz processor', 'APIC timer disabled due to verification failure'],
  // debian-5.10, load 12: an eighth of the right frequency, and no second look at it
  [
    'tsc: Fast TSC calibration failed',
    'tsc: PIT calibration deviates from PMTIMER: 320892 2593368',
    'tsc: Using PIT calibration value',
    'tsc: Detected 320.892 MHz processor',
  ],
])('a clock that was not measured: %s', (...texts) => {
  expect(clockTrouble(records(...texts))).toMatch(
    /^tsc: Marking TSC unstable|^APIC timer disabled|^tsc: PIT calibration deviates/,
  )
})

test('a clock that was: quickly, or by another', () => {
  expect(
    clockTrouble(
      records(
        'tsc: Fast TSC calibration failed',
        'tsc: PIT calibration matches PMTIMER. 1 loops',
        'tsc: Detected 2099.985 MHz processor',
      ),
    ),
  ).toBeUndefined()
})

test.each([
  // The host was busy during the looks, which took so long; the guest's time at each; what is certain.
  [[300, 10], [1000, 1310], undefined],
  [[300, 200], [1000, 1500], undefined],
  [[300, 0], [1000, 1316], 'its clock is at least 1.1 times too fast'],
  [[300, 10], [1000, 3400], 'its clock is at least 7.5 times too fast'],
  [[300, 10], [1000, 1200], 'its clock is at least 1.5 times too slow'],
  [[300, 10], [1000, 1000], 'its clock is at least 3000.0 times too slow'],
] as const)('looks %j, at %j: %s', ([wait, took], [first, second], said) => {
  const at = took + wait
  const looks = [
    { before: 0, guest: first, after: took },
    { before: at, guest: second, after: at + took },
  ] as const
  expect(drift(...looks)).toBe(said)
})

test('no boot that was recorded for its reports has such a clock', () => {
  const folder = path.resolve(import.meta.dirname, '../verdict/reports/innocent')
  const logs = readdirSync(folder)
  expect(logs.length).toBeGreaterThan(0)
  for (const name of logs)
    expect(
      clockTrouble(records(...readFileSync(path.join(folder, name), 'utf8').split('\n'))),
    ).toBeUndefined()
})
