// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest'
import { ExitStatus } from '../base/errors.ts'
import { matrixTable, textTable } from './matrix-table.ts'
import type { KernelSummary } from './summary.ts'

const none = { passed: 0, failed: 0, skipped: 0, notRun: 0 }
const kernel = {
  ...none,
  release: '',
  origin: '',
  bootTime: 100,
  guests: { forked: 0, restored: 1, booted: 0 },
  error: undefined,
  incomplete: undefined,
  obstacles: [],
  knownReports: [],
}

const kernels: KernelSummary[] = [
  {
    ...kernel,
    label: 'debian-5.10',
    passed: 19,
    failed: 1,
    notRun: 3,
    status: ExitStatus.failed,
    suites: [
      { ...none, suite: 'echo.test.ts', passed: 17, ok: true, duration: 400 },
      { ...none, suite: 'errors.test.ts', passed: 2, failed: 1, notRun: 3, ok: false, duration: 2100 },
    ],
  },
  {
    ...kernel,
    label: 'debian-6.1',
    passed: 17,
    skipped: 2,
    status: ExitStatus.passed,
    suites: [{ ...none, suite: 'echo.test.ts', passed: 17, skipped: 2, ok: true, duration: 350 }],
  },
  {
    ...kernel,
    label: 'pack:a|b.tar',
    status: ExitStatus.machinery,
    error: 'there is no file a|b.tar',
    suites: [{ ...none, suite: 'echo.test.ts', ok: false, duration: 0 }],
  },
]

describe('suites and kernels', () => {
  test('as text: what did not run is told from what passed', () => {
    expect(textTable(matrixTable(kernels))).toBe(
      [
        'suite           debian-5.10                        debian-6.1               pack:a|b.tar',
        'echo.test.ts    ✓ 17 (0.4 s)                       ✓ 17, 2 skipped (0.3 s)  not run',
        'errors.test.ts  ✗ 2, 1 failed, 3 not run (2.1 s)   not run                  not run',
        'all             ✗ 19, 1 failed, 3 not run (2.5 s)  ✓ 17, 2 skipped (0.3 s)  ✗ did not run',
      ].join('\n'),
    )
  })
})
