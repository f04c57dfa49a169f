// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest'
import { parseKtap } from '../../guest/testing/ktap/parse-ktap.ts'
import { ktap } from './ktap.ts'

describe('the parser that other tests read reports with', () => {
  test('the example of the kernel documentation', () => {
    const { tests, problems } = parseKtap(`KTAP version 1
1..1
  KTAP version 1
  1..3
    KTAP version 1
    1..1
    # test_1: initializing test_1
    ok 1 test_1
  ok 1 example_test_1
    KTAP version 1
    1..2
    ok 1 test_1 # SKIP test_1 skipped
    ok 2 test_2
  ok 2 example_test_2
    KTAP version 1
    1..3
    ok 1 test_1
    # test_2: FAIL
    not ok 2 test_2
    ok 3 test_3 # SKIP test_3 skipped
  not ok 3 example_test_3
not ok 1 main_test
`)
    expect(problems).toEqual([])
    expect(tests).toMatchObject([
      {
        ok: false,
        name: 'main_test',
        tests: [
          { ok: true, tests: [{ name: 'test_1', diagnostics: ['test_1: initializing test_1'] }] },
          { ok: true, tests: [{ directive: 'SKIP', reason: 'test_1 skipped' }, { ok: true }] },
          { ok: false, name: 'example_test_3', tests: [{}, { diagnostics: ['test_2: FAIL'] }, {}] },
        ],
      },
    ])
  })

  test.each([
    ['1..2\nok 1 a', 'the end: 1 results of 2 planned ones'],
    ['ok 1 a', 'the end: no plan'],
    ['1..1\n1..1\nok 1 a', 'line 2: a second plan'],
    ['1..2\nok 1 a\nok 1 b', 'line 3: result 1 in the place of 2'],
    ['1..1\n  KTAP version 1\n  1..1\n  ok 1 a', 'the end: no result for the subtests at depth 1'],
    ['1..1\n  KTAP version 1\n  1..2\n  ok 1 a\nok 1 b', 'line 5: 1 results of 2 planned ones'],
  ])('%j is against the rules', (text, problem) => {
    expect(parseKtap(text).problems).toContain(problem)
  })
})

test('errors outside of tests are a failed test of the report', () => {
  const state = {
    getTestModules: () => [],
    getUnhandledErrors: () => [{ name: 'Error', message: 'nobody\ncaught it' }],
  }
  const { tests, problems } = parseKtap(ktap({ state } as unknown as Parameters<typeof ktap>[0], []))
  expect(problems).toEqual([])
  expect(tests).toMatchObject([
    {
      ok: false,
      name: 'errors outside of tests',
      diagnostics: [/nobody/, 'caught it'].map(text => expect.stringMatching(text)),
    },
  ])
})
