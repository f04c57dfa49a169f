// SPDX-License-Identifier: MIT
/** What a KTAP report, and how its program ended, mean for tests. */
import type { KtapReport, KtapTest } from './parse-ktap.ts'

/** A test, or a group of them, as it is declared. */
export interface Verdict {
  readonly name: string
  readonly state: 'passed' | 'failed' | 'skipped'
  /** Why it failed, or was skipped. */
  readonly text: string
  /** Those of a group, which has no state of its own. */
  readonly tests: readonly Verdict[]
}

/** What is known of a report beside its lines. */
export interface Origin {
  /** The exit status of what has written it; undefined where there is none. */
  readonly status?: number | undefined
  /** What has gone wrong with its program: it did not start, or not end. */
  readonly error?: string | undefined
  /** What the program wrote to stderr. */
  readonly stderr?: string | undefined
  /** Whether a program that writes no KTAP is a test by its exit status, as kselftest's own runner has it. */
  readonly byStatus?: boolean
}

/** The exit status of a skipped test: KSFT_SKIP of tools/testing/selftests/kselftest.h. */
const KSFT_SKIP = 4
/** The test of a program that writes no KTAP. */
const WHOLE = 'its exit status'
/** The test of the report itself. */
const COMPLETE = 'its report is complete'

/** The tests of a report; the last one is about the report itself. */
export function verdictsOf(report: KtapReport, origin: Origin): Verdict[] {
  const { status, error, byStatus = false, stderr = '' } = origin
  const isKtap = report.tests.length > 0 || report.hasPlan
  if (!isKtap && byStatus && error === undefined) return [ofStatus(report, origin)]
  const tests = report.tests.map(verdictOf)
  const faults = [
    ...(error === undefined ? [] : [error]),
    ...(isKtap ? report.problems : ['it has written no KTAP: neither a plan nor a result']),
    ...faultOfStatus(status, tests.some(hasFailed)),
  ]
  if (faults.length === 0 && report.skipped !== undefined && tests.length === 0)
    return [leaf(COMPLETE, 'skipped', report.skipped || 'the program skips all of its tests')]
  const about = [faults.join('\n'), report.rest.join('\n'), told(stderr)]
  return [
    ...withErrors(tests, stderr),
    faults.length === 0
      ? leaf(COMPLETE, 'passed')
      : leaf(COMPLETE, 'failed', about.filter(Boolean).join('\n\n')),
  ]
}

function leaf(name: string, state: Verdict['state'], text = ''): Verdict {
  return { name, state, text, tests: [] }
}

function verdictOf(test: KtapTest): Verdict {
  const name = test.name || `test ${test.number}`
  const text = [ended(test), ...test.diagnostics].filter(Boolean).join('\n')
  if (test.tests.length > 0) {
    const tests = test.tests.map(verdictOf)
    const isUnexplained = stateOf(test) === 'failed' && !tests.some(hasFailed)
    const own = leaf(COMPLETE, 'failed', [`${name} is not ok, but its subtests are`, text].join('\n'))
    return { ...leaf(name, 'passed'), tests: isUnexplained ? [...tests, own] : tests }
  }
  const state = stateOf(test)
  if (state === 'skipped') return leaf(name, state, ended(test))
  return state === 'passed' ? leaf(name, state) : leaf(name, state, text || 'it says no more than: not ok')
}

/** A test that is known to fail counts neither way, as in the kernel's own summaries. */
function stateOf({ ok, directive }: KtapTest): Verdict['state'] {
  if (directive === 'SKIP' || directive === 'XFAIL' || (directive === 'TODO' && !ok)) return 'skipped'
  return ok && directive !== 'TIMEOUT' && directive !== 'ERROR' ? 'passed' : 'failed'
}

/** The directive as it stands in the report. */
function ended({ directive, reason }: KtapTest): string {
  if (directive === undefined) return ''
  return directive === 'SKIP' && reason !== '' ? reason : [directive, reason].filter(Boolean).join(' ')
}

function hasFailed({ state, tests }: Verdict): boolean {
  return state === 'failed' || tests.some(hasFailed)
}

/** Programs end with a status of their own when a test has failed; a signal is no such status. */
function faultOfStatus(status = 0, isTold: boolean): string[] {
  if (status > 128) return [`it was ended by signal ${status - 128}`]
  if (status === 0 || status === KSFT_SKIP || isTold) return []
  return [`it ended with status ${status}, and reports no failed test`]
}

function ofStatus({ rest }: KtapReport, { status = 0, stderr = '' }: Origin): Verdict {
  const text = [rest.join('\n'), stderr.trimEnd()].filter(Boolean).join('\n')
  if (status === 0) return leaf(WHOLE, 'passed')
  if (status === KSFT_SKIP) return leaf(WHOLE, 'skipped', text.split('\n').at(-1))
  return leaf(WHOLE, 'failed', [`it ended with status ${status}`, text].filter(Boolean).join('\n'))
}

/** stderr belongs to no test by itself: the first one that failed shows it. */
function withErrors(tests: readonly Verdict[], stderr: string): Verdict[] {
  const first = tests.findIndex(hasFailed)
  return tests.map((test, index) => {
    if (index !== first || stderr.trim() === '') return test
    if (test.tests.length > 0) return { ...test, tests: withErrors(test.tests, stderr) }
    return { ...test, text: `${test.text}\n\n${told(stderr)}` }
  })
}

function told(stderr: string): string {
  return stderr.trim() === '' ? '' : `on stderr:\n${stderr.trimEnd()}`
}
