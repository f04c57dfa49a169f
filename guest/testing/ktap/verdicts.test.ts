// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest'
import { parseKtap } from './parse-ktap.ts'
import { verdictsOfProgram } from './run-ktap.ts'
import { type Origin, type Verdict, verdictsOf } from './verdicts.ts'

/** Lines like a reporter's: state, name, the text behind a colon. */
function outline(verdicts: readonly Verdict[]): unknown[] {
  return verdicts.map(({ name, state, text, tests }) =>
    tests.length > 0 ? [name, outline(tests)] : `${state} ${name}${text && `: ${text}`}`,
  )
}
const of = (lines: readonly string[], origin: Origin = { status: 0 }) =>
  outline(
    verdictsOf(
      parseKtap(lines.join('\n'), depth => depth === 0),
      origin,
    ),
  )
const passed = 'passed its report is complete'

describe('results', () => {
  test("kselftest's harness: diagnostics before a result are its text", () => {
    const lines = [
      ...['TAP version 13', '1..4', '# Starting 4 tests from 1 test cases.', '#  RUN           global.a ...'],
      ...['#            OK  global.a', 'ok 1 global.a', '#  RUN           global.b ...'],
      ...['# b.c:12:b:Expected 0 (0) == ret (-1)', '# b: Test terminated by assertion', 'not ok 2 global.b'],
      ...[
        'ok 3 global.c # SKIP no such family',
        'not ok 4 global.d # XFAIL known',
        '# FAILED: 3 / 4 tests passed.',
      ],
      '# Totals: pass:1 fail:1 xfail:1 xpass:0 skip:1 error:0',
    ]
    expect(of(lines, { status: 1, stderr: 'perror: it broke\n' })).toEqual([
      'passed global.a',
      [
        'failed global.b:  RUN           global.b ...\nb.c:12:b:Expected 0 (0) == ret (-1)',
        'b: Test terminated by assertion\n\non stderr:\nperror: it broke',
      ].join('\n'),
      'skipped global.c: no such family',
      'skipped global.d: XFAIL known',
      passed,
    ])
  })

  test('KUnit: suites are groups, also without version lines and plans of subtests', () => {
    const lines = [
      ...['TAP version 14', '1..1', '    # Subtest: example', '    # module: example_test', '    1..3'],
      ...['    ok 1 - simple', '        # Subtest: many', '        ok 1 a', '        ok 2 b # TODO later'],
      ...[
        '    ok 2 - many',
        '    # fails: EXPECTATION FAILED at example.c:29',
        '    Expected 1 + 1 == 3, but',
      ],
      ...['    not ok 3 - fails', '# example: pass:2 fail:1', 'not ok 1 - example'],
    ]
    const text = 'fails: EXPECTATION FAILED at example.c:29\nExpected 1 + 1 == 3, but'
    expect(of(lines)).toEqual([
      ['example', ['passed simple', ['many', ['passed a', 'passed b']], `failed fails: ${text}`]],
      passed,
    ])
  })

  test('KUnit: what a test with parameters logs belongs to the parameter, whose results are indented more', () => {
    const lines = [
      ...['KTAP version 1', '1..1', '    KTAP version 1', '    # Subtest: example', '    1..2'],
      ...['        KTAP version 1', '        # Subtest: each', '        ok 1 small'],
      ...[
        '    # each: EXPECTATION FAILED at example.c:12',
        '    Expected n == 1, but',
        '        not ok 2 large',
      ],
      ...[
        '    # each: pass:1 fail:1 skip:0 total:2',
        '    not ok 1 each',
        '    # after: said',
        '    not ok 2 after',
      ],
      ...['not ok 1 example'],
    ]
    const large = 'failed large: each: EXPECTATION FAILED at example.c:12\nExpected n == 1, but'
    expect(of(lines)).toEqual([
      ['example', [['each', ['passed small', large]], 'failed after: after: said']],
      passed,
    ])
  })

  test.each([
    ['ok 1 a # TODO done already', 'passed a'],
    ['not ok 1 a # TODO to do', 'skipped a: TODO to do'],
    ['ok 1 a # TIMEOUT 45s', 'failed a: TIMEOUT 45s'],
    ['not ok 1 - a # ERROR', 'failed a: ERROR'],
    ['not ok 1 \\#1', 'failed #1: it says no more than: not ok'],
    ['ok - unnumbered', 'passed unnumbered'],
    ['ok 1', 'passed test 1'],
  ])('%j is %j', (line, verdict) => {
    expect(of(['1..1', line])).toEqual([verdict, passed])
  })

  test('a group that fails by itself', () => {
    expect(of(['1..1', '  1..1', '  ok 1 a', '# it leaked', 'not ok 1 group'])).toEqual([
      [
        'group',
        ['passed a', 'failed its report is complete: group is not ok, but its subtests are\nit leaked'],
      ],
      passed,
    ])
  })

  test('a plan of nothing is a skip', () => {
    expect(of(['TAP version 13', '1..0 # SKIP needs root'], { status: 4 })).toEqual([
      'skipped its report is complete: needs root',
    ])
    expect(of(['1..0'])).toEqual(['skipped its report is complete: the program skips all of its tests'])
    expect(of(['1..0', 'ok 1 a']).at(-1)).toMatch(/^failed .*1 results of 0 planned ones$/)
  })
})

