// SPDX-License-Identifier: MIT
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { clockTrouble } from './clock.ts'

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
])('a clock that was not measured: %s', (...texts) => {
  expect(clockTrouble(records(...texts))).toMatch(/^tsc: Marking TSC unstable|^APIC timer disabled/)
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

test('no boot that was recorded for its reports has such a clock', () => {
  const folder = path.resolve(import.meta.dirname, '../verdict/reports/innocent')
  const logs = readdirSync(folder)
  expect(logs.length).toBeGreaterThan(0)
  for (const name of logs)
    expect(
      clockTrouble(records(...readFileSync(path.join(folder, name), 'utf8').split('\n'))),
    ).toBeUndefined()
})