describe('a report that is not whole fails a test', () => {
  const failed = (text: string) => `failed its report is complete: ${text}`
  test.each<[readonly string[], Origin, string]>([
    [['1..3', 'ok 1 a'], { status: 0 }, 'the end: 1 results of 3 planned ones'],
    [['ok 1 a'], { status: 0 }, 'the end: no plan'],
    [['1..1'], { status: 0 }, 'the end: 0 results of 1 planned ones'],
    [['1..1', 'ok 1 a'], { status: 2 }, 'it ended with status 2, and reports no failed test'],
    [['1..1', 'not ok 1 a'], { status: 139 }, 'it was ended by signal 11'],
    [['1..2', 'ok 1 a', 'Bail out! no memory', 'ok 2 b'], { status: 0 }, 'line 3: it gave up: no memory'],
    [
      ['hello'],
      { status: 0, stderr: 'usage\n' },
      'it has written no KTAP: neither a plan nor a result\n\nhello\n\non stderr:\nusage',
    ],
  ])('%j, %j', (lines, origin, text) => {
    expect(of(lines, origin).at(-1)).toBe(failed(text))
  })

  test('the tests before its end are there, in their groups', () => {
    expect(of(['1..2', '    # Subtest: deep', '    1..2', '    ok 1 a'], { status: 134 })).toEqual([
      [
        'deep',
        ['passed a', 'failed its report is complete: deep is not ok, but its subtests are\nERROR no result'],
      ],
      failed(
        [
          ...['the end: no result for the subtests at depth 1', 'the end: 1 results of 2 planned ones'],
          ...['the end: 1 results of 2 planned ones', 'it was ended by signal 6'],
        ].join('\n'),
      ),
    ])
  })
})

test.each<[number, string, string]>([
  [0, '', 'passed its exit status'],
  [4, 'SKIP: no ip', 'skipped its exit status: SKIP: no ip'],
  [1, 'FAIL', 'failed its exit status: it ended with status 1\nFAIL'],
])('a program without KTAP, as kselftest judges it: %j, %j', (status, said, verdict) => {
  expect(of([said], { status, byStatus: true })).toEqual([verdict])
})

describe('programs', () => {
  const run = async (script: string, limit = 60_000) =>
    outline(await verdictsOfProgram(['sh', '-c', script], { limit }, {}))

  test('one that hangs has the results until then', async () => {
    expect(await run('echo 1..2; echo ok 1 a; exec sleep 1000', 500)).toEqual([
      'passed a',
      [
        'failed its report is complete: sh -c echo 1..2; echo ok 1 a; exec sleep 1000 did not end within 0.5 s',
        'the end: 1 results of 2 planned ones',
      ].join('\n'),
    ])
  })

  test('one that is killed, or is not there', async () => {
    const [, killed] = await run('echo 1..2; echo ok 1 a; kill -SEGV $$')
    expect(killed).toContain('it was ended by signal 11')
    const [missing] = outline(await verdictsOfProgram(['./nowhere'], {}, { byStatus: true }))
    expect(missing).toContain('ENOENT: there is no program ./nowhere')
    await expect(verdictsOfProgram('date' as unknown as string[], {}, {})).rejects.toThrow(
      'one list of texts',
    )
  })
})
